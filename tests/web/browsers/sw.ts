/** A service worker that answers from a storage. Where its S3 is, the query of its URL says. */

import { IndexedDBStorageTier, MemoryStorageTier, S3StorageTier, StorageError, TieredStorage } from 'tiered-storage';

/** What there is in a service worker, as far as it is used here. */
interface Worker {
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  addEventListener(type: string, listener: (event: FetchEvent) => void): void;
}
interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

const worker = globalThis as unknown as Worker;
const ENTRIES = '/entries/';
let opened: Promise<TieredStorage<Uint8Array>> | undefined;

worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.mode === 'navigate') event.respondWith(answer(event, 'index.html'));
  else if (pathname.startsWith(ENTRIES)) event.respondWith(answer(event, decodeURIComponent(pathname.slice(ENTRIES.length))));
});

/** The storage, opened for the first request that needs it. */
function open(): Promise<TieredStorage<Uint8Array>> {
  const { bucket = '', prefix, endpoint, accessKeyId = '', secretAccessKey = '', tabs } = Object.fromEntries(new URLSearchParams(location.search));
  const credentials = { accessKeyId, secretAccessKey };
  opened ??= TieredStorage.open<Uint8Array>({
    tiers: { ...(tabs && { hot: new MemoryStorageTier() }), warm: new IndexedDBStorageTier(), cold: new S3StorageTier({ bucket, prefix, endpoint, credentials, attempts: 1 }) },
    promotionStrategy: 'eager',
    tabs,
  });
  return opened;
}

async function answer(event: FetchEvent, key: string): Promise<Response> {
  try {
    const storage = await open();
    const found = await storage.getWithMetadata(key);
    event.waitUntil(storage.settled());
    if (!found) return new Response('not found', { status: 404 });
    const headers = { 'content-type': found.metadata.mimeType ?? 'application/octet-stream', 'x-source': found.source };
    return new Response(found.data as Uint8Array<ArrayBuffer>, { headers });
  } catch (error) {
    return new Response(error instanceof StorageError ? error.kind : String(error), { status: 504 });
  }
}
