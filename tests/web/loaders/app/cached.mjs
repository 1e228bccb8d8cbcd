import { body, broken, read } from './film.mjs';

/** Has a long body go through a cache. */
export async function cached({ CacheApiStorageTier, MemoryStorageTier, TieredStorage }) {
  const warm = new CacheApiStorageTier({ name: 'films' });
  const cold = new MemoryStorageTier({ durable: true });
  const storage = await TieredStorage.open({ tiers: { warm, cold } });
  const said = [];
  await storage.setStream('film', body());
  said.push((await read(storage)).join(' '));
  const { data, source } = await storage.getRange('film', { start: 1_199_999, end: 1_200_001 });
  said.push(`${source} ${data}`);
  said.push(await storage.setStream('film', broken()).catch((error) => error.kind));
  await storage.touch('film', 3_600_000);
  said.push((await read(storage)).join(' '));
  await storage.delete('film');
  said.push(await storage.get('film'));
  await storage.close();
  return said.join(', ');
}
