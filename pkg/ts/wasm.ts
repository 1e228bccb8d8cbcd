/** The exports of the wasm module; and how an entry of the package loads it. */

import type { RequestOperation, TierName } from './contract.js';
import type { RawEvent } from './events.js';
import type { Fields } from './lines.js';
import type { Facts, Pieces, Source, Stage } from './port.js';
import type { Content } from './serialize.js';
import type { RawSnapshot, RawStats } from './snapshot.js';

/** Everything that is compiled from Rust. */
export interface Wasm {
  /** What a line says, in the contract's fields; times in ms since 1970. Throws a `RawError`. */
  describe(key: string, line: string): RawMetadata;
  /** A line for metadata that a user gave, and its facts. Throws a `RawError`. */
  inscribe(key: string, metadata: RawMetadata): Inscribed;
  /** The facts of a line. Throws a `RawError`. */
  factsOf(key: string, line: string): Facts;
  readonly Policy: new (kind: string) => Policy;
  /**
   * Does what has this number in `ORDER_CALLS` to queued writes, of which it is given those that the call is about: for `enter` and
   * what names a write, all of its key; for what asks for the next, all up to that. Gives the answer and what is to be
   * stored, in this order: rows, and the ids of those that are gone. `limits`: of writes, and of bytes. Throws a `RawError`.
   */
  order(
    limits: readonly number[],
    rows: readonly OrderRow[],
    call: number,
    args: readonly unknown[],
  ): [answer: unknown, changes: (OrderRow | number)[]];
  /**
   * `credentials` gives id, secret, session token and expiry in ms, or nothing for unsigned requests. `options`: bucket,
   * endpoint, region, prefix, whether the bucket is in the host, concurrency, timeout, attempts, prices (see `S3Prices`,
   * in its order), and the provider's number or what it can do. `sign` gives headers, names and values by turns. Throws a
   * `RawError`.
   */
  readonly S3: new (
    credentials: () => Promise<readonly unknown[] | undefined>,
    fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined,
    options: readonly unknown[],
    sign: ((request: RawUnsigned) => Promise<readonly string[]>) | undefined,
  ) => RawS3;
  readonly Storage: {
    open(
      settings: readonly unknown[],
      ports: readonly (object | undefined)[],
      clock: object | undefined,
      onEvent: (event: RawEvent) => void,
      neighbours: RawNeighbours | undefined,
    ): RawStorage;
  };
}

/** A storage. */
export interface RawStorage {
  readonly gate: Uint8Array;
  countHotHits(hits: number): void;
  /** Does what has this number in `STORAGE_CALLS`; `abort` gives it up by rejecting. Rejects with a `RawError`. */
  call(call: number, args: readonly unknown[], abort: Promise<never> | undefined): Promise<unknown>;
}

/** What a storage does: what it takes, and what it gives a promise of. */
export interface StorageCalls {
  get(key: string): RawEntry | null;
  set(...entry: RawSet): RawWritten;
  /** The line. */
  head(key: string): string | null;
  delete(key: string, version: string | undefined): unknown;
  touch(key: string, ttl: number | undefined): unknown;
  /** `tiers`: bits. */
  invalidate(prefix: string, tiers: number): number;
  /** `tiers`: bits. */
  clear(tiers: number): unknown;
  keys(prefix: string, after: string | undefined): [keys: string[], next: string | undefined];
  stats(): RawStats;
  export(): RawSnapshot;
  /** Keys and fields by turns. */
  import(...entries: (string | Fields)[]): unknown;
  bootstrapHot(limit: number | undefined): number;
  bootstrapWarm(limit: number | undefined, since: number | undefined): number;
  settled(): unknown;
  /** The body in pieces. */
  stream(key: string): [pieces: RawFlow, line: string, source: TierName] | null;
  /** `start` and `end` as `toBounds` has them. */
  range(
    key: string,
    start: number | undefined,
    end: number | undefined,
  ): [data: Uint8Array, line: string, source: TierName, start: number] | null;
  /** Asks for what is to be written in place of what is there, as often as it takes; `undefined` leaves it. */
  update(key: string, change: (found: RawEntry | null) => Promise<RawSet | undefined>): RawWritten | undefined;
  /** `headers`: by name; those of the answer are names and values by turns. A body that is there is shared with the hot tier. */
  respond(
    key: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    cacheControl: string | undefined,
  ): [status: number, headers: string[], body: Uint8Array | RawFlow | null];
  /** Another instance changed this; `own`: bits of tiers that nobody else sees, beside those in memory. */
  elsewhere(name: string, isPrefix: boolean, own: number): unknown;
  /** Of another instance: key, count and time of the last in ms, by turns. */
  countAccesses(...accesses: (string | number)[]): unknown;
  close(): unknown;
}

/** What the storage asks of other instances over the same tiers. */
export interface RawNeighbours {
  /** Whether this instance keeps up what is shared. */
  readonly keepsUp: boolean;
  /** Asks others to leave something alone: a key that is copied (0), tended (1) or changed (2), or a prefix (3). */
  claim(kind: number, name: string): RawClaim;
  /** Gives counted reads to the instance that keeps up what is shared. */
  passOn(accesses: readonly (string | number)[]): void;
}

/** Something that others are to leave alone. */
export interface RawClaim {
  /** 0 if nobody had it, 1 if somebody did, 2 if it is not to be had. */
  readonly granted: Promise<number>;
  /** Comes last and once, granted or not. */
  release(): void;
}

/** An entry as it was read. */
export type RawEntry = [body: Uint8Array, line: string, source: TierName, content: Content];

/** What is to be written, and how. */
export type RawSet = [
  key: string,
  body: Uint8Array | Pieces,
  content: Content,
  ttl: number | undefined,
  mimeType: string | undefined,
  custom: readonly string[],
  skip: number,
  only: number | undefined,
  condition: string | null | undefined,
];

/** What was written. */
export type RawWritten = [line: string, tiers: TierName[]];

/** A body of the core's that is on its way: one of these three. */
export interface RawFlow extends Pieces, Stage, Source {
  next(): Promise<Uint8Array | undefined>;
  /** Stores what lies ready, by the arguments of `store` but the body. Rejects with a `RawError`. */
  storeIn(tier: RawS3, args: readonly unknown[]): Promise<unknown>;
}

/** In the order of `run` in `pkg/src/calls.rs`. */
export const STORAGE_CALLS: readonly (keyof StorageCalls)[] = [
  'get',
  'set',
  'head',
  'delete',
  'touch',
  'invalidate',
  'clear',
  'keys',
  'stats',
  'export',
  'import',
  'bootstrapHot',
  'bootstrapWarm',
  'settled',
  'stream',
  'range',
  'update',
  'respond',
  'elsewhere',
  'countAccesses',
  'close',
];

/** By this, `tiered-storage/http` has requests answered. */
export const ANSWER: unique symbol = Symbol.for('tiered-storage.answer');

/** An S3 tier. */
export interface RawS3 {
  /** Does what has this number in `S3_CALLS`. Rejects with a `RawError`. */
  call(call: number, args: readonly unknown[]): Promise<unknown>;
  /** Has `listener` told of every request, in place of the one before. */
  watch(listener: ((...request: RawRequest) => void) | undefined): void;
}

/** A request with all attempts at it. */
export type RawRequest = [
  operation: RequestOperation,
  status: number,
  attempts: number,
  bytesSent: number,
  bytesReceived: number,
  elapsedMs: number,
];

/** How many were sent and failed, and the bytes sent and received. */
export type RawTally = [sent: number, failed: number, bytesSent: number, bytesReceived: number];

/** What an S3 tier does: what it takes, and what it gives a promise of. */
export interface S3Calls {
  read(key: string, unless: string | undefined): [body: Uint8Array, line: string] | null | true;
  head(key: string): string | null;
  patch(key: string, line: string): string | undefined | null;
  remove(...keys: string[]): void;
  removeVersion(key: string, line: string): boolean;
  list(prefix: string, after: string | undefined, limit: number): [keys: string[], next: string | undefined];
  usage(): [bytes: number, items: number];
  clear(): void;
  /** The estimate in dollars, the three classes, and operations with their tallies by turns. */
  costs(): [usd: number | undefined, get: RawTally, put: RawTally, deleted: RawTally, ...counted: (RequestOperation | RawTally)[]];
  /** `method`: its place in `PRESIGNED`; `expires` in ms. */
  presign(key: string, method: number, expires: number): string;
  readPieces(key: string, unless: string | undefined): [body: Uint8Array | RawFlow, line: string] | null | true;
  /** `start` and `end` as `toBounds` has them. */
  readRange(
    key: string,
    start: number | undefined,
    end: number | undefined,
    unless: string | undefined,
  ): [body: Uint8Array, line: string, start: number] | null | true | undefined;
  stage(key: string): RawFlow | undefined;
  store(key: string, line: string, condition: string | null | undefined, body: Uint8Array | Source): string | undefined;
  settled(): void;
}

/** A request that is to be signed; of the headers, names and values by turns. */
export type RawUnsigned = [method: string, url: string, headers: string[], payloadHash: string, region: string];

/** In the order of `run` in `pkg/src/s3.rs`. */
export const S3_CALLS: readonly (keyof S3Calls)[] = [
  'read',
  'head',
  'patch',
  'remove',
  'removeVersion',
  'list',
  'usage',
  'clear',
  'costs',
  'presign',
  'readPieces',
  'readRange',
  'stage',
  'store',
  'settled',
];

/** A queued write, to the order. */
export type OrderRow = [
  id: number,
  key: string,
  isDelete: boolean,
  size: number,
  /** What must be there: a version, `null` for nothing, `undefined` for whatever there is. */
  condition: string | null | undefined,
  follows: number | undefined,
  attempts: number,
  /** Waiting, sending, in conflict, failed. */
  state: number,
  /** The version that is in its way. */
  there: string | undefined,
];

/** What the order of queued writes is asked. */
export interface OrderCalls {
  /** `over`: the row's condition is 0 none, 1 what the writer named, 2 what was known. */
  enter(row: OrderRow, over: number): void;
  begin(): number | undefined;
  /** `outcome`: 0 sent, 1 overtaken, each with the version that is there; 2 failed, with the kind. Gives ms to wait, or a `VERDICT`. */
  finish(id: number, outcome: number, what: string | undefined, random: number): number;
  /** `choice`: 0 mine, 1 theirs, 2 both, with the other key. */
  resolve(id: number, choice: number, key: string | undefined): void;
  cancel(id: number): boolean;
  next(): number | undefined;
}

/** In the order of `run` in `pkg/src/order.rs`. */
export const ORDER_CALLS: readonly (keyof OrderCalls)[] = ['enter', 'begin', 'finish', 'resolve', 'cancel', 'next'];

/** An order of eviction over slots (dense small integers). Unknown slots are passed over. */
export interface Policy {
  /** Adds slot `id`, or puts another entry in its place. `fingerprint`: a 32-bit hash of the key. */
  insert(id: number, weight: number, fingerprint: number): void;
  reweigh(id: number, weight: number): void;
  /** Notes hits, in order. */
  touch(ids: Uint32Array): void;
  remove(id: number): void;
  /** Takes out the slot to give up; `undefined` if there is none. */
  evict(): number | undefined;
  free(): void;
}

/** Metadata with times in ms since 1970. */
export interface RawMetadata {
  key: string;
  size: number;
  createdAt: number;
  lastAccessed: number;
  accessCount: number;
  ttl?: number | undefined;
  compressed: boolean;
  checksum: string;
  mimeType?: string | undefined;
  encoding?: string | undefined;
  customMetadata?: Record<string, string> | undefined;
  version?: string | undefined;
}

export interface Inscribed extends Facts {
  readonly line: string;
}

/**
 * What the core throws and rejects with: kind, sentence, tier, key, whether a time limit ran out, cause, line in the way, and
 * whether that is what was to be written.
 */
export type RawError = [
  kind: string,
  message: string,
  tier: string | undefined,
  key: string | undefined,
  timedOut: boolean,
  cause: unknown,
  current: string | undefined,
  isSame: boolean,
];

let load: (() => Promise<Wasm>) | undefined;
let loading: Promise<Wasm> | undefined;
let loaded: Wasm | undefined;

/** An entry of the package says how it loads the module. Nothing is loaded yet. */
export function useLoader(loader: () => Promise<Wasm>): void {
  load = loader;
}

/** The module, loaded once; a load that failed is tried again by the next caller. */
export async function wasm(): Promise<Wasm> {
  if (loaded) return loaded;
  if (!load) throw new Error('import an entry of the package, not one of its parts');
  loading ??= load();
  try {
    loaded = await loading;
    return loaded;
  } finally {
    if (!loaded) loading = undefined;
  }
}

/** The pairs of a list in which two belong together. */
export function pairs<T>(flat: readonly T[]): (readonly [T, T])[] {
  return flat.flatMap((first, at) => (at % 2 ? [] : [[first, flat[at + 1] as T] as const]));
}
