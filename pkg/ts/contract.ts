/**
 * The names that callers and tiers share. What stands in the published contract has its exact shape here, so that an
 * object typed by either is assignable to the other; everything further is optional.
 */

import type { StorageError } from './errors.js';

/** One of the three places of an entry, in the order in which a read asks them. */
export type TierName = 'hot' | 'warm' | 'cold';

/** What is known of an entry beside its bytes. It is stored with them, and one write replaces both at once. */
export interface StorageMetadata {
  /** The key, as it was given. */
  key: string;
  /** The bytes of the body, uncompressed. */
  size: number;
  /** When this version was written; an overwrite makes a new one. */
  createdAt: Date;
  /** The last counted read. Reads are counted in memory and written out in batches, so it may lag by the interval. */
  lastAccessed: Date;
  /** How many reads were counted since the write; may lag like `lastAccessed`. */
  accessCount: number;
  /** Until when the entry may be served, that moment included. Without it, the entry does not expire. */
  ttl?: Date;
  /** Whether the stored bytes are gzip. Bytes that `TieredStorage` hands out never are. */
  compressed: boolean;
  /** SHA-256 of the uncompressed body, 64 lowercase hexadecimal digits. Empty where it is not known. */
  checksum: string;
  /** The MIME type, as given, or guessed from the extension of the key. */
  mimeType?: string;
  /** A content encoding that someone else gave the stored object; this library stores none. */
  encoding?: string;
  /** Fields of the caller, any Unicode. With everything else at most 1.9 KiB in stored form, or the write is `invalid`. */
  customMetadata?: Record<string, string>;
  /** Names this version to `ifMatch`: the ETag of cold, where it gives such. */
  version?: string | undefined;
}

/** Options of a call. */
export interface CallOptions {
  /** Gives the call up, and rejects it with the signal's reason. A change that was begun goes on in the background. */
  signal?: AbortSignal | undefined;
}

/** Options of a removal. */
export interface DeleteOptions extends CallOptions {
  /** Removes only this `version`; else fails as a `conflict` that tells what is there. */
  ifMatch?: string | undefined;
}

/** Options of a read. */
export interface ReadOptions extends CallOptions {
  /**
   * Gives bytes without copying them: quicker, but they are the stored ones, and must not be changed. Default `false`.
   * Values that are not bytes are made anew each time in any case.
   */
  borrow?: boolean | undefined;
}

/** What a presigned URL is for, and how long it lasts. */
export interface PresignOptions {
  /** What its holder may do. Default `'GET'`. */
  method?: 'GET' | 'HEAD' | 'PUT' | 'DELETE' | undefined;
  /** How long it may be used from now on, in ms: 1,000 to 604,800,000 (7 days). A fraction of a second is left out. */
  expires: number;
}

/** How full a tier is, and what it has seen. */
export interface TierStats {
  /** The bytes that its entries take. */
  bytes: number;
  /** The number of its entries, expired ones included. */
  items: number;
  /** Reads that this tier answered since it was opened, where that is counted. */
  hits?: number;
  /** Reads that this tier was asked and could not answer since it was opened, where that is counted. */
  misses?: number;
  /** Entries that it gave up to keep its limits since it was opened, where it has limits. */
  evictions?: number;
  /** The requests that it sent since it was made, where it is a store that bills them. */
  requests?: RequestStats;
  /** What those requests may cost, in dollars, where the tier was given `prices`. An upper bound, without storage. */
  costUsd?: number;
}

/** How many requests there were, and what they carried. */
export interface RequestTally {
  /** Requests that were sent. One that was tried again counts each time, as it is billed. */
  sent: number;
  /** Of those, the ones without a whole answer, or with an error for one. That nothing is there is an answer. */
  failed: number;
  /** Bytes of the bodies that were sent, each time. */
  bytesSent: number;
  /** Bytes of the bodies of answers, as far as they came. */
  bytesReceived: number;
}

/** A request as S3 names it. */
export type RequestOperation =
  | 'get'
  | 'head'
  | 'list'
  | 'put'
  | 'copy'
  | 'createUpload'
  | 'uploadPart'
  | 'completeUpload'
  | 'abortUpload'
  | 'delete'
  | 'deleteMany';

/** Requests by how they are billed, and by what they did. */
export interface RequestStats {
  /** `GET` and `HEAD` of objects: the cheap ones. */
  get: RequestTally;
  /** `PUT`, `COPY`, `POST` and `LIST`: on most stores ten times as dear. */
  put: RequestTally;
  /** `DELETE` of one object, of many, and of unfinished uploads: free on most stores. */
  delete: RequestTally;
  /** The same by operation: those that there were. */
  operations: Partial<Record<RequestOperation, RequestTally>>;
}

/** The figures of all tiers, and of the storage as a whole since it was opened. */
export interface AllTierStats {
  /** Absent where there is no hot tier. */
  hot?: TierStats;
  /** Absent where there is no warm tier. */
  warm?: TierStats;
  cold: TierStats;
  /** Reads that some tier answered. */
  totalHits: number;
  /** The misses of all tiers: a read that cold answered missed hot and warm. */
  totalMisses: number;
  /** `totalHits` of the reads that there were, from 0 to 1; 0 before the first read. */
  hitRate: number;
}

/**
 * A place for entries. Any object with these ten methods can stand in any of the three places.
 *
 * The storage orders its calls: for one key it never runs two changes at once, and reads run beside anything. A tier
 * should give bytes and metadata of the same write, keep every key apart (`a`, `a/b`, `A`) and copy the bytes that it is
 * given if it keeps them. What a tier throws fails the call as `unavailable`; a promise that does not settle within
 * `tierTimeout` does too.
 */
export interface StorageTier {
  /** The stored bytes, or `null` if the key is not there. */
  get(key: string): Promise<Uint8Array | null>;
  /** Stores bytes and metadata in place of any older entry of that key. */
  set(key: string, data: Uint8Array, metadata: StorageMetadata): Promise<void>;
  /** Removes the entry. That it is not there is no error. */
  delete(key: string): Promise<void>;
  /** Whether the key is there, without moving its bytes. */
  exists(key: string): Promise<boolean>;
  /** Gives the keys that start with `prefix` (all without one), each once, with a bound on memory. */
  listKeys(prefix?: string): AsyncIterableIterator<string>;
  /** Removes entries, in as few steps as it can. */
  deleteMany(keys: string[]): Promise<void>;
  /** The metadata, or `null`, without moving the bytes. */
  getMetadata(key: string): Promise<StorageMetadata | null>;
  /** Replaces the metadata and leaves the bytes. Does nothing if the key is not there. */
  setMetadata(key: string, metadata: StorageMetadata): Promise<void>;
  /** How full the tier is. */
  getStats(): Promise<TierStats>;
  /** Removes every entry. */
  clear(): Promise<void>;
}

/** When a read copies the entry that it found into the tiers above. */
export type PromotionStrategy = 'lazy' | 'eager' | 'onSecondHit';

/** Where entries go whose keys match. */
export interface PlacementRule {
  /** A glob over the whole key: `*` within a segment, `**` across segments, `?`, `{a,b}`; all else stands for itself. */
  pattern: string;
  /** The tiers that get the entry. Cold always does. */
  tiers: TierName[];
}

/** Time, for tests that move it by hand. */
export interface StorageClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms` milliseconds of this clock. */
  sleep(ms: number): Promise<void>;
}

/** Something that a call did not fail of, but that somebody may want to know. */
export type StorageEvent =
  /**
   * A tier failed at an `action`: `read`, `head`, `write`, `patch`, `remove`, `list`, `clear` or `announce`. The call went on
   * without it, or failed with this error. A `conflict` is no failure of a tier.
   */
  | { type: 'tierFailed'; tier: TierName; action: string; key?: string | undefined; error: StorageError }
  /** A copy above cold was not what had been written. It is dropped, and a lower tier is asked. */
  | { type: 'copyCorrupt'; tier: TierName; key: string }
  /** What a read found was copied into a tier. */
  | { type: 'promoted'; tier: TierName; key: string }
  /** An expired entry was removed from cold. */
  | { type: 'expiredRemoved'; key: string }
  /** So many reads were not counted, as too many keys had some to be counted. */
  | { type: 'accessesDropped'; count: number }
  | {
      /** A tier sent a request to a store that bills it; told at its end, with all attempts at it. */
      type: 'requested';
      tier: TierName;
      operation: RequestOperation;
      /** The HTTP status of the last attempt's answer; 0 if there was none. */
      status: number;
      attempts: number;
      bytesSent: number;
      bytesReceived: number;
      /** From the call to its end, waits included. */
      elapsedMs: number;
    }
  | {
      /**
       * A tier was asked for an entry. Told only to listeners that ask for it, by `on('answered', ...)`: `onEvent` is not
       * told, and nothing is measured while nobody listens.
       */
      type: 'answered';
      tier: TierName;
      key: string;
      /** What it was asked for: `read` for the entry or a part of it, `head` for its metadata. */
      action: 'read' | 'head';
      answer: TierAnswer;
      /**
       * Names the read: all tiers that were asked for it say the same number, and calls that share a read are one. 0 is a
       * hot hit that needed no more than a look; each of them is a read of its own.
       */
      read: number;
      /** The bytes of the whole body, where the tier has a live entry. */
      size?: number | undefined;
      /** With the verification. Of a body that comes in pieces, until its beginning. */
      elapsedMs: number;
    }
  /** A tier gave an entry up to keep its limits. A lower one still has it. */
  | { type: 'evicted'; tier: TierName; key: string }
  /** A tier keeps its entries in memory, since this host lets it have no database. */
  | { type: 'fallback'; tier: TierName; error: Error }
  | {
      /** Another instance with the same `tabs` changed this key, or all keys with this prefix; reads see it from now on. */
      type: 'changedElsewhere';
      key?: string | undefined;
      prefix?: string | undefined;
    }
  | {
      /** Another instance held this for `tierTimeout`. A read went on and copied nothing; a change went on without it. */
      type: 'claimTimedOut';
      key?: string | undefined;
      prefix?: string | undefined;
    };

/**
 * What a tier said that was asked for an entry: a live one is there (`found`); the same, but the tier cannot vouch that it
 * is the last version (`suspect`); it is the version it was compared with (`unchanged`); nothing is there (`missing`), or
 * something `expired`, or something that is not what had been written (`corrupt`); or there was no answer (`failed`).
 */
export type TierAnswer = 'found' | 'suspect' | 'unchanged' | 'missing' | 'expired' | 'corrupt' | 'failed';

/**
 * What a storage is made of. `S` names the promotion strategies that may stand here: the contract's two by default,
 * all three where `open` takes it.
 */
export interface TieredStorageConfig<S extends PromotionStrategy = 'eager' | 'lazy'> {
  /** The tiers, from the fastest to the source of truth. */
  tiers: {
    hot?: StorageTier;
    warm?: StorageTier;
    cold: StorageTier;
  };
  /** Stores bodies as gzip (level 6) where that pays. Default `false`. Reading does not depend on it. */
  compression?: boolean;
  /** The life of entries whose `set` gives none, in ms. Without it they do not expire. */
  defaultTTL?: number;
  /**
   * `lazy` (default): reads copy nothing. `eager`: into every tier above that placement allows, in the background.
   * `onSecondHit`: like `eager`, from the second read of a key within a minute on.
   */
  promotionStrategy?: S;
  /** In place of JSON, for values that are not bytes. */
  serialization?: {
    serialize: (data: unknown) => Promise<Uint8Array>;
    deserialize: (data: Uint8Array) => Promise<unknown>;
  };
  /** Which tiers a key goes to; the first rule that matches holds. Without one, all. */
  placementRules?: readonly PlacementRule[] | undefined;
  /** Larger entries are not promoted to hot, in bytes. Default 262,144 (256 KiB), that size included. */
  hotPromotionMaxBytes?: number | undefined;
  /**
   * Has warm keep the parts of bodies that `getRange` read from cold, in chunks of so many bytes: 65,536 (64 KiB) to
   * 67,108,864 (64 MiB), in whole 64 KiB; 1,048,576 does for most. Cold is asked for whole chunks then. When all chunks
   * of an entry are there, warm has the entry. Default: parts are not kept. It needs a warm tier that can keep them, as
   * `IndexedDBStorageTier`, `DiskStorageTier` and `MemoryStorageTier` can.
   */
  rangeCaching?: number | undefined;
  /** Whether the SHA-256 of what a tier returns is checked. Default `always`. */
  verify?: 'always' | 'never' | undefined;
  /** What becomes of expired entries in cold that a read meets. Default `remove`, later and only that version. */
  expiredCold?: 'remove' | 'keep' | undefined;
  /** Copies above cold are compared with it once they were not for this long, in ms. Default: never. */
  revalidateAfter?: number | undefined;
  /** While cold cannot be reached, a copy is served that was current at most this long ago, in ms. Default: none is. */
  staleIfUnavailable?: number | undefined;
  /** How often counted reads are written to hot and warm, in ms. Default 30,000. */
  statistics?: { flushInterval?: number | undefined } | undefined;
  /**
   * A name that all instances of one origin share that use the same tiers: pages, workers and service workers. Each is told
   * at once of what another changed, misses at the same time cost one read of cold where they are copied to a tier that
   * all see, and one instance writes statistics there. Default: no other instance is known of.
   */
  tabs?: string | undefined;
  /**
   * How long one call of a tier that is not of this package may take, and how long is waited for another instance, in ms.
   * Default 30,000.
   */
  tierTimeout?: number | undefined;
  /** In place of the system's clock. */
  clock?: StorageClock | undefined;
  /** Is told every event but `answered` from the start, before `on` can be called. */
  onEvent?: ((event: StorageEvent) => void) | undefined;
}

/** How one value is stored. */
export interface SetOptions {
  /** The life of this entry in ms from now; instead of `defaultTTL`. */
  ttl?: number;
  /** Fields of the caller: `customMetadata` of the entry. */
  metadata?: Record<string, string>;
  /** Tiers that do not get the entry; an older one is removed there. */
  skipTiers?: ('hot' | 'warm')[];
  /** The tiers that get the entry, instead of `skipTiers` and the placement rules. Cold always does. */
  onlyTiers?: readonly TierName[] | undefined;
  /** The MIME type; by default guessed from the extension of the key. That of a `Blob` counts only if it is given here. */
  mimeType?: string | undefined;
  /** Writes only if there is no live entry; else fails as a `conflict` that tells what is there. */
  ifAbsent?: boolean | undefined;
  /** Writes only over this `version`; else fails as a `conflict` that tells what is there. */
  ifMatch?: string | undefined;
  /** Gives the call up. What was begun is carried to its end in the background. */
  signal?: AbortSignal | undefined;
}

/** Which bytes of a body: from `start` to before `end`, or to its end; or the last so many. */
export type ByteRange = { start: number; end?: number | undefined } | { last: number };

/** A value with its metadata. */
export interface StorageResult<T> {
  data: T;
  metadata: StorageMetadata;
  /** The tier that answered. */
  source: TierName;
}

/** An entry whose bytes come one piece after the other. */
export interface StreamResult {
  /** The bytes, as they are asked for; all of one version. It fails before its end if they are not what was written. */
  stream: ReadableStream<Uint8Array>;
  metadata: StorageMetadata;
  /** The tier that answered. */
  source: TierName;
}

/** A part of the bytes of an entry. */
export interface RangeResult {
  /** The caller's own. Empty if the body does not reach that far. */
  data: Uint8Array;
  /** Where in the body they start, and end. */
  start: number;
  end: number;
  /** Of the whole entry; its `size`, for one. */
  metadata: StorageMetadata;
  /** The tier that answered. */
  source: TierName;
}

/** What became of a `set`. */
export interface SetResult {
  key: string;
  metadata: StorageMetadata;
  /** The tiers that have the entry now; cold always does. */
  tiersWritten: TierName[];
}

/** The metadata of everything in cold, without the bytes. Survives `JSON.stringify` and `JSON.parse`. */
export interface StorageSnapshot {
  /** The version of this format: 1. `import` refuses others as `invalid`. */
  version: number;
  exportedAt: Date;
  /** The keys in cold, in its order. */
  keys: string[];
  /** By key. */
  metadata: Record<string, StorageMetadata>;
  /** The figures at that time. */
  stats: AllTierStats;
}
