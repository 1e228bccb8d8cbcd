/** A service worker that sends what pages have queued. */

import { S3StorageTier, TieredStorage } from 'tiered-storage';
import { WriteQueue, flushOnSync } from 'tiered-storage/queue';
import type { Place } from './page.js';

const place = JSON.parse(new URL(location.href).searchParams.get('place') ?? '{}') as Place;

async function open(): Promise<WriteQueue> {
  const { endpoint, accessKeyId, secretAccessKey, prefix } = place;
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint, prefix, credentials: { accessKeyId, secretAccessKey } });
  return WriteQueue.open(await TieredStorage.open({ tiers: { cold } }), { name: prefix, send: 'manual' });
}

flushOnSync(open, place.prefix);
