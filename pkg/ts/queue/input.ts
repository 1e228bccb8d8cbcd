/** What a queue is given, checked and in the form that is stored; and what is told of it. */

import { StorageError, attempt, invalid } from '../errors.js';
import { FLAG, LIMIT, NAME, SET, check, isCount, isOneOf, type Rules } from '../options.js';
import type { MaybePromise, Pieces } from '../port.js';
import { atOnce, copyOf, isBlob, isStream, toPieces } from '../streams.js';
import { PIECE_BYTES } from './store.js';
import type { QueueOptions, QueueRecord, QueueWriteOptions, QueuedWrite } from './types.js';

const QUEUE: Rules = {
  name: NAME,
  maxWrites: LIMIT,
  maxBytes: LIMIT,
  send: [isOneOf('auto', 'manual'), "'auto' or 'manual'"],
  directory: NAME,
  indexedDB: [(value) => typeof (value as IDBFactory | null)?.open === 'function', 'an IDBFactory'],
};
const WRITE: Rules = { ...SET, overwrite: FLAG };
const { ifMatch, overwrite, signal } = WRITE;
const DELETE = { ifMatch, overwrite, signal } as Rules;
const STATES = ['waiting', 'sending', 'conflict', 'failed'] as const;

/** The options of a write; `over` and `condition` are as the order takes them. */
export interface CheckedWrite extends QueueWriteOptions {
  readonly over: 0 | 1 | 2;
  readonly condition: string | null | undefined;
  /** Whether it is for what is queued before it of the same key, if anything is. */
  readonly follows: boolean;
  readonly how: QueueRecord['how'];
}

/** The bytes of a value, in pieces that fit a record. */
export interface Body {
  readonly pieces: AsyncGenerator<Uint8Array, void>;
  readonly isJson: boolean;
  /** Lets go of what the pieces are of. */
  cancel(): void;
}

export const checkQueue = (options: unknown): QueueOptions => check(options, QUEUE, 'the options of a WriteQueue');
export const checkWrite = (options: unknown): CheckedWrite => placed(options, WRITE, 'the options of `set`');
export const checkDelete = (options: unknown): CheckedWrite => placed(options, DELETE, 'the options of `delete`');

/** Fails as `invalid` for what names no write. */
export function checkId(id: unknown): asserts id is number {
  if (!isCount(id)) throw invalid('a write is named by its `id`, a whole number');
}

function placed(given: unknown, rules: Rules, what: string): CheckedWrite {
  const options: QueueWriteOptions = check(given, rules, what);
  const { ifAbsent, ifMatch, overwrite } = options;
  if (Number(ifAbsent ?? 0) + Number(ifMatch !== undefined) + Number(overwrite ?? 0) > 1) {
    throw invalid('only one of `ifAbsent`, `ifMatch` and `overwrite` can hold; give one of them');
  }
  // The copies are what is stored: a getter need not give the same twice.
  const how: QueueRecord['how'] = check(attempt(() => toHow(options), `${what} cannot be read`), rules, what);
  if (overwrite) return { ...options, how, over: 0, condition: undefined, follows: false };
  const isNamed = ifAbsent || ifMatch !== undefined;
  return { ...options, how, over: isNamed ? 1 : 2, condition: ifAbsent ? null : ifMatch, follows: !ifAbsent };
}

/** What of the options is for the write that is sent. */
function toHow({ ttl, metadata, skipTiers, onlyTiers, mimeType }: QueueWriteOptions): QueueRecord['how'] {
  const how: QueueRecord['how'] = {};
  if (ttl !== undefined) how.ttl = ttl;
  // Copies: who gave them may change them.
  if (metadata) how.metadata = { ...metadata };
  if (skipTiers) how.skipTiers = [...skipTiers];
  if (onlyTiers) how.onlyTiers = [...onlyTiers];
  if (mimeType !== undefined) how.mimeType = mimeType;
  return how;
}

/** The bytes of a value; those that are there are copied at once. */
export function bodyOf(value: unknown, key: string): Body {
  if (value === undefined) throw invalid('`undefined` cannot be stored; store `null`, or delete the key', key);
  const bytes = attempt(() => copyOf(value), 'the value cannot be stored', key);
  if (bytes) return body(atOnce(bytes), false);
  const isInPieces = (): boolean =>
    isBlob(value) || isStream(value) || typeof (value as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === 'function';
  if (attempt(isInPieces, 'the value cannot be stored', key)) return body(toPieces(value, key), false);
  const json: string | undefined = attempt(() => JSON.stringify(value), 'the value cannot be written as JSON', key);
  if (json === undefined) throw invalid(`a ${typeof value} cannot be written as JSON`, key);
  return body(atOnce(new TextEncoder().encode(json)), true);
}

function body(pieces: Pieces, isJson: boolean): Body {
  return { pieces: pieced(pieces), isJson, cancel: () => pieces.cancel() };
}

/** Pieces of one size, each with memory of its own: a database stores all of what a view is of. */
async function* pieced(pieces: Pieces): AsyncGenerator<Uint8Array, void> {
  let room = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  try {
    for (let piece = await next(pieces); piece; piece = await next(pieces)) {
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + PIECE_BYTES - filled);
        room.set(part, filled);
        at += part.length;
        filled += part.length;
        if (filled < PIECE_BYTES) continue;
        yield room;
        room = new Uint8Array(PIECE_BYTES);
        filled = 0;
      }
    }
    if (filled) yield room.slice(0, filled);
  } finally {
    pieces.cancel();
  }
}

function next(pieces: Pieces): MaybePromise<Uint8Array | undefined> {
  return pieces.next();
}

/** What is told of a record. */
export function toWrite({ row, queuedAt, how, current, error }: QueueRecord): QueuedWrite {
  const [id, key, isDelete, size, , , attempts, state] = row;
  const write = { id, key, kind: isDelete ? 'delete' : 'set', size, mimeType: how.mimeType, queuedAt: new Date(queuedAt), attempts } as const;
  if (state === 2) return { ...write, state: 'conflict', current: current ?? null };
  if (state === 3) return { ...write, state: 'failed', error: new StorageError(error?.kind ?? 'internal', error?.message ?? '', { key }) };
  return { ...write, state: STATES[state] ?? 'waiting' };
}
