/**
 * Bodies that came in pieces. They lie as chunks of one size in the store of bodies, under `[set, number]`. A set never
 * changes: what is written over it is another one. While it is staged, `[set]` marks it, and no entry names it.
 *
 * Entries in parts have sets that grow. Their chunks are of different sizes, and numbered by where they start.
 */

import { count } from '../garbage.js';
import { PART_BYTES } from '../parts.js';
import { answer, partsOf, type StoredRecord } from './records.js';

/** Where the chunks of a body are. The name of a set starts with the time when it was begun, in ms since 1970. */
export type Chunks = [set: string, chunkBytes: number, count: number];

/** Larger bodies that come in pieces are stored in chunks of this size. */
export const CHUNK_BYTES = 2 ** 19;
/** How long a checksum is. */
const SUM_BYTES = 4;
/** With this start the names of sets that began as parts. While there are parts only, `[set]` tells of the entry. */
export const PARTS = '~';
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

/** The set of an entry that lies in one, whole or in parts. */
export function setOf(record: StoredRecord | null | undefined): string | undefined {
  return chunksOf(record)?.[0] ?? partsOf(record)?.set;
}

/**
 * Gives the bytes from `start` to `end`, or nothing if some of them are missing or damaged. Reads only what it needs.
 *
 * By a cursor, up to its end: a browser holds what a request answered, beside the bytes that were made of it, until it
 * collects both as garbage, which for large bodies it does too late. A cursor holds its last answer alone.
 */
export function readChunks(
  bodies: IDBObjectStore,
  [set, chunkBytes]: readonly [set: string, chunkBytes: number, ...rest: unknown[]],
  [start, end]: readonly [start: number, end: number],
  found: (body: Uint8Array | undefined) => void,
  failed: (error: unknown) => void,
): void {
  const body = new Uint8Array(end - start);
  count(body.length);
  if (start >= end) return found(body);
  // None reaches over such a border, so the first that is needed starts behind it.
  const border = Math.max(chunkBytes, CHUNK_BYTES);
  const first = Math.floor(start / border) * border;
  let at = start;
  const range = IDBKeyRange.bound([set, first / chunkBytes], [set, Math.ceil(end / chunkBytes) - 1]);
  const request = bodies.openCursor(range);
  request.onerror = () => failed(request.error);
  request.onsuccess = () => {
    const cursor = request.result;
    if (at >= end || !cursor) return found(at >= end ? body : undefined);
    const from = (cursor.key as [string, number])[1] * chunkBytes;
    const chunk: unknown = cursor.value;
    if (!(chunk instanceof Uint8Array) || from > at) return found(undefined);
    const sumBytes = chunkBytes === PART_BYTES ? SUM_BYTES : 0;
    const bytes = chunk.subarray(at - from, Math.min(end - from, Math.max(chunk.length - sumBytes, 0)));
    if (bytes.length && sumBytes && !isSound(chunk)) return found(undefined);
    body.set(bytes, at - start);
    at += bytes.length;
    release(chunk);
    cursor.continue();
  };
}

/** A part as it is stored: with a checksum behind it, since nothing else tells whether a part is right. */
export function sealed(part: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(part.length + SUM_BYTES);
  chunk.set(part);
  new DataView(chunk.buffer).setUint32(part.length, checksum(part));
  return chunk;
}

function isSound(chunk: Uint8Array): boolean {
  const part = chunk.subarray(0, -SUM_BYTES);
  return new DataView(chunk.buffer, chunk.byteOffset).getUint32(part.length) === checksum(part);
}

/** FNV-1a by words: whatever changes in one of them changes it. */
function checksum(bytes: Uint8Array): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [sum, at] = [0x811c9dc5, 0];
  for (; at + 4 <= bytes.length; at += 4) sum = Math.imul(sum ^ words.getInt32(at), 0x01000193);
  for (; at < bytes.length; at++) sum = Math.imul(sum ^ (bytes[at] as number), 0x01000193);
  return sum >>> 0;
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
  const marked = new Set(keys.filter(([set, chunk]) => chunk === undefined && set < PARTS).map(([set]) => set));
  for (const set of new Set(keys.map(([set]) => set))) {
    const isStaged = marked.has(set) && Number.parseInt(set, 10) > Date.now() - STAGING_MS;
    if (!isStaged && (used ? !used.has(set) : marked.has(set))) bodies.delete(keysOf(set));
  }
}
