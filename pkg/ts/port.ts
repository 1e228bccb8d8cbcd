/** Ports: what the core asks of tiers. */

import type { ByteRange, StorageEvent, TierStats } from './contract.js';

/**
 * What the core asks of a place for entries. Metadata travels as the one line of text that is stored beside the body;
 * only the core reads or writes such a line.
 *
 * For one key the core never runs two of `write`, `store`, `writePart`, `patch`, `remove`, `removeVersion` and `announce` at
 * once; reads and staging run beside anything. Body and line of one answer are of the same write. A promise is awaited;
 * what is not a promise is taken at once. Ports fail with a `StorageError`; anything else counts as `unavailable`.
 */
export interface Port {
  readonly traits: PortTraits;
  /** Whether entries that others would see are kept in memory instead. */
  readonly isInMemory?: boolean;
  /** `null`: not there. `true`: the version is the one that `unless` (an ETag) names. */
  read(key: string, unless: string | undefined): MaybePromise<StoredEntry | null | true>;
  /** The line, or `null`. */
  head(key: string): MaybePromise<string | null>;
  /** Stores an entry in place of any older one. Gives the ETag, where the place gives versions. */
  write(key: string, entry: StoredEntry, facts: Facts): MaybePromise<string | undefined>;
  /** Replaces the line of the entry if it still is `facts.version`, else fails as a `conflict`. `null`: not there. */
  patch(key: string, line: string, facts: Facts): MaybePromise<string | undefined | null>;
  /** At most 1,000 keys; those that are not there are no error. */
  remove(keys: readonly string[]): MaybePromise<void>;
  /** Removes the entry if it still is that version; says whether it was. */
  removeVersion(key: string, line: string, version: string): MaybePromise<boolean>;
  list(prefix: string, after: string | undefined, limit: number): MaybePromise<PortListing>;
  usage(): MaybePromise<PortUsage>;
  clear(): MaybePromise<void>;
  /** Cold is about to overtake this copy: after a crash it must not be found any more. Only where `traits.announced`. */
  announce(key: string): MaybePromise<void>;
  /** Reads that were answered without the core, since last asked: `[key, count, last (ms), ...]`, at most `limit` keys. */
  accesses(limit: number): (string | number)[];
  close(): MaybePromise<void>;
  /** Waits for what the place does by itself after calls have returned. */
  settled?(): Promise<void>;
  /** What was asked of a store that bills requests. Only where that is counted. */
  costs?(): MaybePromise<Costs>;
  /** Tells `listener` of every such request at its end, until the function that this returns is called. */
  watch?(listener: (request: RequestFacts) => void): () => void;
  /** Who is told of each entry that is given up to keep limits. Only where there are such. */
  readonly evicted?: Set<(key: string) => void> | undefined;
  /** As `read`; of a large entry the body may come in pieces. All are of the version that was begun, or end as an error. */
  readPieces?(key: string, unless: string | undefined): MaybePromise<StoredEntry | OpenedEntry | null | true>;
  /** Reads a part of a stored body; `undefined` if it can only be read whole. */
  readRange?(key: string, range: ByteRange, unless: string | undefined): MaybePromise<StoredPart | null | true | undefined>;
  /** Begins a place for a body of `key` that comes in pieces; `undefined` if there is none. */
  stage?(key: string): MaybePromise<Stage | undefined>;
  /**
   * As `write`, also of what lies ready somewhere, perhaps staged here. With `condition` only if the place holds that
   * version, or for `null` no entry, else it fails as a `conflict`; as `unsupported` if the place cannot tell.
   */
  store?(key: string, entry: ReadyEntry, facts: Facts, condition: string | null | undefined): MaybePromise<string | undefined>;
  /**
   * Keeps a part of the stored body of an entry, beside those of the same version that are kept already; parts of another
   * version go, and so does a whole entry of another one. `part` starts and ends with whole chunks of one size, at least
   * 64 KiB (but for the end of the body), and is never compressed.
   *
   * A key with parts is listed, counted and removed as any other, and has a line that is read and patched; `readRange`
   * gives ranges that are kept whole, else `null`. `read` and `readPieces` find nothing until all parts are there: then it is
   * an entry as any other. Parts may be dropped at any time; what there is no room for is not kept, and no error.
   */
  writePart?(key: string, part: StoredPart, facts: Facts): MaybePromise<void>;
}

/**
 * A body in pieces. One call at a time; `cancel` comes last, once, and also after the end. It gives up a call that is
 * under way.
 */
export interface Pieces {
  /** The next piece, which nobody changes; nothing at the end. What cannot be read whole ends by a rejection. */
  next(): MaybePromise<Uint8Array | undefined>;
  cancel(): void;
}

/** A body on its way into a place, invisible until it is stored. */
export interface Stage {
  /** Takes the next bytes, which nobody changes. One call at a time. */
  write(piece: Uint8Array): MaybePromise<void>;
  /** All bytes are there. */
  finish(): MaybePromise<Source>;
  /** Comes last and once, also after `finish`. What was not finished is discarded. */
  cancel(): void;
}

/** Bytes that lie ready, to be read in any order. */
export interface Source {
  readonly size: number;
  /** These bytes, which nobody changes. */
  read(start: number, end: number): MaybePromise<Uint8Array>;
  /** Comes last and once, also after it was stored. What was not stored is discarded. */
  cancel(): void;
}

/** An entry whose body comes in pieces. */
export interface OpenedEntry {
  readonly pieces: Pieces;
  readonly line: string;
}

/** A part of a stored body, from `start` on. It is empty, and from 0, if the body does not reach that far. */
export interface StoredPart extends StoredEntry {
  readonly start: number;
}

/** What is to be stored. */
export interface ReadyEntry {
  readonly body: Uint8Array | Source;
  readonly line: string;
}

/** What of `TierStats` is about requests. */
export type Costs = Pick<TierStats, 'requests' | 'costUsd'>;

/** A request, with all attempts at it, as events tell of it. */
export type RequestFacts = Omit<Extract<StorageEvent, { type: 'requested' }>, 'type' | 'tier'>;

export type MaybePromise<T> = T | Promise<T>;

/** What the core must know of a place before it uses it. */
export interface PortTraits {
  /** What it holds is gone with this realm: it gets bodies uncompressed, and they are not verified when they come back. */
  readonly volatile?: boolean;
  /** Overwrites are announced to it before the cold tier is told. */
  readonly announced?: boolean;
  /** Body and line may be of two writes: what does not verify is read once more. */
  readonly rereads?: boolean;
  /** The most bytes (body, key and line) of one entry. */
  readonly entryBytesMax?: number;
  readonly itemsMax?: number;
}

/** A body and its line, of the same write. Nobody changes the bytes of a stored body. */
export interface StoredEntry {
  readonly body: Uint8Array;
  readonly line: string;
}

/** What a place may need of a line without reading it. */
export interface Facts {
  /** Names the write; equal for copies of it everywhere. */
  readonly version: string;
  /** In ms since 1970; `Infinity` where it never expires. */
  readonly expiresAt: number;
  /** When the copy was last known to be cold's version, in ms since 1970. */
  readonly freshAt: number;
  /** 0 bytes, 1 JSON, 2 the user's own serializer. */
  readonly content: 0 | 1 | 2;
  readonly lastAccessed: number;
  readonly accessCount: number;
  /** The bytes of the body, uncompressed. */
  readonly size: number;
}

export interface PortListing {
  readonly keys: readonly string[];
  /** Where the next page starts; absent on the last one. */
  readonly next?: string | undefined;
}

export interface PortUsage {
  readonly bytes: number;
  readonly items: number;
  readonly evictions?: number | undefined;
}

/** By this, `TieredStorage` finds the port of a tier of this package. Every other tier is used by its ten methods. */
export const PORT: unique symbol = Symbol.for('tiered-storage.port');

/** A tier of this package. */
export interface Ported {
  /** The port, once the core is loaded. Called once by each storage that is opened over the tier. */
  [PORT](notices: PortNotices): MaybePromise<Port>;
}

/** What a port tells the storage that was opened over it. */
export interface PortNotices {
  /** The place cannot keep entries here, for this reason; they are kept in memory instead. */
  onFallback(error: Error): void;
}
