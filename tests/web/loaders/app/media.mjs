import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { respond } from 'tiered-storage/http';

const cold = new MemoryStorageTier();

export default {
  async fetch(request, _env, context) {
    const storage = await TieredStorage.open({ tiers: { cold } });
    try {
      const body = new TextEncoder().encode('hello world');
      if (!(await storage.exists('hello.txt'))) await storage.set('hello.txt', body);
      if (!(await storage.exists('packed.txt'))) await storePacked(body);
      return await respond(storage, request);
    } finally {
      context.waitUntil(storage.close());
    }
  },
};

/** As another program would. */
async function storePacked(body) {
  const stream = new Blob([body]).stream().pipeThrough(new CompressionStream('gzip'));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const now = new Date();
  const dates = { createdAt: now, lastAccessed: now, accessCount: 0 };
  await cold.set('packed.txt', packed, { key: 'packed.txt', size: packed.length, ...dates, compressed: false, checksum: '', encoding: 'gzip' });
}
