import { MemoryStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';

const hot = new MemoryStorageTier();

export default {
  async fetch(request, _env, context) {
    const { pathname, searchParams } = new URL(request.url);
    const { endpoint, accessKeyId, secretAccessKey } = JSON.parse(searchParams.get('s3'));
    const cold = new S3StorageTier({ bucket: 'bucket', endpoint, credentials: { accessKeyId, secretAccessKey } });
    const storage = await TieredStorage.open({ tiers: { hot, cold }, promotionStrategy: 'eager' });
    try {
      if (pathname === '/get') {
        const found = await storage.getWithMetadata('key');
        return Response.json([found?.data, found?.source]);
      }
      await storage.set('key', 'value');
      await storage.clearTier('hot');
      return new Response('set');
    } finally {
      context.waitUntil(storage.close());
    }
  },
};
