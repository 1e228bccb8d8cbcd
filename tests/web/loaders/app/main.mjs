import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { roundTrip } from './app.mjs';

// A page cannot fail visibly; what went wrong is looked at as well.
const explain = (error) => `failed: ${error.stack} ${error.cause?.stack ?? ''}`;
globalThis.result = roundTrip({ MemoryStorageTier, TieredStorage }).catch(explain);
