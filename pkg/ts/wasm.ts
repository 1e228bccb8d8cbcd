/** The exports of the wasm module; and how an entry of the package loads it. */

import type { TierName } from './contract.js';
import type { RawEvent } from './events.js';
import type { Fields } from './lines.js';
import type { Facts } from './port.js';
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
  /** `credentials` gives id, secret, session token and expiry in ms, or nothing for unsigned requests. */
  readonly S3: new (
    credentials: () => Promise<readonly unknown[] | undefined>,
    bucket: string,
    endpoint: string | undefined,
    region: string | undefined,
    prefix: string | undefined,
    hasBucketInHost: boolean | undefined,
    concurrency: number | undefined,
    timeout: number | undefined,
    attempts: number | undefined,
    fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined,
  ) => RawS3;
  readonly Storage: {
    open(
      settings: readonly unknown[],
      ports: readonly (object | undefined)[],
      clock: object | undefined,
      onEvent: (event: RawEvent) => void,
    ): RawStorage;
  };
}

/** A storage. Every call takes a promise last that gives it up by rejecting. */
export interface RawStorage {
  readonly gate: Uint8Array;
  countHotHits(hits: number): void;
  get(key: string, abort?: Abort): Promise<[body: Uint8Array, line: string, source: TierName, content: Content] | null>;
  set(
    key: string,
    body: Uint8Array,
    content: Content,
    ttl: number | undefined,
    mimeType: string | undefined,
    custom: readonly string[] | undefined,
    skip: number,
    only: number | undefined,
    abort?: Abort,
  ): Promise<[line: string, tiers: TierName[]]>;
  head(key: string, abort?: Abort): Promise<string | null>;
  delete(key: string, abort?: Abort): Promise<void>;
  touch(key: string, ttl: number | undefined, abort?: Abort): Promise<void>;
  invalidate(prefix: string, abort?: Abort): Promise<number>;
  invalidateUpperCaches(prefix: string, abort?: Abort): Promise<number>;
  keys(prefix: string): { next(abort?: Abort): Promise<string[] | null> };
  stats(abort?: Abort): Promise<RawStats>;
  clear(tier: number | undefined, abort?: Abort): Promise<void>;
  export(abort?: Abort): Promise<RawSnapshot>;
  /** Keys and fields by turns. */
  import(entries: readonly (string | Fields)[], abort?: Abort): Promise<void>;
  bootstrapHot(limit: number | undefined, abort?: Abort): Promise<number>;
  bootstrapWarm(limit: number | undefined, since: number | undefined, abort?: Abort): Promise<number>;
  settled(abort?: Abort): Promise<void>;
  close(): Promise<void>;
}

type Abort = Promise<never> | undefined;

/** An S3 tier. What is rejected is a `RawError`. */
export interface RawS3 {
  read(key: string, unless: string | undefined): Promise<[body: Uint8Array, line: string] | null | true>;
  head(key: string): Promise<string | null>;
  write(key: string, body: Uint8Array, line: string): Promise<string | undefined>;
  patch(key: string, line: string): Promise<string | undefined | null>;
  remove(keys: readonly string[]): Promise<void>;
  removeVersion(key: string, line: string): Promise<boolean>;
  list(prefix: string, after: string | undefined, limit: number): Promise<[keys: string[], next: string | undefined]>;
  usage(): Promise<[bytes: number, items: number]>;
  clear(): Promise<void>;
}

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
}

export interface Inscribed extends Facts {
  readonly line: string;
}

/** What the core throws and rejects with: kind, sentence, tier, key, whether a time limit ran out, cause. */
export type RawError = [
  kind: string,
  message: string,
  tier: string | undefined,
  key: string | undefined,
  timedOut: boolean,
  cause: unknown,
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
