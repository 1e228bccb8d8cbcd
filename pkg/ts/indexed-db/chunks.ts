/**
 * Bodies that came in pieces. They lie as chunks of one size in the store of bodies, under `[set, number]`. A set never
 * changes: what is written over it is another one. While it is staged, `[set]` marks it, and no entry names it.
 */

import { count } from '../garbage.js';
import { answer, type StoredRecord } from './records.js';

/** Where the chunks of a body are. The name of a set starts with the time when it was begun, in ms since 1970. */
export type Chunks = [set: string, chunkBytes: number, count: number];

/** Larger bodies that come in pieces are stored in chunks of this size. */
export const CHUNK_BYTES = 2 ** 19;
/** Who stages a body for longer is gone. */
const STAGING_MS = 86_400_000;

/** The name of a new set. */
export function newSet(): string {
  return `${Date.now()}-${Math.random()}`;
}

/** The mark and the chunks of a set. */
export function keysOf(set: string): IDBKeyRange {
  return IDBKeyRange.bound([set], [set, []]);
}

/** The keys of all bodies that are no chunks: a list comes after every string. */
export function unchunked(): IDBKeyRange {
  return IDBKeyRange.upperBound([], true);
}

/** Where the body of an entry is, if it lies in chunks. */
export function chunksOf(record: StoredRecord | null | undefined): Chunks | undefined {
  const body = record?.[5];
  return Array.isArray(body) ? body : undefined;
}

/**
 * Gives the bytes from `start` to `end`, or nothing if a chunk is missing. Reads only what it needs.
 *
 * By a cursor, up to its end: a browser holds what a request answered, beside the bytes that were made of it, until it
 * collects both as garbage, which for large bodies it does too late. A cursor holds its last answer alone.
 */
export function readChunks(
  bodies: IDBObjectStore,
  [set, chunkBytes]: Chunks,
  [start, end]: [start: number, end: number],
  found: (body: Uint8Array | undefined) => void,
  failed: (error: unknown) => void,
): void {
  const body = new Uint8Array(end - start);
  count(body.length);
  if (start >= end) return found(body);
  let at = Math.floor(start / chunkBytes);
  const last = Math.ceil(end / chunkBytes) - 1;
  const request = bodies.openCursor(IDBKeyRange.bound([set, at], [set, last]));
  request.onerror = () => failed(request.error);
  request.onsuccess = () => {
    const cursor = request.result;
    if (at > last) return found(body);
    const chunk: unknown = cursor?.value;
    if (!cursor || !(chunk instanceof Uint8Array) || (cursor.key as IDBValidKey[])[1] !== at) return found(undefined);
    const from = at * chunkBytes;
    body.set(chunk.subarray(Math.max(start - from, 0), end - from), Math.max(from - start, 0));
    release(chunk);
    at += 1;
    cursor.continue();
  };
}

/** Gives back the memory of bytes that nobody has any more, where the browser can do that before it looks for garbage. */
function release({ buffer }: Uint8Array): void {
  (buffer as { transfer?(bytes: number): ArrayBuffer }).transfer?.(0);
}

/**
 * Removes sets that somebody began to stage and never stored. With `used`, the names of all sets that entries have, also
 * those that nobody speaks of.
 */
export async function sweep(bodies: IDBObjectStore, used?: ReadonlySet<string>): Promise<void> {
  const keys = (await answer(bodies.getAllKeys(IDBKeyRange.lowerBound([])))) as [set: string, number?: number][];
  const marked = new Set(keys.filter(({ length }) => length === 1).map(([set]) => set));
  for (const set of new Set(keys.map(([set]) => set))) {
    const isStaged = marked.has(set) && Number.parseInt(set, 10) > Date.now() - STAGING_MS;
    if (!isStaged && (used ? !used.has(set) : marked.has(set))) bodies.delete(keysOf(set));
  }
}
