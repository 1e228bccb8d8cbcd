/** A queue in a page. What it answers with travels as JSON. */

import { S3StorageTier, StorageError, TieredStorage } from 'tiered-storage';
import { WriteQueue, type QueueChoice, type QueueWriteOptions } from 'tiered-storage/queue';

/** Where cold is. */
export interface Place {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  prefix: string;
}

/** A queued write, as it is told. */
export type Shown = [key: string, state: string, what: string | undefined];

let storage: TieredStorage | undefined;
let opened: WriteQueue | undefined;
let giveUp: AbortController | undefined;
const events: string[] = [];

/** Opens the queue of this page. */
export async function open(place: Place, send: 'auto' | 'manual' = 'manual', limits: { maxWrites?: number; maxBytes?: number } = {}): Promise<void> {
  const { endpoint, accessKeyId, secretAccessKey, prefix } = place;
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint, prefix, credentials: { accessKeyId, secretAccessKey }, attempts: 1 });
  storage = await TieredStorage.open({ tiers: { cold } });
  opened = await WriteQueue.open(storage, { send, name: prefix, ...limits });
  for (const type of ['sent', 'conflict', 'failed'] as const) {
    opened.on(type, ({ write }) => events.push(`${type} ${write.key}`));
  }
}

export async function close(): Promise<void> {
  await opened?.close();
  await storage?.close();
}

/** What was told since last asked. */
export async function told(): Promise<string[]> {
  return events.splice(0);
}

export async function set(key: string, value: unknown, options?: QueueWriteOptions): Promise<string> {
  return said(async () => void (await queue().set(key, value, options)));
}

/** Queues so many bytes that cannot be packed, as a Blob. */
export async function fill(key: string, size: number): Promise<string> {
  return said(async () => void (await queue().set(key, new Blob(randomPieces(size)))));
}

/** Queues so many MiB that nobody holds at once; how many ms that took. */
export async function pour(key: string, mib: number): Promise<number> {
  const begun = performance.now();
  let at = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at++ < mib) controller.enqueue(new Uint8Array(2 ** 20).fill(at));
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  await queue().set(key, stream);
  return performance.now() - begun;
}

/** Begins to queue a stream that gives one MiB and then waits for ever; what comes of it is told. */
export async function stall(key: string, options?: QueueWriteOptions): Promise<void> {
  const { signal } = (giveUp = new AbortController());
  let isFirst = true;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isFirst) controller.enqueue(new Uint8Array(2 ** 20 + 1));
      isFirst = false;
      return isFirst ? undefined : new Promise(() => undefined);
    },
  });
  const stalled = said(async () => void (await queue().set(key, stream, { ...options, signal })));
  void stalled.then((how) => events.push(`${key}: ${how}`));
}

export async function abort(): Promise<void> {
  giveUp?.abort(new StorageError('invalid', 'given up'));
}

export async function remove(key: string, ifMatch?: string): Promise<string> {
  return said(async () => void (await queue().delete(key, { ifMatch })));
}

export async function pending(): Promise<Shown[]> {
  const writes = await queue().pending();
  return writes.map(({ key, state, current, error }) => [key, state, error?.kind ?? current?.version]);
}

export async function body(at: number): Promise<[size: number, type: string, start: string] | null> {
  const write = (await queue().pending())[at];
  const blob = write ? await queue().body(write.id) : null;
  return blob && [blob.size, blob.type, await blob.slice(0, 20).text()];
}

export async function flush(): Promise<string> {
  return said(() => queue().flush());
}

/** Of the write at this place. */
export async function resolve(at: number, choice: QueueChoice): Promise<string> {
  return said(async () => queue().resolve((await queue().pending())[at]?.id ?? 0, choice));
}

/** Of the write at this place. */
export async function cancel(at: number): Promise<boolean> {
  return queue().cancel((await queue().pending())[at]?.id ?? 0);
}

/** What cold has, as text or as a number of bytes. */
export async function read(key: string): Promise<unknown> {
  const found = await storage?.get(key);
  return found instanceof Uint8Array ? found.length : found;
}

export async function version(key: string): Promise<string | undefined> {
  return (await storage?.getMetadata(key))?.version;
}

/** Writes past the queue. */
export async function write(key: string, value: unknown): Promise<void> {
  await storage?.set(key, value);
}

/** Takes a lock, and keeps it for as long as the page lives. */
export async function stand(lock: string): Promise<void> {
  await new Promise<void>((done) => {
    void navigator.locks.request(lock, () => {
      done();
      return new Promise(() => undefined);
    });
  });
}

/** How many bodies are on their way in all tabs. */
export async function entering(name: string): Promise<number> {
  const { held = [] } = await navigator.locks.query();
  return held.filter((lock) => lock.name?.startsWith(`${name}/body/`)).length;
}

/** Has all writes be gone, and tells nobody. */
export async function empty(name: string): Promise<void> {
  const db = await answered(indexedDB.open(name));
  await answered(db.transaction('writes', 'readwrite', { durability: 'strict' }).objectStore('writes').clear());
  db.close();
}

/** Has the database be of the version before this one, which had no index. */
export async function makeOld(name: string): Promise<void> {
  const now = await answered(indexedDB.open(name));
  const writes = now.transaction('writes').objectStore('writes');
  const [ids, records] = [await answered(writes.getAllKeys()), (await answered(writes.getAll())) as { key?: string }[]];
  const bodies = now.transaction('bodies').objectStore('bodies');
  const [names, pieces] = [await answered(bodies.getAllKeys()), await answered(bodies.getAll())];
  now.close();
  await answered(indexedDB.deleteDatabase(name));
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    const old = opening.result.createObjectStore('writes', { autoIncrement: true });
    for (const [at, { key: _, ...record }] of records.entries()) old.put(record, ids[at]);
    const pile = opening.result.createObjectStore('bodies');
    for (const [at, piece] of pieces.entries()) pile.put(piece, names[at]);
  };
  (await answered(opening)).close();
}

/** How many pieces of bodies the database has, which no other code has open. */
export async function pieces(name: string): Promise<number> {
  const db = await answered(indexedDB.open(name));
  const count = await answered(db.transaction('bodies').objectStore('bodies').count());
  db.close();
  return count;
}

/** Has the database lose the last piece of its longest body. */
export async function lose(name: string): Promise<void> {
  const db = await answered(indexedDB.open(name));
  const bodies = db.transaction('bodies', 'readwrite').objectStore('bodies');
  const keys = (await answered(bodies.getAllKeys())) as [body: string, at: number][];
  const last = keys.reduce((one, other) => (other[1] > one[1] ? other : one));
  await answered(bodies.delete(last));
  db.close();
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

function* piecesOfRandom(size: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let left = size; left > 0; left -= 65_536) yield crypto.getRandomValues(new Uint8Array(Math.min(left, 65_536)));
}

function randomPieces(size: number): Uint8Array<ArrayBuffer>[] {
  return [...piecesOfRandom(size)];
}

function queue(): WriteQueue {
  if (!opened) throw new Error('no queue is open');
  return opened;
}

/** `ok`, or the kind of the error. */
async function said(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    if (error instanceof StorageError) return error.kind;
    throw error;
  }
}
