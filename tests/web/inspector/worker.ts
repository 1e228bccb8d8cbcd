/** A worker with a storage, which it publishes. */

import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { publishTo } from 'tiered-storage/inspector';

const tiers = { hot: new MemoryStorageTier(), cold: new MemoryStorageTier({ durable: true }) };
const storage = await TieredStorage.open({ tiers, promotionStrategy: 'eager' });
await storage.set('from/worker', 'value', { onlyTiers: ['cold'] });
publishTo(storage, 'worker', { tiers });
