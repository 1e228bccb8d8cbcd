/** Entries on the JavaScript heap. */

import type { ByteRange } from './contract.js';
import { StorageError, invalid, notSo, otherVersion } from './errors.js';
import { FLAG, LIMIT, check, isOneOf, type Rules } from './options.js';
import { MemoryPartial, Parts, SHARE } from './parts.js';
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
import { MemoryRecord } from './record.js';
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
/** What an entry of which there are parts takes beside them, in bytes: key and line are no longer. */
const FRAME_BYTES = 4096;

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
  #parts = new Parts<MemoryPartial>();
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
    return (this.#records.get(key) ?? this.#parts.held.get(key))?.line ?? null;
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
    const partial = this.#parts.use(key);
    if (partial) return partial.read(range);
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

  writePart(key: string, part: StoredPart, facts: Facts): void {
    const end = part.start + part.body.length;
    if (end > facts.size) throw invalid('the part reaches beyond the end of its body; give its own bytes alone', key);
    const whole = this.#records.get(key);
    if (whole && this.#isVersion(key, whole, facts.version)) return;
    if (whole || !this.#parts.held.get(key)?.isOf(facts)) this.remove([key]);
    if (FRAME_BYTES + facts.size > this.#bytesMax) return;
    const partial = this.#parts.use(key) ?? new MemoryPartial(facts, part.line, FRAME_BYTES);
    const lacking = partial.lacking(part.start, end);
    const more = lacking.reduce((sum, [from, to]) => sum + to - from, partial.bytes ? 0 : FRAME_BYTES);
    const share = part.body.length === facts.size ? Infinity : this.#bytesMax / SHARE;
    if ((partial.bytes && partial.weight) + more > share) return;
    while (this.#parts.weight + more > share) this.#evict(key);
    this.#makeRoom(key, more, !partial.bytes, undefined);
    partial.write(part, lacking);
    if (!partial.bytes) this.#sorted.add(key);
    this.#parts.add(key, partial, lacking);
    const { line } = partial;
    if (partial.isWhole) this.write(key, { body: (partial.read({ start: 0 }) as StoredPart).body, line }, this.#wasm.factsOf(key, line));
  }

  patch(key: string, line: string, facts: Facts): undefined | null {
    const old = this.#records.get(key) ?? this.#parts.held.get(key);
    if (!old) return null;
    if (!this.#isVersion(key, old, facts.version)) throw otherVersion(key);
    if (old instanceof MemoryPartial) {
      old.line = line;
      return undefined;
    }
    this.#put(key, old.bytes, line, facts, old, true);
    return undefined;
  }

  remove(keys: readonly string[]): void {
    for (const key of keys) {
      this.#parts.remove(key);
      const record = this.#records.get(key);
      if (!record) continue;
      this.#tellTouches();
      this.#policy.remove(record.id);
      this.#drop(key, record);
    }
  }

  removeVersion(key: string, _line: string, version: string): boolean {
    const record = this.#records.get(key) ?? this.#parts.held.get(key);
    if (!record || !this.#isVersion(key, record, version)) return false;
    this.remove([key]);
    return true;
  }

  list(prefix: string, after: string | undefined, limit: number): PortListing {
    const [records, { held: parts }] = [this.#records, this.#parts];
    const size = records.size + parts.size;
    const held = { size, has: (key: string) => records.has(key) || parts.has(key), keys: () => [...records.keys(), ...parts.keys()] };
    return this.#sorted.list(held, prefix, after, limit);
  }

  usage(): PortUsage {
    const { held, bytes } = this.#parts;
    return { bytes: this.#bodyBytes + bytes, items: this.#records.size + held.size, evictions: this.#evictions };
  }

  clear(): void {
    this.#records.clear();
    this.#parts = new Parts();
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

  #isVersion(key: string, record: { readonly line: string }, version: string): boolean {
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
    this.#parts.remove(key);
    const more = weight - (old ? weigh(key, old) : 0);
    this.#makeRoom(key, more, !old, old);
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

  #makeRoom(key: string, more: number, isNew: boolean, kept: MemoryRecord | undefined): void {
    this.#tellTouches();
    const isOver = (): boolean =>
      this.#weight + this.#parts.weight + more > this.#bytesMax || this.#records.size + this.#parts.held.size + Number(isNew) > this.#itemsMax;
    while (isOver()) this.#evict(key, kept);
  }

  /** Gives up parts of another key; else an entry other than `kept`, which `#put` gives a new place in the order of eviction. */
  #evict(spared: string, kept?: MemoryRecord): void {
    for (const key of this.#parts.held.keys()) {
      if (key === spared) continue;
      this.#parts.remove(key);
      this.#gaveUp(key);
      return;
    }
    const id = this.#policy.evict();
    const key = id === undefined ? undefined : this.#keys[id];
    const record = key === undefined ? undefined : this.#records.get(key);
    if (key === undefined || !record) throw new StorageError('internal', 'the memory tier is over its limits and has nothing to give up');
    if (record === kept) return;
    this.#drop(key, record);
    this.#gaveUp(key);
  }

  #gaveUp(key: string): void {
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
