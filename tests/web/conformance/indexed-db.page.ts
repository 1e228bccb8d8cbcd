/** What only IndexedDB can do to a tier. Each export is one scenario; it throws where something is not as it should be. */

import { IndexedDBStorageTier, StorageError, TieredStorage, MemoryStorageTier, type StorageEvent } from 'tiered-storage';
import { check, fails, same, sameBytes, until } from './check.js';
import { chunks, store } from './indexed-db.chunks.js';
import { overwrites } from './indexed-db.overwrites.js';
import { keepPart, parts } from './indexed-db.parts.js';
import { all, counted, edit, failing, freshName, hurried, patched, put, raw, removed, soon, watched, type Options } from './indexed-db.tools.js';
import { gathered, metadataOf, pattern, portOf } from './subject.js';

export const scenarios: Record<string, () => Promise<void>> = {
  ...overwrites,
  ...chunks,
  ...parts,

  'a connection that was closed is opened again': async () => {
    const { tier, opened } = watched();
    await put(tier, 'k');
    opened[0]?.close();
    sameBytes(await tier.get('k'), pattern(10), 'after the connection was closed');
    same(opened.length, 2, 'connections');
    opened[1]?.close();
    await Promise.all([put(tier, 'a'), put(tier, 'b', 50_000), tier.get('k'), tier.exists('k'), tier.getStats()]);
    check(await tier.exists('b'), 'writes over a closed connection are carried out');
    opened.at(-1)?.dispatchEvent(new Event('close'));
    check(await tier.exists('a'), 'after the browser closed the connection');
    same((await tier.getStats()).items, 3, 'the entries counted');
  },

  'a transaction that came to nothing is repeated once': async () => {
    const { tier } = watched();
    await put(tier, 'k');
    await patched(failing(1), () => put(tier, 'once', 10_000));
    check(await tier.exists('once'), 'a write after one failure');
    await patched(failing(1), async () => sameBytes(await tier.get('k'), pattern(10), 'a read after one failure'));
    await patched(failing(9), async () => {
      await fails('unavailable', () => put(tier, 'twice'), 'a write that fails twice');
      await fails('unavailable', () => tier.get('k'), 'a read that fails twice');
    });
    await put(tier, 'twice');
    same((await tier.getStats()).items, 3, 'the entries counted');
  },

  'a database that does not open is a time-out, and is tried again': async () => {
    const name = freshName();
    let isHanging = true;
    const open = (...words: Parameters<IDBFactory['open']>): IDBOpenDBRequest =>
      isHanging ? ({} as IDBOpenDBRequest) : indexedDB.open(...words);
    const tier = new IndexedDBStorageTier({ name, indexedDB: { open } as IDBFactory });
    await hurried(100, async () => {
      const error = await fails('unavailable', () => tier.get('k'), 'a read');
      check(error.isTimeout, 'it is a time-out');
      await fails('unavailable', () => put(tier, 'k'), 'a write');
      await fails('unavailable', () => tier.getStats(), 'stats');
    });
    isHanging = false;
    await soon(() => put(tier, 'k'));
    sameBytes(await tier.get('k'), pattern(10), 'what was written when it opened');
  },

  'another tab that holds an older database is waited for, and then told': async () => {
    const name = freshName();
    const other = await raw(name, 1);
    const removal = indexedDB.deleteDatabase(name);
    await new Promise((done) => (removal.onblocked = done));
    const tier = new IndexedDBStorageTier({ name });
    await hurried(100, async () => {
      const error = await fails('unavailable', () => put(tier, 'k'), 'a write while the database is blocked');
      check(error.isTimeout, 'it is a time-out');
    });
    other.close();
    await new Promise((done) => (removal.onsuccess = done));
    await soon(() => put(tier, 'k'));
    check(await tier.exists('k'), 'a write after the other tab let go');
  },

  'it lets go of a database that someone wants to upgrade or delete': async () => {
    const { tier, name } = watched();
    await put(tier, 'k');
    await removed(name);
    same(await tier.get('k'), null, 'what was deleted');
    same((await tier.getStats()).items, 0, 'the entries counted');
    await put(tier, 'k');
    same((await tier.getStats()).items, 1, 'the entries counted after a write');
  },

  'a newer database is not touched': async () => {
    const name = freshName();
    (await raw(name, 7)).close();
    const told: Error[] = [];
    const tier = new IndexedDBStorageTier({ name, onFallback: (error) => told.push(error) });
    await fails('unavailable', () => tier.get('k'), 'a read');
    same(told.length, 0, 'it is no reason to use memory');
  },

  'a database of someone else is told': async () => {
    const name = freshName();
    (await raw(name, 1)).close();
    const tier = new IndexedDBStorageTier({ name });
    await fails('unavailable', () => tier.get('k'), 'a read');
    await fails('unavailable', () => put(tier, 'k'), 'a write');
  },

  'where the browser refuses a database, memory is used, and that is told': async () => {
    const refused = new DOMException('not in a private window', 'SecurityError');
    const failing = (): IDBOpenDBRequest => {
      const request = { error: refused } as unknown as IDBOpenDBRequest;
      queueMicrotask(() => request.onerror?.(new Event('error')));
      return request;
    };
    const throwing = (): never => {
      throw refused;
    };
    for (const open of [failing, throwing]) {
      const told: Error[] = [];
      const factory = { open } as unknown as IDBFactory;
      const warm = new IndexedDBStorageTier({ indexedDB: factory, onFallback: (error) => told.push(error), maxItems: 3 });
      await Promise.all([put(warm, 'a'), put(warm, 'b', 20_000), warm.get('a')]);
      sameBytes(await warm.get('b'), pattern(20_000), 'an entry in memory');
      same(await gathered(warm.listKeys()), ['a', 'b'], 'the keys in memory');
      (await warm.get('a'))?.fill(0);
      sameBytes(await warm.get('a'), pattern(10), 'memory gives copies');
      await Promise.all([put(warm, 'c'), put(warm, 'd')]);
      same((await warm.getStats()).items, 3, 'the limit in memory');
      same(told.length, 1, 'how often it is told');
      check(told[0]?.message.includes('private window') === true, 'the reason is told');

      const events: StorageEvent[] = [];
      const again = new IndexedDBStorageTier({ indexedDB: factory });
      const cold = new MemoryStorageTier({ durable: true });
      const storage = await TieredStorage.open({ tiers: { warm: again, cold }, onEvent: (event) => events.push(event) });
      await storage.set('k', 'value');
      await until(() => events.some((event) => event.type === 'fallback' && event.tier === 'warm'), 'the event');
      same(await storage.get('k'), 'value', 'what the storage reads');
      same((await storage.getWithMetadata('k'))?.source, 'warm', 'where it came from');
      await storage.close();
    }
  },

  'operations that arrive together share a transaction': async () => {
    const { tier } = watched();
    const { openCursor, openKeyCursor } = IDBObjectStore.prototype;
    const refuse = (): never => {
      throw new Error('a cursor was opened');
    };
    Object.assign(IDBObjectStore.prototype, { openCursor: refuse, openKeyCursor: refuse });
    await put(tier, 'first');
    const keys = Array.from({ length: 100 }, (_, at) => `k${at}`);
    const writes = await counted(() => Promise.all(keys.map((key, at) => put(tier, key, 100 + at, at))));
    check((writes['readwrite'] ?? 0) <= 3, `100 writes took ${writes['readwrite']} transactions`);
    const reads = await counted(() => Promise.all(keys.map((key) => tier.get(key))));
    check((reads['readonly'] ?? 0) <= 3, `100 reads took ${reads['readonly']} transactions`);
    await tier.deleteMany(keys.slice(50));
    await gathered(tier.listKeys('k'));
    same((await tier.getStats()).items, 51, 'the entries left');
    Object.assign(IDBObjectStore.prototype, { openCursor, openKeyCursor });
  },

  'bodies are stored as bytes, and large ones apart from their metadata': async () => {
    const { tier, name } = watched();
    await put(tier, 'small', 10);
    await put(tier, 'large', 100_000);
    await put(tier, 'shrunk', 100_000);
    await put(tier, 'shrunk', 10);
    await put(tier, 'grown', 10);
    await put(tier, 'grown', 100_000);
    await put(tier, 'removed', 100_000);
    await tier.delete('removed');
    await tier.getStats();
    const db = await raw(name);
    const bodies = await all(db, 'bodies');
    same(bodies.map(([key]) => key), ['grown', 'large'], 'the large bodies');
    check(bodies.every(([, body]) => body instanceof Uint8Array), 'they are bytes');
    same((await all(db, 'entries')).map(([key]) => key), ['grown', 'large', 'shrunk', 'small'], 'the entries');
    db.close();
  },

  'what is not an entry is told as corrupt': async () => {
    const { tier, name } = watched();
    await put(tier, 'k');
    await put(tier, 'large', 20_000);
    await edit(name, 'entries', (store) => store.put('garbage', 'odd'));
    await edit(name, 'bodies', (store) => store.delete('large'));
    await fails('corrupt', () => tier.get('odd'), 'a read of garbage');
    await fails('corrupt', () => tier.getMetadata('odd'), 'a look at garbage');
    await fails('corrupt', () => tier.get('large'), 'a read of an entry without its body');
    sameBytes(await tier.get('k'), pattern(10), 'others');
    const reads = await Promise.allSettled(['k', 'odd', 'k', 'k', 'k', 'k', 'k', 'k', 'k', 'k'].map((key) => tier.get(key)));
    same(reads.map(({ status }) => status[0]).join(''), 'frffffffff', 'reads that share a transaction with it');
    await put(tier, 'large', 30_000);
    sameBytes(await tier.get('large'), pattern(30_000), 'an overwrite mends it');
  },

  'what a tab that crashed did not count is counted later': async () => {
    const { tier, name } = watched();
    await put(tier, 'a', 100);
    await put(tier, 'b', 20_000);
    await (await portOf(tier as never)).close();
    await edit(name, 'totals', (store) => {
      store.put([99, 99, 99], 0);
      store.put(Date.now() - 600_000, 'a tab that is gone');
      store.put(Date.now(), 'a tab that is there');
    });
    await edit(name, 'bodies', (store) => store.put(new Uint8Array(5), 'nobody speaks of it'));
    const { bytes, items } = await tier.getStats();
    same([bytes, items], [20_100, 2], 'bytes and items');
    const db = await raw(name);
    same((await all(db, 'totals')).map(([key]) => key), [0, 'a tab that is there'], 'who owes something');
    same((await all(db, 'bodies')).map(([key]) => key), ['b'], 'the bodies');
    db.close();
  },

  'what was not read for longest is given up first': async () => {
    const { tier } = watched({ maxItems: 10 });
    for (let at = 0; at < 10; at++) await put(tier, `k${at}`);
    for (const at of [0, 2, 4]) await tier.get(`k${at}`);
    for (let at = 0; at < 7; at++) await put(tier, `new${at}`);
    same(await gathered(tier.listKeys('k')), ['k0', 'k2', 'k4'], 'what was read stays');
    const { items, evictions } = await tier.getStats();
    same([items, evictions], [10, 7], 'entries, and entries given up');
  },

  'what was written first, or what is largest, is given up first where that is asked for': async () => {
    const { tier: fifo } = watched({ maxItems: 4, evictionPolicy: 'fifo' });
    for (let at = 0; at < 4; at++) await put(fifo, `k${at}`);
    await fifo.get('k0');
    await put(fifo, 'new');
    same(await gathered(fifo.listKeys()), ['k1', 'k2', 'k3', 'new'], 'fifo');
    const { tier: size } = watched({ maxItems: 4, evictionPolicy: 'size' });
    for (const [at, bytes] of [10, 20_000, 30, 500].entries()) await put(size, `k${at}`, bytes);
    await put(size, 'new', 5);
    same(await gathered(size.listKeys()), ['k0', 'k2', 'k3', 'new'], 'size');
    const { tier: none } = watched({ maxItems: 2, evictionPolicy: 'none' });
    await Promise.all([put(none, 'a'), put(none, 'b')]);
    await fails('full', () => put(none, 'c'), 'a third entry');
    await put(none, 'a', 50);
    const [, third] = await Promise.allSettled([put(none, 'b', 40), put(none, 'd')]);
    check(third?.status === 'rejected', 'an entry too many beside one that fits');
    same(await gathered(none.listKeys()), ['a', 'b'], 'none');
    sameBytes(await none.get('b'), pattern(40), 'the one that fits');
  },

  'what is pinned is never given up, and where nothing else is left a write is full': async () => {
    const pinned = new Set(['k0', 'k1']);
    const { tier } = watched({ maxItems: 4, isPinned: (key) => pinned.has(key) });
    for (const key of ['k0', 'k1', 'a', 'b', 'c', 'd']) await put(tier, key, 1_000);
    same(await gathered(tier.listKeys()), ['c', 'd', 'k0', 'k1'], 'the oldest are pinned');
    for (const key of ['c', 'd']) pinned.add(key);
    await fails('full', () => put(tier, 'e', 1_000), 'a write where all is pinned');
    same(await gathered(tier.listKeys()), ['c', 'd', 'k0', 'k1'], 'nothing changed');
    pinned.delete('k0');
    await put(tier, 'e', 1_000);
    same(await gathered(tier.listKeys()), ['c', 'd', 'e', 'k1'], 'what is not pinned any more goes');
    same((await tier.getStats()).items, 4, 'the entries counted');
  },

  'a limit over more entries than are looked at together is kept, and keeps what is read': async () => {
    const { tier } = watched({ maxItems: 1_000 });
    const key = (at: number): string => `k${String(at).padStart(5, '0')}`;
    for (let from = 0; from < 2_000; from += 250) {
      await Promise.all(Array.from({ length: 250 }, (_, at) => put(tier, key(from + at))));
      // The first hundred are read all the time.
      await Promise.all(Array.from({ length: 100 }, (_, at) => tier.get(key(at))));
      const { items } = await tier.getStats();
      check(items <= 1_000, `there are ${items} entries`);
    }
    const kept = await gathered(tier.listKeys());
    check(kept.length >= 900, `${kept.length} entries are kept`);
    const hot = kept.filter((found) => found < key(100)).length;
    check(hot >= 90, `${hot} of 100 entries that are read all the time are kept`);
    const counted = await tier.getStats();
    same([counted.items, counted.bytes], [kept.length, kept.length * 10], 'what was counted');
  },
};

/** The names of the scenarios. */
export function list(): string[] {
  return Object.keys(scenarios);
}

/** Runs one, and answers why it failed. */
export async function run(name: string): Promise<string | null> {
  try {
    await scenarios[name]?.();
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
  }
}

let shared: IndexedDBStorageTier | undefined;

/** For tests of several pages: makes the tier that the following functions use. */
export function use(options: Options): void {
  shared = new IndexedDBStorageTier(options);
}

/** As `use`; entries whose keys begin so are pinned. */
export function usePinning(options: Options, prefix: string): void {
  use({ ...options, isPinned: (key) => key.startsWith(prefix) });
}

function tier(): IndexedDBStorageTier {
  shared ??= new IndexedDBStorageTier();
  return shared;
}

/** Bytes that no browser can make smaller. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  // That is the most it gives at once.
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** Writes entries of `size` bytes, all at once or one after the other, and answers the kind of error of the first that failed. */
export async function writeAll(keys: string[], size: number, areTogether = true): Promise<string | null> {
  try {
    const write = (key: string): Promise<void> => tier().set(key, noise(size), metadataOf(key, new Uint8Array(size)));
    if (areTogether) await Promise.all(keys.map(write));
    else for (const key of keys) await write(key);
    return null;
  } catch (error) {
    return error instanceof StorageError ? error.kind : String(error);
  }
}

/** Writes an entry in pieces, and answers the kind of error if that fails. */
export async function writeInPieces(key: string, size: number): Promise<string | null> {
  try {
    await store(await portOf(tier() as never), key, noise(size));
    return null;
  } catch (error) {
    return error instanceof StorageError ? error.kind : String(error);
  }
}

/** Writes a part of an entry of so many bytes, and says which of these ranges are there then, or the kind of error if that fails. */
export async function writePart(key: string, size: number, [start, end]: [number, number], ranges: [number, number][]): Promise<boolean[] | string> {
  try {
    return await keepPart(await portOf(tier() as never), key, size, [start, end], ranges);
  } catch (error) {
    return error instanceof StorageError ? error.kind : String(error);
  }
}

/** The sizes of entries; -1 where there is none. */
export async function sizes(keys: string[]): Promise<number[]> {
  return Promise.all(keys.map(async (key) => (await tier().get(key))?.length ?? -1));
}

export async function remove(keys: string[]): Promise<void> {
  await tier().deleteMany(keys);
}

export async function stats(): Promise<{ bytes: number; items: number; evictions?: number }> {
  return tier().getStats();
}

export async function keys(): Promise<string[]> {
  return gathered(tier().listKeys());
}

export async function close(): Promise<void> {
  await (await portOf(tier() as never)).close();
}

/** What happens in a page that has no IndexedDB at all. */
export async function withoutDatabases(): Promise<string | null> {
  const told: string[] = [];
  try {
    const tier = new IndexedDBStorageTier({ onFallback: (error) => told.push(error.message) });
    await put(tier, 'k');
    sameBytes(await tier.get('k'), pattern(10), 'an entry');
    same(told, ['this host has no IndexedDB'], 'what is told');
    return null;
  } catch (error) {
    return String(error);
  }
}
