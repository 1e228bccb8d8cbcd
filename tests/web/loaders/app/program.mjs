import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { roundTrip } from './app.mjs';

console.log(await roundTrip({ MemoryStorageTier, TieredStorage }));
