/** Entries on the JavaScript heap. */

import type { ByteRange, StorageMetadata } from './contract.js';
import { StorageError, notSo, otherVersion } from './errors.js';
import { FLAG, LIMIT, check, isOneOf, type Rules } from './options.js';
import {
  PORT,
  type Facts,
  type MaybePromise,
  type Port,
  type PortListing,
  type PortTraits,
  type PortUsage,
  type ReadyEntry,
  type StoredEntry,
  type StoredPart,
} from './port.js';
import { extentOf } from './ranges.js';
import { SortedKeys } from './sorted.js';
import { MemorySource, MemoryStage } from './staged.js';
import { PortTier, isBytes, utf8Length } from './tier.js';
import { wasm, type Policy, type Wasm } from './wasm.js';

/** Which entry is given up first: see `MemoryOptions`. */
export type EvictionPolicy = 's3fifo' | 'lru' | 'fifo' | 'size';

/** How large a `MemoryStorageTier` may get, and what it gives up first. */
export interface MemoryOptions {
  /** The most bytes of bodies, keys and stored metadata. Default 64 MiB. About 500 bytes an entry come on top. */
  maxSizeBytes?: number | undefined;
  /** The most entries. Default: no limit of its own. */
  maxItems?: number | undefined;
  /**
   * `s3fifo` (default): what was not read again soon after it came, or not for long; keeps what is read often through a
   * scan. `lru`: what was not used for longest. `fifo`: what was written first. `size`: the largest.
   */
  evictionPolicy?: EvictionPolicy | undefined;
  /** Stands in for a warm or cold tier in tests: whoever opens the next storage keeps the tier. Default `false`. */
  durable?: boolean | undefined;
}

/** Times are held as distances from this one: small whole numbers take no memory of their own. */
let epoch: number | undefined;

/** An entry as it is held. */
export class MemoryRecord {
  bytes: ArrayBuffer;
  line: string;
  /** Reads that were counted here and not told yet. */
  count = 0;
  /** Made for the first who borrows: it takes a hundred bytes. */
  #shared: Uint8Array | undefined;
  /** The id, and in its lowest two bits the content; less than 2^32, as no `Map` holds 2^30 entries. */
  #id: number;
  #expires: number | undefined;
  #fresh: number;
  #last = 0;

  constructor(id: number, bytes: ArrayBuffer, line: string, facts: Facts) {
    epoch ??= Math.floor(facts.freshAt);
    this.#id = id * 4 + facts.content;
    this.bytes = bytes;
    this.line = line;
    this.#expires = facts.expiresAt === Infinity ? undefined : facts.expiresAt - epoch;
    this.#fresh = facts.freshAt - epoch;
  }

  /** By what the policy knows it. */
  get id(): number {
    return this.#id >>> 2;
  }

  /** 0 bytes, 1 JSON, 2 the user's own serializer. */
  get content(): 0 | 1 | 2 {
    return (this.#id & 3) as 0 | 1 | 2;
  }

  /** The stored bytes themselves, which nobody may change. */
  get body(): Uint8Array {
    return this.#shared ?? new Uint8Array(this.bytes);
  }

  /** As `body`, for who borrows: the same array each time. */
  get shared(): Uint8Array {
    return (this.#shared ??= new Uint8Array(this.bytes));
  }

  /** Whether it never expires. */
  get isLasting(): boolean {
    return this.#expires === undefined;
  }

  /** In ms since 1970; `Infinity` where it never expires. */
  get expiresAt(): number {
    return this.#expires === undefined ? Infinity : this.#expires + (epoch as number);
  }

  /** When it was last known to be cold's version, in ms since 1970. */
  get freshAt(): number {
    return this.#fresh + (epoch as number);
  }

  /** The last of the counted reads, in ms since 1970. */
  get last(): number {
    return this.#last + (epoch as number);
  }

  /** Counts a read. */
  hit(now: number): void {
    this.count += 1;
    this.#last = now - (epoch as number);
  }

  /** Metadata of this entry, with the reads that were not told yet. */
  counted(metadata: StorageMetadata): StorageMetadata {
    metadata.accessCount += this.count;
    if (this.last > metadata.lastAccessed.getTime()) metadata.lastAccessed = new Date(this.last);
    return metadata;
  }

  /** Becomes another record of the same version; the reads stay counted. */
  become(other: MemoryRecord): void {
    this.bytes = other.bytes;
    this.#shared = undefined;
    this.line = other.line;
    this.#id = other.#id;
    this.#expires = other.#expires;
    this.#fresh = other.#fresh;
  }
}

const RULES: Rules = {
  maxSizeBytes: LIMIT,
  maxItems: LIMIT,
  evictionPolicy: [isOneOf('s3fifo', 'lru', 'fifo', 'size'), "'s3fifo', 'lru', 'fifo' or 'size'"],
  durable: FLAG,
};

/** How many hits are noted before the policy is told of them. */
const TOUCHES_MAX = 1024;
/** How many keys may have reads that were not told yet; reads of others are not counted. */
const PENDING_MAX = 10_000;

/**
 * A tier in the memory of this realm: the usual hot tier.
 *
 * Limits are exact: room is made before an entry goes in. One that could never fit is `full`, and an older one under its
 * key stays.
 */
export class MemoryStorageTier extends PortTier {
  readonly #options: MemoryOptions;
  readonly #records = new Map<string, MemoryRecord>();
  #port: MemoryPort | undefined;

  constructor(options: MemoryOptions = {}) {
    super();
    this.#options = check(options, RULES, 'the options of a MemoryStorageTier');
  }

  [PORT](): MaybePromise<MemoryPort> {
    return this.port();
  }

  protected port(): MaybePromise<MemoryPort> {
    return this.#port ?? wasm().then((loaded) => (this.#port ??= new MemoryPort(loaded, this.#options, this.#records)));
  }

  /** The entry, expired or not. Whoever serves it says so by `count`. */
  lookup(key: string): MemoryRecord | undefined {
    return this.#records.get(key);
  }

  /** Counts a read of an entry that `lookup` gave. */
  count(record: MemoryRecord, now: number): void {
    this.#port?.hit(record, now);
  }
}

/** What keeps the limits and the order of eviction over the records. */
export class MemoryPort implements Port {
  readonly traits: PortTraits;
  evicted = new Set<(key: string) => void>();
  readonly #wasm: Wasm;
  readonly #options: MemoryOptions;
  readonly #bytesMax: number;
  readonly #itemsMax: number;
  readonly #records: Map<string, MemoryRecord>;
  readonly #sorted = new SortedKeys();
  #policy: Policy;
  /** Keys by id; ids of those that are gone are used again. */
  #keys: (string | undefined)[] = [];
  #vacant: number[] = [];
  readonly #touches = new Uint32Array(TOUCHES_MAX);
  #touched = 0;
  #pending: MemoryRecord[] = [];
  #weight = 0;
  #bodyBytes = 0;
  #evictions = 0;

  constructor(loaded: Wasm, options: MemoryOptions, records: Map<string, MemoryRecord>) {
    this.#wasm = loaded;
    this.#options = options;
    this.#records = records;
    this.#bytesMax = options.maxSizeBytes ?? 64 * 2 ** 20;
    this.#itemsMax = options.maxItems ?? Infinity;
    this.#policy = this.#newPolicy();
    const traits = { volatile: !options.durable, entryBytesMax: this.#bytesMax };
    this.traits = options.maxItems === undefined ? traits : { ...traits, itemsMax: options.maxItems };
  }

  read(key: string): StoredEntry | null {
    const record = this.#records.get(key);
    if (!record) return null;
    this.#touch(record);
    return { body: record.body, line: record.line };
  }

  head(key: string): string | null {
    return this.#records.get(key)?.line ?? null;
  }

  write(key: string, entry: StoredEntry, facts: Facts): undefined {
    const old = this.#records.get(key);
    const body = entry.body;
    // A view of a larger buffer would hold all of it.
    const isWhole = body.byteLength === body.buffer.byteLength && body.buffer instanceof ArrayBuffer;
    const bytes = (isWhole ? body.buffer : body.slice().buffer) as ArrayBuffer;
    // To look at the version costs as much as a write, and only keeps reads counted.
    this.#put(key, bytes, entry.line, facts, old, old !== undefined && old.count > 0 && this.#isVersion(key, old, facts.version));
    if (old) this.#touch(old);
  }

  readRange(key: string, range: ByteRange): StoredPart | null {
    const found = this.read(key);
    if (!found) return null;
    const [start, end] = extentOf(range, found.body.length);
    return { body: found.body.subarray(start, end), line: found.line, start };
  }

  stage(key: string): MemoryStage {
    return new MemoryStage(key, this.#bytesMax);
  }

  store(key: string, { body, line }: ReadyEntry, facts: Facts, condition: string | null | undefined): MaybePromise<undefined> {
    if (!isBytes(body) && !(body instanceof MemorySource)) {
      const read = async (): Promise<undefined> => this.store(key, { body: await body.read(0, body.size), line }, facts, condition);
      return read();
    }
    const old = this.#records.get(key)?.line;
    const current = old === undefined ? null : this.#wasm.describe(key, old).version;
    if (condition !== undefined && condition !== current) throw notSo(key);
    return this.write(key, { body: isBytes(body) ? body : body.body, line }, facts);
  }

  patch(key: string, line: string, facts: Facts): undefined | null {
    const old = this.#records.get(key);
    if (!old) return null;
    if (!this.#isVersion(key, old, facts.version)) throw otherVersion(key);
    this.#put(key, old.bytes, line, facts, old, true);
    return undefined;
  }

  remove(keys: readonly string[]): void {
    for (const key of keys) {
      const record = this.#records.get(key);
      if (!record) continue;
      this.#tellTouches();
      this.#policy.remove(record.id);
      this.#drop(key, record);
    }
  }

  removeVersion(key: string, _line: string, version: string): boolean {
    const record = this.#records.get(key);
    if (!record || !this.#isVersion(key, record, version)) return false;
    this.remove([key]);
    return true;
  }

  list(prefix: string, after: string | undefined, limit: number): PortListing {
    return this.#sorted.list(this.#records, prefix, after, limit);
  }

  usage(): PortUsage {
    return { bytes: this.#bodyBytes, items: this.#records.size, evictions: this.#evictions };
  }

  clear(): void {
    this.#records.clear();
    this.#policy.free();
    this.#policy = this.#newPolicy();
    [this.#keys, this.#vacant, this.#pending] = [[], [], []];
    this.#touched = this.#weight = this.#bodyBytes = 0;
  }

  announce(): void {}

  accesses(limit: number): (string | number)[] {
    const told: (string | number)[] = [];
    let taken = 0;
    for (const record of this.#pending) {
      if (told.length >= 3 * limit) break;
      taken += 1;
      // It may be gone, or another one may have taken over its count.
      const key = this.#keys[record.id];
      if (!record.count || key === undefined || this.#records.get(key) !== record) continue;
      told.push(key, record.count, record.last);
      record.count = 0;
    }
    this.#pending.splice(0, taken);
    return told;
  }

  close(): void {}

  /** Counts a read that was answered without the core. */
  hit(record: MemoryRecord, now: number): void {
    if (record.count || this.#pending.length < PENDING_MAX) {
      if (!record.count) this.#pending.push(record);
      record.hit(now);
    }
    this.#touch(record);
  }

  #newPolicy(): Policy {
    return new this.#wasm.Policy(this.#options.evictionPolicy ?? 's3fifo');
  }

  #isVersion(key: string, record: MemoryRecord, version: string): boolean {
    return this.#wasm.factsOf(key, record.line).version === version;
  }

  #touch(record: MemoryRecord): void {
    this.#touches[this.#touched++] = record.id;
    if (this.#touched === TOUCHES_MAX) this.#tellTouches();
  }

  #tellTouches(): void {
    if (this.#touched) this.#policy.touch(this.#touches.subarray(0, this.#touched));
    this.#touched = 0;
  }

  #put(key: string, bytes: ArrayBuffer, line: string, facts: Facts, old: MemoryRecord | undefined, isSameVersion: boolean): void {
    const weight = weigh(key, { bytes, line });
    if (weight > this.#bytesMax) {
      throw new StorageError('full', `the entry takes ${weight} bytes; the tier holds ${this.#bytesMax} in all`, { key });
    }
    this.#tellTouches();
    const more = weight - (old ? weigh(key, old) : 0);
    while (this.#weight + more > this.#bytesMax || this.#records.size + (old ? 0 : 1) > this.#itemsMax) this.#evict(old);
    this.#weight += more;
    this.#bodyBytes += bytes.byteLength - (old?.bytes.byteLength ?? 0);
    const record = new MemoryRecord(old?.id ?? this.#vacant.pop() ?? this.#keys.length, bytes, line, facts);
    if (!old) this.#sorted.add(key);
    this.#policy.insert(record.id, weight, fingerprint(key));
    if (old && isSameVersion) {
      old.become(record);
      return;
    }
    this.#keys[record.id] = key;
    this.#records.set(key, record);
  }

  /** Gives up an entry other than `kept`, which `#put` gives a new place in the order of eviction. */
  #evict(kept: MemoryRecord | undefined): void {
    const id = this.#policy.evict();
    const key = id === undefined ? undefined : this.#keys[id];
    const record = key === undefined ? undefined : this.#records.get(key);
    if (key === undefined || !record) throw new StorageError('internal', 'the memory tier is over its limits and has nothing to give up');
    if (record === kept) return;
    this.#drop(key, record);
    this.#evictions += 1;
    this.evicted.forEach((told) => told(key));
  }

  #drop(key: string, record: MemoryRecord): void {
    this.#records.delete(key);
    this.#keys[record.id] = undefined;
    this.#vacant.push(record.id);
    this.#weight -= weigh(key, record);
    this.#bodyBytes -= record.bytes.byteLength;
  }
}

function weigh(key: string, { bytes, line }: { bytes: ArrayBuffer; line: string }): number {
  return bytes.byteLength + line.length + utf8Length(key);
}

/** A 32-bit hash (FNV-1a over UTF-16 units). */
function fingerprint(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
