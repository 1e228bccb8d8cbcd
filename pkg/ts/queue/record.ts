/** The form of a queued write in a file: JSON, in which what is not there stays apart from what is nothing. */

import type { StorageMetadata } from '../contract.js';
import { StorageError } from '../errors.js';
import type { OrderRow } from '../wasm.js';
import type { QueueRecord } from './types.js';

const FORM = 'tiered-storage-queue-1';
/** What stands where in a row. */
const ROW = ['id', 'key', 'isDelete', 'size', 'condition', 'follows', 'attempts', 'state', 'there'] as const;

/** A record, and the SHA-256 of its body, if it has one. */
export interface Kept {
  readonly record: QueueRecord;
  readonly sum: string | undefined;
}

export function encode({ record, sum }: Kept): string {
  const row = Object.fromEntries(ROW.map((name, at) => [name, record.row[at]]));
  return JSON.stringify({ form: FORM, sum, ...record, row });
}

/** Fails as `corrupt` if it is not what `encode` made. `path` is where it was found. */
export function decode(text: string, path: string): Kept {
  try {
    const { form, sum, row, current, ...record } = JSON.parse(text) as QueueRecord & { form: unknown; sum?: string; row: Record<string, unknown> };
    if (form !== FORM || !Number.isSafeInteger(row['id'])) throw new Error(`its form is ${String(form)}`);
    const found = { ...record, body: record.body, row: ROW.map((name) => row[name]) as unknown as OrderRow };
    return { record: current === undefined ? found : { ...found, current: current && revived(current) }, sum };
  } catch (cause) {
    const advice = `${path} is not a queued write as it was stored; move it away to go on without it`;
    throw new StorageError('corrupt', advice, { cause });
  }
}

/** JSON has no dates. */
function revived(metadata: StorageMetadata): StorageMetadata {
  const { createdAt, lastAccessed, ttl } = metadata;
  const dates = { createdAt: new Date(createdAt), lastAccessed: new Date(lastAccessed) };
  return { ...metadata, ...dates, ...(ttl === undefined ? {} : { ttl: new Date(ttl) }) };
}
