/** Service workers over any storage: whatever is asked for is answered, or left alone. */

import { TieredStorage } from 'tiered-storage';
import { sandboxed, serve, type ServiceWorkerOptions, type WorkerScope } from 'tiered-storage/sw';
import { hostile, hostileFunction, strike, text } from './hostile.js';
import { key, object, request, tier, value, type Maker } from './plausible.js';
import type { Random } from './random.js';

const ORIGIN = 'https://app.test';
const BASES = ['/media/', '/', '/a b/', '/\u00e9/'];

/** Has a call judged: what it throws, and whether it ends. */
type Attempt = (title: string, words: unknown[], call: () => unknown) => Promise<unknown>;

const path: Maker = (random) => {
  const odd = ['%ff', '%', '%2e%2e/a', '..', 'a%00', '?key=a', '#a', 'a/../../b', 'x'.repeat(2_000), '\u{1f600}', '/', '\\'];
  return `${random.pick([...BASES, '', '/app.js', '/media'])}${random.pick([key(random), ...odd, encodeURIComponent(String(key(random)))])}`;
};
const headerValue: Maker = (random) => {
  const numbers = ['', '0', '3', '-1', '999', '18446744073709551616', '1e3', ' 1', 'NaN'];
  const range = `bytes=${random.pick(numbers)}-${random.pick(numbers)}`;
  return random.pick([range, `${range},${range}`, 'bytes=', 'bytes', 'items=0-1', '*', '"a", W/"b"', 'Thu, 01 Jan 2026 00:00:00 GMT', text(random)]);
};
const NAMES = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'x-other'];

/** One that a browser could make, or what looks like one and lets through what a browser would not. */
function asked(random: Random): object | undefined {
  try {
    if (random.chance(0.2)) return { ...(request(random) as object), url: new URL(String(path(random)), ORIGIN).href };
    const headers = Array.from({ length: random.below(4) }, (): [string, string] => [random.pick(NAMES), String(headerValue(random))]);
    const signal = random.pick([undefined, undefined, AbortSignal.abort(), AbortSignal.timeout(1)]);
    const method = random.pick(['GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE', 'FOO', 'get']);
    const url = new URL(String(path(random)), random.pick([ORIGIN, ORIGIN, ORIGIN, 'https://other.test']));
    const made = new Request(url, { method, headers, ...(signal && { signal }) });
    const more = { mode: random.pick(['navigate', 'cors']), destination: random.pick(['', '', 'image', 'script', 'document', 'json']) };
    for (const [name, value] of Object.entries(more)) Object.defineProperty(made, name, { value });
    return made;
  } catch {
    // Not even a browser lets that through.
    return undefined;
  }
}

/** A service worker whose caches and network fail now and then. */
class Scope {
  readonly listeners = new Map<string, (event: never) => void>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  asScope(): WorkerScope {
    const kept = new Map<string, Response>();
    const ill = <T>(work: () => T) => async (): Promise<T> => (this.#random.chance(0.2) ? strike() : work());
    const cache = {
      put: (path: string, response: Response) => ill(() => kept.set(path, response))(),
      match: (path: string) => ill(() => kept.get(path)?.clone())(),
    };
    const scope = {
      location: { origin: ORIGIN },
      clients: { claim: ill(() => undefined) },
      caches: { open: ill(() => cache), keys: ill(() => ['app@0', 'app@1']), delete: ill(() => true) },
      fetch: ill(() => new Response('from the network', { status: this.#random.pick([200, 404, 500]) })),
      skipWaiting: ill(() => undefined),
      addEventListener: (type: string, listener: (event: never) => void) => this.listeners.set(type, listener),
    };
    return scope as unknown as WorkerScope;
  }
}

function optionsOf(random: Random, scope: Scope, storage: () => unknown): object {
  const shell = (random: Random): object =>
    object(random, { name: () => 'app', version: () => '1', files: () => ['/', '/app.js', '/a b.js'], navigate: () => '/' }, 0.95);
  const given = object(random, {
    key: (random) => random.pick([() => String(key(random)), () => undefined, hostileFunction(random)]),
    cacheControl: (random) => random.pick(['no-cache', 'max-age=5, public', text(random)]),
    headers: (random) => random.pick([sandboxed, () => ({ 'x-a': 'b' }), () => ({ [text(random)]: text(random) }), hostileFunction(random)]),
    shell,
  });
  return { base: random.chance(0.95) ? random.pick(BASES) : hostile(random), storage, ...given, scope: scope.asScope() };
}

async function storageOf(random: Random): Promise<TieredStorage | undefined> {
  const cold = tier(random) as never;
  const storage = await TieredStorage.open({ tiers: { cold }, tierTimeout: 20 }).catch(() => undefined);
  for (const name of ['a', 'a/b', '__proto__']) await storage?.set(name, value(random) as never, { mimeType: 'image/svg+xml' }).catch(() => undefined);
  return storage;
}

/** Starts one worker, and has it asked for all sorts of things. */
export async function playWorker(random: Random, attempt: Attempt): Promise<void> {
  const storage = await storageOf(random);
  const other = hostileFunction(random);
  const isHostile = storage === undefined || random.chance(0.2);
  const scope = new Scope(random);
  const options = optionsOf(random, scope, isHostile ? other : () => storage);
  await attempt('serve', [options], () => serve((random.chance(0.05) ? hostile(random) : options) as ServiceWorkerOptions));
  const running: Promise<unknown>[] = [];
  for (let at = random.below(12); at > 0; at -= 1) {
    const type = random.pick(['fetch', 'fetch', 'fetch', 'fetch', 'install', 'activate', 'message']);
    const made = type === 'fetch' ? asked(random) : { data: random.pick(['tiered-storage: activate', hostile(random)]) };
    const listener = scope.listeners.get(type);
    if (!made || !listener) continue;
    const told = (): Promise<void> => (type === 'fetch' ? answered(listener, made) : tell(listener, made));
    running.push(attempt(`a worker's ${type}`, [made], told));
    if (random.chance(0.3)) await Promise.all(running.splice(0));
  }
  await Promise.all(running);
  await storage?.close();
}

/** Hands out what is no request; what fails of it, the browser tries again or tells. */
async function tell(listener: (event: never) => void, { data }: { data?: unknown }): Promise<void> {
  const works: Promise<unknown>[] = [];
  listener({ data, waitUntil: (work: Promise<unknown>) => void works.push(work) } as never);
  await Promise.allSettled(works);
}

/** A page can do nothing with an answer that fails, nor the browser with work that does. */
async function answered(listener: (event: never) => void, request: object): Promise<void> {
  const works: Promise<unknown>[] = [];
  let answer: unknown;
  const event = {
    request,
    clientId: 'tab',
    waitUntil: (work: Promise<unknown>) => void works.push(work),
    respondWith: (response: unknown) => void (answer = response),
  };
  listener(event as never);
  if (answer === undefined) return;
  const response = await Promise.resolve(answer).catch((error: unknown) => {
    throw new Error(`fails: ${String(error)}`, { cause: error });
  });
  if (!(response instanceof Response)) throw new Error(`it is answered with ${String(response)}`);
  // A body may break off; it must not go on for ever.
  await response.arrayBuffer().catch(() => undefined);
  await Promise.all(works).catch((error: unknown) => {
    throw new Error(`fails behind: ${String(error)}`, { cause: error });
  });
}
