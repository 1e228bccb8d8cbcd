/** What is stored of an entry. */

import { StorageError } from '../errors.js';
import type { Run } from '../parts.js';
import type { Chunks } from './chunks.js';

/** A body up to this size lies in the record, which saves a request; but who wants the line alone reads it too. */
export const SMALL_BYTES_MAX = 8192;

/**
 * An entry. `used` orders evictions; without a body, it is in the other store, by the same key. Of an entry in parts, `size`
 * is that of what there is.
 */
export type StoredRecord = [line: string, version: string, used: number, size: number, weight: number, body?: Uint8Array | Chunks | Parted];

/** What there is of a body of this size: these bytes, in order and apart, in this set of chunks. */
export type Parted = { readonly set: string; readonly size: number; readonly there: readonly Run[] };

/** Stands for a body that was not kept. */
const SOME_BODY = new Uint8Array();

/** What must be known of a record to write over it. */
export function outline([, , , size, weight, body]: StoredRecord): StoredRecord {
  if (!body) return ['', '', 0, size, weight];
  return ['', '', 0, size, weight, body instanceof Uint8Array ? SOME_BODY : body];
}

/** Entries, bytes of bodies, what the entries weigh (bodies, keys and lines), and what those of them do that are in parts. */
export type Totals = [items: number, bytes: number, weight: number, parts: number];

/** What there is of an entry in parts. */
export function partsOf(record: StoredRecord | null | undefined): Parted | undefined {
  const body = record?.[5];
  return !body || Array.isArray(body) || body instanceof Uint8Array ? undefined : body;
}

/** The answer to a request. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

/** Checks what the database gave. */
export function toRecord(found: unknown): StoredRecord | undefined {
  if (found === undefined || (Array.isArray(found) && typeof found[0] === 'string')) return found as StoredRecord;
  throw new StorageError('corrupt', 'the database holds something that this package did not write');
}

/** Adds to `totals` what came with `record`, or takes off what went with it. */
export function addTo(totals: Totals, record: StoredRecord | undefined, sign: 1 | -1): void {
  if (!record) return;
  totals[0] += sign;
  totals[1] += sign * record[3];
  totals[2] += sign * record[4];
  if (partsOf(record)) totals[3] += sign * record[4];
}

/** The sum of two. */
export function sum(left: Totals, right: Totals): Totals {
  return [left[0] + right[0], left[1] + right[1], left[2] + right[2], left[3] + right[3]];
}
