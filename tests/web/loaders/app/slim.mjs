import { readFile } from 'node:fs/promises';
import { MemoryStorageTier, TieredStorage, init } from 'tiered-storage/slim';
import { roundTrip } from './app.mjs';

const early = await roundTrip({ MemoryStorageTier, TieredStorage }).catch((error) => error.kind);
if (early !== 'invalid') throw new Error(`before init(): ${early}`);
await init(readFile(new URL(import.meta.resolve('tiered-storage/tiers.wasm'))));
console.log(await roundTrip({ MemoryStorageTier, TieredStorage }));
