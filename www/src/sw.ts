/** The service worker: the app without a network, and entries at `/media/PLACE/?key=KEY`, with seeking. */

import { StorageError, type TieredStorage } from 'tiered-storage';
import { publishTo } from 'tiered-storage/inspector';
import { sandboxed, serve } from 'tiered-storage/sw';
import { nameOf } from './catalog.js';
import { typeOf } from './kinds.js';
import { opened } from './opened.js';
import { channelOf, isUnder, type Access } from './place.js';
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

interface Known {
  /** What it was opened with; other credentials are another storage. */
  readonly told: string;
  readonly storage: Promise<TieredStorage>;
}
/** By place, the folders whose copies are not given up. */
const pinned = new Map<string, readonly string[]>();
const storages = new Map<string, Known>();
const waiting = new Map<string, ((known: Known) => void)[]>();

serve({
  base: '/media/',
  key: ({ searchParams }) => searchParams.get('key') || undefined,
  storage: ({ url }) => storageOf(new URL(url).pathname.split('/')[2] ?? ''),
  headers: (response, key, { searchParams }) => ({ ...sandboxed(typed(response, key)), ...(searchParams.has('save') && attached(key)) }),
  shell: { name: 'library', navigate: '/', ...SHELL_FILES },
});

scope.addEventListener('message', ({ data }) => {
  if (data?.type !== 'access') return;
  pinned.set(data.id, data.pinned);
  const told = JSON.stringify(data.access);
  const known = storages.get(data.id);
  // A tab that does not know the key takes it from nobody.
  if (known?.told !== told && !(known && data.access.isLocked)) {
    // Answers that are on their way end before the old one closes.
    void known?.storage.then((storage) => storage.close()).catch(() => undefined);
    storages.set(data.id, { told, storage: open(data.id, data.access) });
  }
  for (const take of waiting.get(data.id) ?? []) take(storages.get(data.id) as Known);
  waiting.delete(data.id);
});

/** Has the browser keep an entry as a file: it asks no service worker for what a link with `download` names. */
function attached(key: string): Record<string, string> {
  const name = encodeURIComponent(nameOf(key)).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
  return { 'content-disposition': `attachment; filename*=UTF-8''${name}` };
}

/** An answer with the type that its name says, where whoever stored it named none: browsers show no drawing without it. */
function typed(response: Response, key: string): Response {
  const type = response.headers.get('content-type') ?? '';
  const other = /^(application|binary)\/octet-stream$|^$/.test(type) ? typeOf(key) : undefined;
  if (other) response.headers.set('content-type', other);
  return response;
}

/** The storage of a place. A worker that was stopped has forgotten it, and asks the pages. */
async function storageOf(id: string): Promise<TieredStorage> {
  const known = storages.get(id);
  if (known) return known.storage;
  const answered = new Promise<Known>((resolve, reject) => {
    waiting.set(id, [...(waiting.get(id) ?? []), resolve]);
    setTimeout(() => reject(new StorageError('unavailable', 'no page says where its entries are')), ANSWER_MS);
  });
  await tellPages({ type: 'who', id });
  return (await answered).storage;
}

async function open(id: string, access: Access): Promise<TieredStorage> {
  const { storage, inside } = await opened(id, access, HOT_BYTES, (key) => isUnder(pinned.get(id) ?? [], key));
  storage.on('promoted', ({ tier, key }) => tier === 'warm' && void tellPages({ type: 'kept', id, key }));
  publishTo(storage, channelOf(id), inside);
  return storage;
}

async function tellPages(said: Said): Promise<void> {
  for (const client of await scope.clients.matchAll()) client.postMessage(said);
}
