/** The service worker: the app without a network, and entries at `/media/PLACE/?key=KEY`, with seeking. */

import { IndexedDBStorageTier, MemoryStorageTier, StorageError, TieredStorage, type StorageEvent } from 'tiered-storage';
import { publishTo } from 'tiered-storage/inspector';
import { sandboxed, serve } from 'tiered-storage/sw';
import { FRESH_MS, STALE_MS } from './freshness.js';
import { typeOf } from './kinds.js';
import { Network } from './network.js';
import { channelOf, coldOf, databaseOf, type Access } from './place.js';
import type { Said, Told } from './worker-link.js';

interface Client {
  postMessage(message: Said): void;
}
interface Global {
  readonly clients: { matchAll(): Promise<readonly Client[]> };
  addEventListener(type: 'message', listener: (event: MessageEvent<Told>) => void): void;
}

/** For small pictures, which are asked for again and again. */
const HOT_BYTES = 16 * 2 ** 20;
const scope = globalThis as unknown as Global;
/** How long a page may take to say where its entries are. */
const ANSWER_MS = 3_000;
/** The files that the app starts from: the build puts them in place of this name. */
declare const SHELL_FILES: { version: string; files: string[] };

interface Opened {
  /** What it was opened with; other credentials are another storage. */
  readonly told: string;
  readonly storage: Promise<TieredStorage>;
}
const opened = new Map<string, Opened>();
const waiting = new Map<string, ((opened: Opened) => void)[]>();

serve({
  base: '/media/',
  key: ({ searchParams }) => searchParams.get('key') || undefined,
  storage: ({ url }) => storageOf(new URL(url).pathname.split('/')[2] ?? ''),
  headers: (response, key) => sandboxed(typed(response, key)),
  shell: { name: 'library', navigate: '/', ...SHELL_FILES },
});

scope.addEventListener('message', ({ data }) => {
  if (data?.type !== 'access') return;
  const told = JSON.stringify(data.access);
  const known = opened.get(data.id);
  if (known?.told !== told) {
    // Answers that are on their way end before the old one closes.
    void known?.storage.then((storage) => storage.close()).catch(() => undefined);
    opened.set(data.id, { told, storage: open(data.id, data.access) });
  }
  for (const take of waiting.get(data.id) ?? []) take(opened.get(data.id) as Opened);
  waiting.delete(data.id);
});

/** An answer with the type that its name says, where whoever stored it named none: browsers show no drawing without it. */
function typed(response: Response, key: string): Response {
  const type = response.headers.get('content-type') ?? '';
  const other = /^(application|binary)\/octet-stream$|^$/.test(type) ? typeOf(key) : undefined;
  if (other) response.headers.set('content-type', other);
  return response;
}

/** The storage of a place. A worker that was stopped has forgotten it, and asks the pages. */
async function storageOf(id: string): Promise<TieredStorage> {
  const known = opened.get(id);
  if (known) return known.storage;
  const answered = new Promise<Opened>((resolve, reject) => {
    waiting.set(id, [...(waiting.get(id) ?? []), resolve]);
    setTimeout(() => reject(new StorageError('unavailable', 'no page says where its entries are')), ANSWER_MS);
  });
  await tellPages({ type: 'who', id });
  return (await answered).storage;
}

async function open(id: string, access: Access): Promise<TieredStorage> {
  const network = new Network();
  const tiers = {
    hot: new MemoryStorageTier({ maxSizeBytes: HOT_BYTES }),
    warm: new IndexedDBStorageTier({ name: databaseOf(id) }),
    cold: coldOf(access, network.fetch),
  };
  const storage = await TieredStorage.open({
    tiers,
    promotionStrategy: 'eager',
    revalidateAfter: FRESH_MS,
    staleIfUnavailable: STALE_MS,
    tabs: databaseOf(id),
    onEvent: (event: StorageEvent) => {
      if (event.type === 'promoted' && event.tier === 'warm') void tellPages({ type: 'kept', id, key: event.key });
    },
  });
  publishTo(storage, channelOf(id), { tiers, limits: { hot: HOT_BYTES }, prices: {}, network: network.fetch });
  return storage;
}

async function tellPages(said: Said): Promise<void> {
  for (const client of await scope.clients.matchAll()) client.postMessage(said);
}
