/** Service workers over a storage: entries as answers, and the files that an app starts from. */

import { StorageError } from './errors.js';
import { HEADER, keyUnder, respond } from './http.js';
import { check, isFunction, isText, type Check, type Rules } from './options.js';
import type { TieredStorage } from './storage.js';
import { Shell, type ShellOptions } from './sw/shell.js';
import { pathOf, refusal, type FetchEventLike, type MessageEventLike, type WorkerEvent, type WorkerScope } from './sw/scope.js';

/** What a service worker answers from. */
export interface ServiceWorkerOptions {
  /**
   * The storage that answers a request, asked for each. Keep what it opened: it is not closed here. What it throws is
   * answered as a failure of the storage is.
   */
  storage: (request: Request, clientId: string) => TieredStorage | Promise<TieredStorage>;
  /** The paths of entries begin with this, such as `/media/`; what follows, decoded, is the key. With slashes at both ends. */
  base: string;
  /** Which entry a URL under `base` names, in place of that. `undefined` is a 404. */
  key?: ((url: URL) => string | undefined | Promise<string | undefined>) | undefined;
  /** The header `cache-control` of entries. Default `no-store`: the tiers are the cache. */
  cacheControl?: string | undefined;
  /** Headers to add to an entry's answer or to put in place of its own: `sandboxed`, for what users brought. */
  headers?: ((response: Response, key: string, url: URL) => Record<string, string> | Promise<Record<string, string>>) | undefined;
  /** The files that the app starts from, kept for when there is no network. */
  shell?: ShellOptions | undefined;
  /** In place of the global one, for tests. */
  scope?: WorkerScope | undefined;
}

const isObject: Check = (value) => typeof value === 'object' && value !== null;
const OPTIONS: Rules = {
  storage: [isFunction, 'a function that gives a TieredStorage'],
  base: [(value) => isText(value) && /^\/(?![/\\])([^?#]*\/)?$/.test(value as string), "a path with slashes at both ends, such as '/media/'"],
  key: [isFunction, 'a function'],
  cacheControl: HEADER,
  headers: [isFunction, 'a function'],
  shell: [isObject, 'an object with `name`, `version` and `files`'],
  scope: [isObject, 'a service worker'],
};

/** What a page posts to a waiting worker. */
const ACTIVATE = 'tiered-storage: activate';
/** What asks for code, or for how a page looks. None of it may come from entries. */
const CODE = new Set(['script', 'style', 'worker', 'sharedworker', 'serviceworker', 'audioworklet', 'paintworklet', 'manifest', 'json']);

/**
 * Makes this service worker answer from a storage. Call it while the script runs first: browsers hand no event to
 * listeners that came later. Nothing is opened before it is needed.
 *
 * Under `base`, requests of this origin are answered as `respond` does it: 200, 206, 304, 404 and 416. Where the storage
 * cannot be reached and has no copy, the answer is a 503 in plain words; where it was refused, a 403. Scripts, styles and
 * workers are refused there: entries are content, not code. The files of the `shell`, and navigations, are answered from
 * the Cache API, all of one version. Every other request goes its own way.
 *
 * Fails as `invalid` for options that cannot be right, and as `unsupported` outside of a service worker.
 *
 * ```ts
 * import { IndexedDBStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';
 * import { sandboxed, serve } from 'tiered-storage/sw';
 *
 * let opened: Promise<TieredStorage> | undefined;
 * const open = () => TieredStorage.open({ tiers: { warm: new IndexedDBStorageTier(), cold: new S3StorageTier({ bucket: 'films' }) } });
 * serve({
 *   base: '/media/',
 *   storage: () => (opened ??= open()),
 *   headers: sandboxed,
 *   shell: { name: 'my-app', version: '7', files: ['/', '/app.js', '/app.css'], navigate: '/' },
 * });
 * ```
 */
export function serve(options: ServiceWorkerOptions): void {
  const given = check<ServiceWorkerOptions>(options, OPTIONS, 'the options of `serve`', 'options with `storage` and `base` are needed');
  if (!given.storage || given.base === undefined) throw new StorageError('invalid', '`serve` needs `storage` and `base`');
  const scope = given.scope ?? (globalThis as unknown as WorkerScope);
  const shell = given.shell && new Shell(given.shell, scope);
  const base = pathOf(given.base);
  // A page has no clients; it would listen for events that never come.
  if (!isObject(scope.clients) || !isFunction(scope.addEventListener)) {
    throw new StorageError('unsupported', '`serve` is called where there is no service worker; call it in the script of one');
  }
  scope.addEventListener('install', (event: WorkerEvent) => event.waitUntil(shell?.install() ?? Promise.resolve()));
  scope.addEventListener('activate', (event: WorkerEvent) => {
    event.waitUntil(Promise.all([shell?.activate(), scope.clients.claim()]));
  });
  scope.addEventListener('message', (event: MessageEventLike) => {
    if (event.data === ACTIVATE) event.waitUntil(scope.skipWaiting());
  });
  scope.addEventListener('fetch', (event: FetchEventLike) => {
    const url = new URL(event.request.url);
    if (url.origin !== scope.location.origin) return;
    if (url.pathname.startsWith(base)) event.respondWith(answer({ ...given, base }, event, url));
    else if (shell?.takes(event.request, url)) event.respondWith(shell.answer(event.request, url));
  });
}

/**
 * Headers under which content of others does not run: documents are in a sandbox without scripts, forms, and requests; what
 * would be a script is plain text; and no type is guessed. For the `headers` of `serve`.
 */
export function sandboxed(response: Response): Record<string, string> {
  const type = response.headers.get('content-type') ?? 'application/octet-stream';
  const headers: Record<string, string> = {
    'content-type': /script|json|wasm|css/i.test(type) ? 'text/plain; charset=utf-8' : type,
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  };
  // The viewers of browsers do not show a PDF in a sandbox, and run it in one of their own.
  if (/^application\/pdf\b/i.test(type)) return headers;
  const policy = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox";
  return { ...headers, 'content-security-policy': policy };
}

/**
 * Has the waiting worker of a registration take over, in a page: `controllerchange` follows, and then is the time to load
 * the page anew. `false` if none waits.
 */
export function activateWaiting(registration: ServiceWorkerRegistration): boolean {
  registration.waiting?.postMessage(ACTIVATE);
  return registration.waiting !== null;
}

async function answer(options: ServiceWorkerOptions, event: FetchEventLike, url: URL): Promise<Response> {
  const { base, cacheControl = 'no-store', headers } = options;
  const { request, clientId } = event;
  if (CODE.has(request.destination)) return refusal(403, 'Entries are no code.');
  let response: Response | undefined;
  try {
    const key = options.key ? await options.key(url) : keyUnder(url, base);
    if (key === undefined) return refusal(404, 'There is no such entry.');
    const storage = await options.storage(request, clientId);
    response = await respond(storage, request, { key, cacheControl });
    // Promotions go on after the answer; the worker must not be stopped in the middle of them.
    event.waitUntil(storage.settled().catch(() => undefined));
    return headers ? changed(response, await headers(response, key, url)) : response;
  } catch (error) {
    // What nobody reads holds what it is read from.
    response?.body?.cancel().catch(() => undefined);
    return failure(error);
  }
}

function changed(response: Response, headers: Record<string, string>): Response {
  const { status, statusText, body } = response;
  const all = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  return new Response(body, { status, statusText, headers: all });
}

/** What a failure of the storage is to a client. Keys that cannot be, are not there. */
function failure(error: unknown): Response {
  const { kind } = StorageError.from(error, 'the storage failed', undefined, 'internal');
  if (kind === 'invalid') return refusal(404, 'There is no such entry.');
  if (kind === 'denied') return refusal(403, 'The storage refuses access to this entry.');
  if (kind === 'unavailable') return refusal(503, 'This entry is not on this device, and the storage cannot be reached.');
  return refusal(500, 'The storage failed.');
}

