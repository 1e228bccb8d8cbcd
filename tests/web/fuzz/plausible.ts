/** Arguments as a caller might mean them, some of whose parts are hostile. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as library from 'tiered-storage';
import { hostile, hostileFunction, Reason, strike, text } from './hostile.js';
import type { Random } from './random.js';

const { IndexedDBStorageTier, MemoryStorageTier, StorageError, TieredStorage } = library;

/** Where the disk tiers of a run are. */
export const FOLDER = mkdtempSync(join(tmpdir(), 'fuzz-'));

export type Maker = (random: Random) => unknown;
type Fields = Record<string, Maker>;

/** An object with some of the fields; now and then one is hostile, or one is too many. */
export function object(random: Random, fields: Fields, probability = 0.4): object {
  const given: Record<string, unknown> = {};
  for (const [name, make] of Object.entries(fields)) {
    if (!random.chance(probability)) continue;
    if (random.chance(0.05)) turncoat(given, name, make(random), hostile(random));
    else given[name] = random.chance(0.15) ? hostile(random) : make(random);
  }
  if (random.chance(0.05)) turncoat(given, text(random), hostile(random), hostile(random));
  return given;
}

/** A field that is one thing when it is looked at, and another one afterwards. */
function turncoat(object: object, name: string, first: unknown, later: unknown): void {
  let reads = 0;
  const get = (): unknown => ((reads += 1) === 1 ? first : later);
  Object.defineProperty(object, name, { enumerable: true, configurable: true, get });
}

export const key: Maker = (random) => random.pick(['k', 'a', 'a/b', 'a/c', '__proto__', '\u{1f600}']);
const prefix: Maker = (random) => random.pick(['', 'a', 'a/', undefined]);
const count: Maker = (random) => random.pick([0, 1, 5, 1_000, 1e6]);
const ms: Maker = (random) => random.pick([0, 1, 50, 60_000, Number.MAX_SAFE_INTEGER]);
const flag: Maker = (random) => random.chance(0.5);
const tierName: Maker = (random) => random.pick(['hot', 'warm', 'cold']);
const tierNames: Maker = (random) => Array.from({ length: random.below(4) }, () => tierName(random));
const texts: Maker = (random) => object(random, { a: text, b: () => 'text', owner: () => '\u00e9' });
export const value: Maker = (random) => random.pick([1, 'text', null, { a: [1] }, random.bytes(300), new Blob(['b'])]);
export const signal: Maker = (random) => random.pick([new AbortController().signal, abortingSoon(random)]);
const date: Maker = () => new Date();
export const callOptions: Maker = (random) => (random.chance(0.5) ? undefined : object(random, { signal }));
const readOptions: Maker = (random) => (random.chance(0.5) ? undefined : object(random, { signal, borrow: flag }));

const respondOptions: Maker = (random) => (random.chance(0.5) ? undefined : object(random, { key, cacheControl: text }));
const range: Maker = (random) => `bytes=${random.pick(['', '0', '3', '999', text(random)])}-${random.pick(['', '0', '5', text(random)])}`;
const condition: Maker = (random) => random.pick(['*', '"a", W/"b"', 'Thu, 01 Jan 2026 00:00:00 GMT', text(random)]);
const headers: Maker = (random) =>
  new Map(
    Object.entries(
      object(random, {
        range,
        'if-range': condition,
        'if-match': condition,
        'if-none-match': condition,
        'if-modified-since': condition,
        'if-unmodified-since': condition,
      }),
    ),
  );
/** Not a `Request`, which would let nothing of this through. */
export const request: Maker = (random) => {
  const url: Maker = (random) => `http://localhost/${String(random.chance(0.5) ? key(random) : text(random))}`;
  return { url: url(random), method: 'GET', headers: headers(random), ...object(random, { url, headers, signal, method: () => 'HEAD' }) };
};

const metadata: Maker = (random) =>
  object(
    random,
    {
      key,
      size: () => 5,
      createdAt: date,
      lastAccessed: date,
      accessCount: count,
      ttl: date,
      compressed: flag,
      checksum: () => 'a'.repeat(64),
      mimeType: () => 'text/plain',
      encoding: () => 'gzip',
      customMetadata: texts,
    },
    0.9,
  );

export const setOptions: Maker = (random) =>
  object(random, {
    ttl: ms,
    metadata: texts,
    skipTiers: () => ['hot'],
    onlyTiers: tierNames,
    mimeType: () => 'text/plain',
    ifAbsent: flag,
    ifMatch: text,
    signal,
  });

const byteRange: Maker = (random) => random.chance(0.5) ? object(random, { start: count, end: count }, 0.8) : object(random, { last: count }, 0.9);

/** A body in pieces, some of which may be anything. */
export const stream: Maker = (random) => {
  const pieces = Array.from({ length: random.below(5) }, () => (random.chance(0.1) ? hostile(random) : random.bytes(random.pick([0, 10, 400_000]))));
  const isIterated = random.chance(0.4);
  if (random.chance(0.1)) return new Blob([random.bytes(2_000_000) as Uint8Array<ArrayBuffer>]);
  if (isIterated) {
    return (async function* () {
      yield* pieces;
    })();
  }
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < pieces.length) controller.enqueue(pieces[(at += 1) - 1]);
      else if (random.chance(0.2)) controller.error(hostile(random));
      else controller.close();
    },
  });
};

/** What it throws, the call throws. */
const change: Maker = (random) => {
  const given = value(random);
  return random.pick([
    async () => given,
    () => undefined,
    () => hostile(random),
    () => {
      throw new Reason('of a change');
    },
  ]);
};

const snapshot: Maker = (random) =>
  object(
    random,
    {
      version: () => 1,
      exportedAt: date,
      keys: () => ['k'],
      metadata: (random) => object(random, { k: metadata, a: metadata }),
      stats: () => ({ cold: { bytes: 0, items: 0 }, totalHits: 0, totalMisses: 0, hitRate: 0 }),
    },
    0.9,
  );

/** The arguments of every method that there is; a name may be one of several classes. */
const ARGUMENTS: Record<string, Maker[]> = {
  get: [key, readOptions],
  getWithMetadata: [key, readOptions],
  peek: [key, readOptions],
  respond: [request, respondOptions],
  delete: [key, callOptions],
  exists: [key, callOptions],
  getMetadata: [key, callOptions],
  touch: [key, ms, callOptions],
  invalidate: [prefix, callOptions],
  invalidateUpperCaches: [prefix, callOptions],
  listKeys: [prefix, callOptions],
  getStats: [callOptions],
  clear: [callOptions],
  clearTier: [tierName, callOptions],
  export: [callOptions],
  import: [snapshot, callOptions],
  bootstrapHot: [count, callOptions],
  bootstrapWarm: [(random) => object(random, { limit: count, sinceDate: date, signal })],
  presign: [key, (random) => object(random, { method: () => random.pick(['GET', 'PUT']), expires: () => 60_000 }, 0.9)],
  on: [(random) => random.pick(['tierFailed', 'promoted', 'fallback']), () => () => undefined],
  deleteMany: [(random) => Array.from({ length: random.below(4) }, () => key(random))],
  setMetadata: [key, metadata],
  getStream: [key, callOptions],
  getRange: [key, byteRange, callOptions],
  setStream: [key, stream, setOptions],
  update: [key, change, setOptions],
  corsRules: [() => 'https://example.org'],
};

/** Arguments for a method of a storage or of a tier. */
export function argumentsOf(name: string, isStorage: boolean, random: Random): unknown[] {
  const set = isStorage ? [key, value, setOptions] : [key, (random: Random) => random.bytes(5), metadata];
  const makers = name === 'set' ? set : (ARGUMENTS[name] ?? []);
  const given = makers.map((make) => (random.chance(0.2) ? hostile(random) : make(random)));
  while (random.chance(0.1)) given.push(hostile(random));
  return random.chance(0.05) ? given.slice(0, random.below(given.length + 1)) : given;
}

/** A tier, of any kind. */
export function tier(random: Random): unknown {
  if (random.chance(0.5)) return new MemoryStorageTier({ durable: random.chance(0.5) });
  return random.chance(0.5) ? foreignTier(random) : MAKERS.flatMap((make) => made(make, random))[0];
}

const METHODS = ['get', 'set', 'delete', 'exists', 'listKeys', 'deleteMany', 'getMetadata', 'setMetadata', 'getStats', 'clear'];

/** Ten methods, each of which does anything. */
function foreignTier(random: Random): object {
  const inner = new MemoryStorageTier() as unknown as Record<string, (...words: unknown[]) => unknown>;
  const isOdd = random.chance(0.7);
  const isSlow = random.chance(0.3);
  const right = (name: string) => (...words: unknown[]) => inner[name]?.(...words);
  const slow = (name: string) => async (...words: unknown[]) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return inner[name]?.(...words);
  };
  const method = (name: string) => {
    if (isOdd && random.chance(0.4)) return hostileFunction(random);
    return isSlow && name !== 'listKeys' ? slow(name) : right(name);
  };
  return Object.fromEntries(METHODS.map((name) => [name, method(name)]));
}

const config: Maker = (random) => ({
  ...object(random, {
    compression: flag,
    defaultTTL: ms,
    promotionStrategy: (random) => random.pick(['lazy', 'eager', 'onSecondHit']),
    serialization: serializer,
    placementRules: (random) => [object(random, { pattern: () => '**/{a,b}*', tiers: tierNames }, 0.95)],
    hotPromotionMaxBytes: count,
    rangeCaching: () => 65_536,
    verify: (random) => random.pick(['always', 'never']),
    expiredCold: (random) => random.pick(['remove', 'keep']),
    revalidateAfter: ms,
    staleIfUnavailable: ms,
    statistics: (random) => object(random, { flushInterval: () => 30_000 }),
    onEvent: listener,
  }),
  tierTimeout: 20,
  tiers: { ...object(random, { hot: tier, warm: tier }, 0.7), cold: tier(random) },
});

/** What it throws is told to the runtime: see `uncaughtException`. */
const listener: Maker = (random) => {
  const value = hostile(random);
  return random.chance(0.5) ? strike : () => value;
};

/** What a serializer gives is hostile too. */
const serializer: Maker = (random) => ({
  serialize: random.chance(0.5) ? async () => random.bytes(20) : hostileFunction(random),
  deserialize: hostileFunction(random),
});

/** Ways to an object of each class. */
const MAKERS: Maker[] = [
  (random) => new MemoryStorageTier(object(random, { maxSizeBytes: count, maxItems: count, evictionPolicy: () => 'lru' })),
  (random) => new IndexedDBStorageTier(object(random, { name: () => 'fuzz', maxSizeBytes: count, maxItems: count, onFallback: listener }, 0.8) as never),
  (random) => new library.DiskStorageTier({ directory: join(FOLDER, `${random.below(3)}`), durability: 'cache' }),
  (random) => new library.S3StorageTier(s3(random) as never),
  (random) => new library.CacheApiStorageTier(object(random, { name: () => 'fuzz' }) as never),
];

const s3 = (random: Random): object =>
  object(
    random,
    {
      bucket: () => 'bucket',
      endpoint: () => 'http://127.0.0.1:9',
      region: () => 'us-east-1',
      ...(random.chance(0.2) ? { sign: hostileFunction } : {}),
      credentials: (random) =>
        random.chance(0.7) ? object(random, { accessKeyId: () => 'id', secretAccessKey: () => 'secret' }, 0.9) : hostileFunction(random),
      fetch: answering,
      prefix: text,
      attempts: () => 1,
      timeout: () => 50,
    },
    0.9,
  );

/** A `fetch` that answers anything. */
const answering: Maker = (random) => {
  const answers: (() => unknown)[] = [
    () => new Response('bytes', { headers: { etag: '"e"', 'content-length': '5' } }),
    () => new Response(null, { status: 404 }),
    () => new Response('<Error><Code>AccessDenied</Code></Error>', { status: 403 }),
    () => new Response('<not xml', { status: 400, headers: { etag: text(random).replace(/[^!-~]/g, '') } }),
    () => new Response('bytes', { headers: { etag: '"e"', 'x-amz-meta-tiered-storage': '1;s=5;c=1;z=1' } }),
    () => Response.error(),
    () => hostile(random),
    () => hostileFunction(random)(),
  ];
  return async () => random.pick(answers)();
};

function made(make: Maker, random: Random): unknown[] {
  try {
    return [make(random)];
  } catch {
    return [];
  }
}

/** An object to call methods of, or what came in its place. */
export async function target(random: Random): Promise<object> {
  if (random.chance(0.6)) return TieredStorage.open(config(random) as never);
  return random.pick(MAKERS)(random) as object;
}

/** Every way in that is not a method of an object: a name, and what to do with arguments. */
export const ENTRIES: [string, (...words: never[]) => unknown][] = Object.entries(library).flatMap(
  ([name, entry]): [string, (...words: never[]) => unknown][] => {
    if (typeof entry !== 'function' || (entry as unknown) === StorageError) return [];
    const call = entry as unknown as (...words: never[]) => unknown;
    const open = (entry as unknown as typeof TieredStorage).open as unknown as typeof call;
    if (entry.prototype === undefined || !/^class\b/.test(Function.prototype.toString.call(entry))) return [[name, call]];
    const Class = entry as unknown as new (...words: never[]) => unknown;
    const make: [string, typeof call] = [`new ${name}`, (...words) => new Class(...words)];
    return open === undefined ? [make] : [make, [`${name}.open`, (...words) => open.call(entry, ...words)]];
  },
);

/** Arguments for one of `ENTRIES`. */
export function entryArguments(name: string, random: Random): unknown[] {
  // A text could be any folder of this machine, and a tier clears what is its own.
  const anything = name.includes('Disk') ? withoutText(random) : hostile(random);
  if (random.chance(0.4)) return [anything];
  if (name.endsWith('.open')) return [config(random)];
  if (name.includes('S3')) return [s3(random)];
  return [object(random, { name: hostile, maxSizeBytes: hostile, maxItems: hostile, evictionPolicy: hostile })];
}

function withoutText(random: Random): unknown {
  for (;;) {
    const value = hostile(random);
    if (typeof value === 'number' || value === null || value === undefined || typeof value === 'symbol') return value;
  }
}

/** A signal that is aborted in a moment, or a little later. */
function abortingSoon(random: Random): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Reason('given up'));
  if (random.chance(0.5)) queueMicrotask(abort);
  else setTimeout(abort, 1);
  return controller.signal;
}
