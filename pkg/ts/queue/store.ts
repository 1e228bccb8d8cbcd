/** What a queue asks of the place where its writes are kept. */

import type { MaybePromise } from '../port.js';
import type { QueueRecord } from './types.js';

/** How much of a body is stored at once, in bytes. */
export const PIECE_BYTES = 2 ** 20;

/** How long a change must last: through a power loss, or only while the browser or process runs. */
export type Durability = 'strict' | 'relaxed';

/** What is to be stored: a record, or that there is none any more, and no body of it either. */
export type Change = { readonly stored: QueueRecord } | { readonly gone: QueueRecord };

/** The writes that there are. A step asks for those that it needs alone: there may be many, and a step for each of them. */
export interface Records {
  one(id: number): MaybePromise<QueueRecord | undefined>;
  /** Those of a key, in order. */
  of(key: string): MaybePromise<QueueRecord[]>;
  /** The first `count` behind this id, in order; all, if nothing else is said. */
  after(id: number, count?: number): MaybePromise<QueueRecord[]>;
  count(): MaybePromise<number>;
}

/** What is to be answered, and stored in that order; `newId` gives an id that is larger than any before. */
export type Step<T> = (records: Records, newId: () => Promise<number>) => Promise<[answer: T, changes: readonly Change[]]>;

/** A place for queued writes: a record each, and its body in pieces. It fails with a `StorageError`. */
export interface QueueStore {
  /** What tells it from other queues of this host. */
  readonly name: string;
  /** Whether other tabs or threads may have it open, too. */
  readonly isShared: boolean;
  /** Looks at the writes as they are at one moment. */
  look<T>(work: (records: Records) => MaybePromise<T>): Promise<T>;
  /** Takes a step while nobody else does, and stores what it says. */
  change<T>(durability: Durability, step: Step<T>): Promise<T>;
  /** Stores a piece of a body, durably once a record of it is. */
  addPiece(body: string, at: number, piece: Uint8Array): Promise<unknown>;
  /** The bytes of a body, piece by piece. */
  pieces(body: string, size: number): AsyncGenerator<Uint8Array>;
  /** Forgets a body that was never queued. */
  dropBody(body: string): Promise<unknown>;
  /** The names of bodies that no write has. */
  strays(): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens a queue in a folder. */
type OpenFolder = (directory: string) => Promise<QueueStore>;

let openFolder: OpenFolder | undefined;

/** An entry of the package for hosts with files says how a queue is kept in a folder. */
export function useFolders(open: OpenFolder): void {
  openFolder = open;
}

/** How a queue is kept in a folder, where that can be. */
export function folders(): OpenFolder | undefined {
  return openFolder;
}
