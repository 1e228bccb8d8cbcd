import { DiskStorageTier, TieredStorage } from 'tiered-storage';
import { body, broken, read } from './film.mjs';

const MIB = 2 ** 20;

function same(found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

const [warm, cold] = ['warm', 'cold'].map((name) => new DiskStorageTier({ directory: `tiers/${name}` }));
let storage = await TieredStorage.open({ tiers: { warm, cold }, rangeCaching: MIB });
const sum = (300_000 * 15 * 16) / 2;
await storage.setStream('film', body());
same(await read(storage), ['warm', 4_800_000, sum]);
await storage.clearTier('warm');
same(await read(storage), ['cold', 4_800_000, sum]);
await storage.touch('film', 3_600_000);
for (const source of ['cold', 'warm']) {
  const part = await storage.getRange('film', { start: MIB + 5, end: MIB + 7 });
  same([part.source, [...part.data]], [source, [3, 3]]);
  await storage.settled();
}
await storage.getRange('film', { start: 0 });
await storage.settled();
same(await read(storage), ['warm', 4_800_000, sum]);
await storage.close();
storage = await TieredStorage.open({ tiers: { warm, cold } });
same(await read(storage), ['warm', 4_800_000, sum]);
same(await storage.setStream('film', broken()).catch((error) => error.kind), 'unavailable');
same(await read(storage), ['warm', 4_800_000, sum]);
await storage.delete('film');
same(await storage.getStream('film'), null);
await storage.close();
console.log('bodies in pieces and in part');
