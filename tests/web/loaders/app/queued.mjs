import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { WriteQueue } from 'tiered-storage/queue';

// A page cannot fail visibly; what went wrong is looked at as well.
const explain = (error) => `failed: ${error.stack} ${error.cause?.stack ?? ''}`;
globalThis.result = queued().catch(explain);

async function queued() {
  const storage = await TieredStorage.open({ tiers: { cold: new MemoryStorageTier() } });
  const refused = await WriteQueue.open(storage, { directory: 'folder' }).catch((error) => error.kind);
  const queue = await WriteQueue.open(storage, { send: 'manual' });
  await queue.set('greeting', { text: 'hello' });
  await queue.flush();
  await queue.close();
  const value = await storage.get('greeting');
  await storage.close();
  return `${refused}, stored ${JSON.stringify(value)}`;
}
