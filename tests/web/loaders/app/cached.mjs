const PIECES = 16;

/** Pieces of 300,000 bytes, each of another kind. */
async function* body() {
  for (let at = 0; at < PIECES; at++) yield new Uint8Array(300_000).fill(at);
}

async function read(storage) {
  const { stream, source } = await storage.getStream('film');
  let [size, sum] = [0, 0];
  for await (const piece of stream) {
    size += piece.length;
    for (const byte of piece) sum += byte;
  }
  return `${source} ${size} ${sum}`;
}

/** Has a long body go through a cache. */
export async function cached({ CacheApiStorageTier, MemoryStorageTier, TieredStorage }) {
  const warm = new CacheApiStorageTier({ name: 'films' });
  const cold = new MemoryStorageTier({ durable: true });
  const storage = await TieredStorage.open({ tiers: { warm, cold } });
  const said = [];
  await storage.setStream('film', body());
  said.push(await read(storage));
  const { data, source } = await storage.getRange('film', { start: 1_199_999, end: 1_200_001 });
  said.push(`${source} ${data}`);
  const broken = (async function* () {
    yield* body();
    throw new Error('torn');
  })();
  said.push(await storage.setStream('film', broken).catch((error) => error.kind));
  await storage.touch('film', 3_600_000);
  said.push(await read(storage));
  await storage.delete('film');
  said.push(await storage.get('film'));
  await storage.close();
  return said.join(', ');
}
