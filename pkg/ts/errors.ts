/** Few kinds of error, each telling what to do. */

import type { StorageMetadata, TierName } from './contract.js';
import type { RawError } from './wasm.js';

/**
 * What to do about an error.
 *
 * `invalid`: fix the call. `denied`: fix credentials or permissions. `unavailable`: try again later. `conflict`: someone
 * else changed the entry; read it again. `corrupt`: the stored bytes are not what was written. `full`: quota or capacity
 * is used up. `unsupported`: this tier or store cannot do it; use another. `closed`: the storage or tier was closed.
 * `internal`: a defect of this package; report it.
 */
export type ErrorKind =
  | 'invalid'
  | 'denied'
  | 'unavailable'
  | 'conflict'
  | 'corrupt'
  | 'full'
  | 'unsupported'
  | 'closed'
  | 'internal';

/** What an error concerns. */
export interface ErrorDetails {
  tier?: TierName | undefined;
  key?: string | undefined;
  isTimeout?: boolean | undefined;
  cause?: unknown;
  current?: StorageMetadata | null | undefined;
  isSame?: boolean | undefined;
}

/** Everything that this package throws and rejects with. A miss is not an error. It never carries a secret. */
export class StorageError extends Error {
  readonly kind: ErrorKind;
  /** The place whose tier failed, where one did. */
  readonly tier: TierName | undefined;
  readonly key: string | undefined;
  /** Whether a time limit ran out. */
  readonly isTimeout: boolean;
  /** Of a `conflict` of `set`, `update` or `delete`: the entry that is there instead, `null` if there is none. */
  readonly current: StorageMetadata | null | undefined;
  /** Of a `conflict`: whether that entry has the body, MIME type and fields of the one that was to be written. */
  readonly isSame: boolean;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.tier = details.tier;
    this.key = details.key;
    this.isTimeout = details.isTimeout ?? false;
    this.current = details.current;
    this.isSame = details.isSame ?? false;
  }

  override get name(): string {
    return 'StorageError';
  }

  /** What the core threw. `current` is what its line says, where it has one. */
  static fromRaw([kind, message, tier, key, isTimeout, cause, , isSame]: RawError, current?: StorageMetadata | null): StorageError {
    return new StorageError(kind as ErrorKind, message, { tier: tier as TierName, key, isTimeout, cause, current, isSame });
  }

  /**
   * `error` as a `StorageError`: itself where it is one, translated where the core threw it, else the cause of a new one
   * of `kind`.
   */
  static from(error: unknown, message: string, key?: string, kind: ErrorKind = 'unavailable'): StorageError {
    try {
      if (error instanceof StorageError) return error;
      if (isRaw(error)) return StorageError.fromRaw(error);
    } catch {
      // What was thrown does not even let itself be looked at.
    }
    return new StorageError(kind, message + said(error), { key, cause: error });
  }
}

/** What an error says, behind a sentence of ours; nothing if it does not let itself be looked at. */
export function said(error: unknown): string {
  try {
    return error instanceof Error ? `: ${error.message}` : '';
  } catch {
    return '';
  }
}

/** Whether the core threw it. */
export function isRaw(error: unknown): error is RawError {
  return Array.isArray(error) && error.length === 8;
}

/** What `work` gives; what it throws is about a call that must be fixed. */
export function attempt<T>(work: () => T, message: string, key?: string): T {
  try {
    return work();
  } catch (error) {
    throw StorageError.from(error, message, key, 'invalid');
  }
}

/** An error about a call that must be fixed. */
export function invalid(message: string, key?: string): StorageError {
  return new StorageError('invalid', message, { key });
}

/** An error about metadata that is not of the entry that there is. */
export function otherVersion(key: string): StorageError {
  return new StorageError('conflict', 'the entry is of another version than the metadata; read it again', { key });
}

/** An error about a condition that does not hold. */
export function notSo(key: string): StorageError {
  return new StorageError('conflict', 'the tier holds something else than the write is for; read it again', { key });
}

/** A listener that throws must not harm the call that it hears of; the runtime reports what it threw. */
export function report<E>(listener: (event: E) => void, event: E): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
