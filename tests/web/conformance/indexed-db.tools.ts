/** What the scenarios of IndexedDB are made with. */

import { IndexedDBStorageTier } from 'tiered-storage';
import { metadataOf, pattern } from './subject.js';

export type Options = ConstructorParameters<typeof IndexedDBStorageTier>[0];

let names = 0;
export function freshName(): string {
  return `scenario-${(names += 1)}-${Date.now()}`;
}

export async function put(tier: IndexedDBStorageTier, key: string, size = 10, seed = 0): Promise<void> {
  await tier.set(key, pattern(size, seed), metadataOf(key, pattern(size, seed), seed));
}

/** A tier, and every connection that it opened. */
export function watched(options: Options = {}): { tier: IndexedDBStorageTier; opened: IDBDatabase[]; name: string } {
  const name = options.name ?? freshName();
  const opened: IDBDatabase[] = [];
  const open = (...words: Parameters<IDBFactory['open']>): IDBOpenDBRequest => {
    const request = indexedDB.open(...words);
    request.addEventListener('success', () => opened.push(request.result));
    return request;
  };
  return { tier: new IndexedDBStorageTier({ ...options, name, indexedDB: { open } as IDBFactory }), opened, name };
}

/** The database, as any other script of this site sees it. */
export function raw(name: string, version?: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

export async function all(db: IDBDatabase, store: string): Promise<[IDBValidKey, unknown][]> {
  const at = db.transaction(store).objectStore(store);
  const answer = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  const [keys, values] = await Promise.all([answer(at.getAllKeys()), answer(at.getAll())]);
  return keys.map((key, at) => [key, values[at]]);
}

export async function edit(name: string, store: string, work: (store: IDBObjectStore) => void): Promise<void> {
  const db = await raw(name);
  const transaction = db.transaction(store, 'readwrite');
  work(transaction.objectStore(store));
  await new Promise((done) => (transaction.oncomplete = done));
  db.close();
}

/** Has timers run so many times faster while `work` lasts. */
export async function hurried<T>(times: number, work: () => Promise<T>): Promise<T> {
  const usual = globalThis.setTimeout;
  globalThis.setTimeout = ((run: () => void, ms = 0) => usual(run, ms / times)) as typeof setTimeout;
  try {
    return await work();
  } finally {
    globalThis.setTimeout = usual;
  }
}

/** Tries until it works: after a time-out nobody waits long. */
export async function soon(work: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 5_000;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** Has `transaction` of databases do something else while `work` lasts. */
export async function patched<T>(
  change: (usual: IDBDatabase['transaction']) => IDBDatabase['transaction'],
  work: () => Promise<T>,
): Promise<T> {
  const usual = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = change(usual);
  try {
    return await work();
  } finally {
    IDBDatabase.prototype.transaction = usual;
  }
}

/** For `patched`: so many transactions come to nothing. */
export function failing(times: number): (usual: IDBDatabase['transaction']) => IDBDatabase['transaction'] {
  return (usual) =>
    function (this: IDBDatabase, ...words) {
      const transaction = usual.apply(this, words);
      if (times-- > 0) queueMicrotask(() => transaction.abort());
      return transaction;
    };
}

/** Removes a database that somebody uses. */
export function removed(name: string): Promise<unknown> {
  const removal = indexedDB.deleteDatabase(name);
  return new Promise((done, fail) => {
    removal.onsuccess = done;
    removal.onblocked = () => fail(new Error('the deletion is blocked'));
  });
}

/** How often a store was asked for what it has while `work` lasts. */
export async function asked(work: () => Promise<unknown>): Promise<number> {
  const store = IDBObjectStore.prototype;
  const { get, getKey, getAllKeys } = store;
  let times = 0;
  const counting = <F extends (...words: never[]) => unknown>(usual: F): F =>
    function (this: unknown, ...words: never[]) {
      times += 1;
      return usual.apply(this, words);
    } as F;
  Object.assign(store, { get: counting(get), getKey: counting(getKey), getAllKeys: counting(getAllKeys) });
  await work().finally(() => Object.assign(store, { get, getKey, getAllKeys }));
  return times;
}

/** Counts transactions by mode while `work` lasts. */
export async function counted(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts: Record<string, number> = { readonly: 0, readwrite: 0 };
  const change = (usual: IDBDatabase['transaction']): IDBDatabase['transaction'] =>
    function (this: IDBDatabase, stores, mode = 'readonly', options) {
      counts[mode] = (counts[mode] ?? 0) + 1;
      return usual.call(this, stores, mode, options);
    };
  await patched(change, work);
  return counts;
}
