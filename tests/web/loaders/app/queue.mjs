import { DiskStorageTier, TieredStorage } from 'tiered-storage';
import { WriteQueue } from 'tiered-storage/queue';

const storage = await TieredStorage.open({ tiers: { cold: new DiskStorageTier({ directory: 'queued/cold' }) } });
const open = () => WriteQueue.open(storage, { directory: 'queued/queue', send: 'manual' });
const said = [];
let queue;
try {
  queue = await open();
} catch (error) {
  said.push(error.kind);
}
if (queue && (await queue.pending()).length === 0) {
  await queue.set('film', new Blob([new Uint8Array(3_000_000).fill(7)]), { ifAbsent: true });
  // The next process finds it; this one waits to be killed.
  console.log('held');
  setInterval(() => undefined, 1000);
} else if (queue) {
  const { id } = await queue.set('given up', { text: 'no' });
  await queue.set('note', { text: 'hello' });
  await queue.cancel(id);
  await queue.close();
  queue = await open();
  said.push((await queue.pending()).map(({ key, size }) => `${key} ${size}`));
  queue.on('sent', ({ write }) => said.push(`sent ${write.key}`));
  await queue.flush();
  said.push((await storage.get('film')).length, await storage.get('note'), (await queue.pending()).length);
  await queue.close();
}
await storage.close();
if (said.length) console.log(JSON.stringify(said));
