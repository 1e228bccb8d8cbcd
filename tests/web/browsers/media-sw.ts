/** A service worker that answers players from a storage. Where its S3 is, the query of its URL says. */

import { IndexedDBStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';
import { respond } from 'tiered-storage/http';

/** What there is in a service worker, as far as it is used here. */
interface Worker {
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  addEventListener(type: string, listener: (event: FetchEvent) => void): void;
}
interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Response | Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

const worker = globalThis as unknown as Worker;
const MEDIA = '/media/';
let opened: Promise<TieredStorage> | undefined;
/** The ranges that were asked for, and the statuses they were answered with. */
const asked: [range: string | null, status: number][] = [];

worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname === '/asked') event.respondWith(Response.json(asked));
  else if (pathname.startsWith(MEDIA)) event.respondWith(answer(event, decodeURIComponent(pathname.slice(MEDIA.length))));
});

/** The storage, opened for the first request that needs it. */
function open(): Promise<TieredStorage> {
  const { bucket = '', prefix, endpoint, accessKeyId = '', secretAccessKey = '' } = Object.fromEntries(new URLSearchParams(location.search));
  const cold = new S3StorageTier({ bucket, prefix, endpoint, credentials: { accessKeyId, secretAccessKey } });
  opened ??= TieredStorage.open({ tiers: { warm: new IndexedDBStorageTier(), cold }, promotionStrategy: 'eager' });
  return opened;
}

async function answer(event: FetchEvent, key: string): Promise<Response> {
  const storage = await open();
  const response = await respond(storage, event.request, { key, cacheControl: 'no-store' });
  asked.push([event.request.headers.get('range'), response.status]);
  event.waitUntil(storage.settled());
  return response;
}
