/** Three tiers as one. */

import { Bridge } from './bridge.js';
import { roughly } from './clock.js';
import type {
  AllTierStats,
  CallOptions,
  PresignOptions,
  PromotionStrategy,
  ReadOptions,
  SetOptions,
  SetResult,
  StorageEvent,
  StorageMetadata,
  StorageResult,
  StorageSnapshot,
  TieredStorageConfig,
  TierName,
} from './contract.js';
import { StorageError, attempt, invalid } from './errors.js';
import { EVENTS, report, toEvent, type RawEvent } from './events.js';
import { MemoryStorageTier, type MemoryRecord } from './memory.js';
import {
  bitsOf,
  checkBootstrap,
  checkCallOptions,
  checkConfig,
  checkNumber,
  checkReadOptions,
  checkSetOptions,
  checkTierName,
  isPlain,
  toSettings,
} from './options.js';
import type { MaybePromise } from './port.js';
import { Ports } from './ports.js';
import { S3StorageTier } from './s3.js';
import { fromCustom, fromJson, toBytes } from './serialize.js';
import { fromSnapshot, toSnapshot, toStats } from './snapshot.js';
import { checkKey, checkPrefix, paged, toMetadata } from './tier.js';
import { ANSWER, STORAGE_CALLS, wasm, type RawStorage, type StorageCalls, type Wasm } from './wasm.js';

type Config = TieredStorageConfig<PromotionStrategy>;
/** What a value is made of. */
type Held = Pick<MemoryRecord, 'content' | 'body' | 'shared'>;

/** What `open` has opened and not given to a storage yet. */
const opened = new WeakSet<object>();

/**
 * Three tiers as one: writes go down to cold before they are acknowledged, reads come from the highest tier that has a
 * live, sound copy. When a write, removal or invalidation returns, no older value can appear any more.
 *
 * `T` is the type of the values. Bytes (`Uint8Array` and other views, `ArrayBuffer`, `Blob`, streams of bytes) are stored
 * as they are and come back as `Uint8Array`; everything else is JSON, unless the config has a serializer.
 *
 * ```ts
 * const storage = await TieredStorage.open<string>({
 *   tiers: { hot: new MemoryStorageTier(), warm: new IndexedDBStorageTier(), cold: new S3StorageTier({ bucket: 'assets' }) },
 * });
 * await storage.set('greeting', 'hello');
 * await storage.get('greeting'); // 'hello'
 * ```
 */
export class TieredStorage<T = unknown> {
  readonly #wasm: Wasm;
  readonly #core: RawStorage;
  readonly #config: Config;
  readonly #listeners: Set<(event: StorageEvent) => void>;
  readonly #ports: Ports;
  /** The hot tier, where it is one that can be looked into without the core. */
  readonly #hot: MemoryStorageTier | undefined;
  /** One byte: 1 while hot hits may be served without asking the core. */
  readonly #gate: Uint8Array;
  readonly #now: () => number;
  readonly #roughly: () => number;
  readonly #revalidateAfter: number;
  readonly #isRevalidated: boolean;
  /** Hits that the core was not told of yet. */
  #hits = 0;
  #isClosed = false;

  private constructor(
    wasm: Wasm,
    core: RawStorage,
    config: Config,
    listeners: Set<(event: StorageEvent) => void>,
    ports: Ports,
  ) {
    if (!opened.delete(core)) throw invalid('a storage is made by `await TieredStorage.open(config)`');
    const { tiers, clock, revalidateAfter } = config;
    this.#wasm = wasm;
    this.#core = core;
    this.#config = config;
    this.#listeners = listeners;
    this.#ports = ports;
    this.#hot = tiers.hot instanceof MemoryStorageTier ? tiers.hot : undefined;
    this.#gate = core.gate;
    this.#now = clock ? () => clock.now() : Date.now;
    this.#roughly = clock ? this.#now : roughly;
    this.#revalidateAfter = revalidateAfter ?? Infinity;
    this.#isRevalidated = this.#revalidateAfter !== Infinity;
  }

  /**
   * Opens a storage. The first one of a realm loads the WebAssembly module.
   *
   * Fails as `invalid` if the config is not possible.
   */
  static async open<T = unknown>(config: Config): Promise<TieredStorage<T>> {
    const checked = checkConfig(config) as unknown as Config & { flushInterval?: number };
    const loaded = await wasm();
    const listeners = new Set<(event: StorageEvent) => void>();
    if (checked.onEvent) listeners.add(checked.onEvent);
    const tell = (event: StorageEvent): void => listeners.forEach((listener) => report(listener, event));
    const ports = await Ports.open(checked.tiers, checked.tierTimeout ?? 30_000, tell);
    const bridges = ports.all.map((port) => port && new Bridge(port));
    const onRaw = (raw: RawEvent): void => tell(toEvent(raw));
    const core = await guarded(() => loaded.Storage.open(toSettings(checked), bridges, checked.clock, onRaw));
    if (checked.onEvent) ports.watch();
    opened.add(core);
    return new TieredStorage<T>(loaded, core, checked, listeners, ports);
  }

  /** The value, or `null` if there is none. Bytes are a copy of the caller's own unless it borrows. */
  get(key: string, options?: ReadOptions): Promise<T | null> {
    try {
      const record = options === undefined || isPlain(options) ? this.#hit(key) : undefined;
      if (record) {
        const value = this.#value(key, record, options?.borrow === true);
        return value instanceof Promise ? (value as Promise<T>) : Promise.resolve(value as T);
      }
    } catch (error) {
      return Promise.reject(StorageError.from(error, 'the read failed', undefined, 'invalid'));
    }
    return this.#read(key, options).then((result) => result && result.data);
  }

  /** The value with its metadata and the tier that it came from, or `null`. A stored `null` is told apart by this. */
  async getWithMetadata(key: string, options?: ReadOptions): Promise<StorageResult<T> | null> {
    const isHere = options === undefined || attempt(() => isPlain(options), 'the options cannot be read');
    const record = isHere ? this.#hit(key) : undefined;
    if (!record) return this.#read(key, options);
    const data = (await this.#value(key, record, options?.borrow === true)) as T;
    const metadata = this.#metadata(key, record.line);
    metadata.accessCount += record.count;
    if (record.last > metadata.lastAccessed.getTime()) metadata.lastAccessed = new Date(record.last);
    return { data, metadata, source: 'hot' };
  }

  /**
   * The value, if the hot tier has it and it can be given at once; else `undefined`, which says nothing of other tiers.
   * For code that cannot wait. Values of a serializer of yours are never given at once.
   */
  peek(key: string, options?: { borrow?: boolean | undefined }): T | undefined {
    const isBorrowed = options !== undefined && attempt(() => options.borrow === true, 'the options cannot be read');
    const record = this.#hit(key);
    if (!record || record.content === 2) return undefined;
    return this.#value(key, record, isBorrowed) as T;
  }

  /**
   * Stores a value in every tier that placement allows, cold first. Once it resolves, no read gives an older value.
   *
   * Fails as `invalid` for bad arguments and metadata of more than 1.9 KiB, and with what cold said if it failed. That hot
   * or warm failed is no error: `tiersWritten` leaves the tier out, and it is an event.
   */
  async set(key: string, value: T, options?: SetOptions): Promise<SetResult> {
    checkKey(key);
    const { ttl, metadata, skipTiers, onlyTiers, mimeType, signal } = checkSetOptions(options);
    const made = toBytes(value, this.#config.serialization);
    // Without a wait where there need be none: a storage that is closed right after it has begun the write.
    const [body, content] = made instanceof Promise ? await made : made;
    const custom = Object.entries(metadata ?? {}).flat();
    const skip = bitsOf(skipTiers ?? []);
    const only = onlyTiers && bitsOf(onlyTiers);
    const args = [key, body, content, ttl, mimeType, custom, skip, only] as const;
    const [line, tiersWritten] = await this.#call(signal, 'set', args);
    return { key, metadata: this.#metadata(key, line), tiersWritten };
  }

  /** Removes an entry from every tier. That it is not there is no error. */
  async delete(key: string, options?: CallOptions): Promise<void> {
    checkKey(key);
    await this.#call(checkCallOptions(options).signal, 'delete', [key]);
  }

  /** Whether there is a live entry. Moves no body and deletes nothing. */
  async exists(key: string, options?: CallOptions): Promise<boolean> {
    return (await this.getMetadata(key, options)) !== null;
  }

  /** The metadata of the first live entry, or `null`. Moves no body and deletes nothing. */
  async getMetadata(key: string, options?: CallOptions): Promise<StorageMetadata | null> {
    checkKey(key);
    const line = await this.#call(checkCallOptions(options).signal, 'head', [key]);
    return line === null ? null : this.#metadata(key, line);
  }

  /** Moves the expiry of a live entry to `ttl` ms (or the default) from now. Without either it does nothing. */
  async touch(key: string, ttl?: number, options?: CallOptions): Promise<void> {
    checkKey(key);
    const ms = checkNumber(ttl, 'ttl');
    await this.#call(checkCallOptions(options).signal, 'touch', [key, ms]);
  }

  /** Removes every entry whose key starts with `prefix` from every tier, and says how many keys went. `''` is all. */
  async invalidate(prefix: string, options?: CallOptions): Promise<number> {
    checkPrefix(prefix);
    return this.#call(checkCallOptions(options).signal, 'invalidate', [prefix, 0b111]);
  }

  /** Removes every copy whose key starts with `prefix` from hot and warm, and says how many keys went. */
  async invalidateUpperCaches(prefix: string, options?: CallOptions): Promise<number> {
    checkPrefix(prefix);
    return this.#call(checkCallOptions(options).signal, 'invalidate', [prefix, 0b011]);
  }

  /** The keys of cold that start with `prefix`, in its order, page after page. It may name entries that have expired. */
  async *listKeys(prefix = '', options?: CallOptions): AsyncIterableIterator<string> {
    checkPrefix(prefix);
    const { signal } = checkCallOptions(options);
    yield* paged(async (after) => {
      const [keys, next] = await this.#call(signal, 'keys', [prefix, after]);
      return { keys, next };
    });
  }

  /** How full the tiers are, and how reads were answered. For S3 this lists the whole prefix. */
  async getStats(options?: CallOptions): Promise<AllTierStats> {
    this.#tellHits();
    return this.#ports.withCosts(toStats(await this.#call(checkCallOptions(options).signal, 'stats', [])));
  }

  /** Removes everything from every tier. */
  async clear(options?: CallOptions): Promise<void> {
    await this.#call(checkCallOptions(options).signal, 'clear', [0b111]);
  }

  /** Removes everything from one tier. Nothing happens if there is no such tier. */
  async clearTier(tier: TierName, options?: CallOptions): Promise<void> {
    const place = checkTierName(tier);
    await this.#call(checkCallOptions(options).signal, 'clear', [1 << place]);
  }

  /** The metadata of every live entry of cold, without bodies. */
  async export(options?: CallOptions): Promise<StorageSnapshot> {
    this.#tellHits();
    const made = await this.#call(checkCallOptions(options).signal, 'export', []);
    const snapshot = toSnapshot(made, (key, line) => this.#metadata(key, line));
    await this.#ports.withCosts(snapshot.stats);
    return snapshot;
  }

  /** Takes over what a snapshot says of entries whose bytes are still the same. Dates may be text, as in JSON. */
  async import(snapshot: StorageSnapshot, options?: CallOptions): Promise<void> {
    const { signal } = checkCallOptions(options);
    const entries = fromSnapshot(snapshot);
    await this.#call(signal, 'import', entries);
  }

  /** Copies the most valuable warm entries into hot, at most `limit` and no more than it can hold; says how many. */
  async bootstrapHot(limit?: number, options?: CallOptions): Promise<number> {
    const count = checkNumber(limit, 'limit');
    return this.#call(checkCallOptions(options).signal, 'bootstrapHot', [count]);
  }

  /** Copies entries of cold into warm, at most `limit`, those last accessed since `sinceDate`; says how many. */
  async bootstrapWarm(options?: CallOptions & { limit?: number; sinceDate?: Date }): Promise<number> {
    const { limit, sinceDate, signal } = checkBootstrap(options);
    return this.#call(signal, 'bootstrapWarm', [limit, sinceDate?.getTime()]);
  }

  /**
   * A URL that lets its holder do one thing with the object of `key` in cold: see `S3StorageTier.presign`. Fails as
   * `unsupported` if cold is not S3. What is done by it, this storage notices after `revalidateAfter` at the latest.
   */
  async presign(key: string, options: PresignOptions): Promise<string> {
    if (this.#isClosed) throw new StorageError('closed', 'the storage was closed; open it again');
    checkKey(key);
    const { cold } = this.#config.tiers;
    if (cold instanceof S3StorageTier) return cold.presign(key, options);
    throw new StorageError('unsupported', 'the cold tier gives no URLs; use an S3StorageTier', { tier: 'cold', key });
  }

  /** Resolves when the background work that has begun is done: promotions, repairs, and the writing of statistics. */
  async settled(options?: CallOptions): Promise<void> {
    await this.#call(checkCallOptions(options).signal, 'settled', []);
  }

  /** Settles, writes out what is pending and releases the tiers. Every later call fails as `closed`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#call(undefined, 'close', []);
    this.#ports.unwatch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Has `listener` told of every event of one type, until the function that this returns is called. */
  on<K extends StorageEvent['type']>(type: K, listener: (event: Extract<StorageEvent, { type: K }>) => void): () => void {
    if (!EVENTS.includes(type)) throw invalid(`a type of event is ${EVENTS.join(', ')}`);
    if (typeof listener !== 'function') throw invalid('`on` takes a type of event and a function');
    const one = (event: StorageEvent): void => {
      if (event.type === type) listener(event as Extract<StorageEvent, { type: K }>);
    };
    this.#listeners.add(one);
    if (type === 'requested') this.#ports.watch();
    return () => this.#listeners.delete(one);
  }

  /** What `respond` of `tiered-storage/http` makes a `Response` of. */
  [ANSWER](signal: AbortSignal | undefined, ...args: Parameters<StorageCalls['respond']>): Promise<ReturnType<StorageCalls['respond']>> {
    return this.#call(signal, 'respond', args);
  }

  /** A live hot entry, counted, where it may be served without asking the core. */
  #hit(key: string): MemoryRecord | undefined {
    if (this.#gate[0] !== 1) return undefined;
    const record = this.#hot?.lookup(key);
    if (!record) return undefined;
    const isDated = this.#isRevalidated || !record.isLasting;
    const now = isDated ? this.#now() : this.#roughly();
    if (isDated && (now > record.expiresAt || now - record.freshAt > this.#revalidateAfter)) return undefined;
    this.#hot?.count(record, now);
    this.#hits += 1;
    return record;
  }

  async #read(key: string, options: ReadOptions | undefined): Promise<StorageResult<T> | null> {
    checkKey(key);
    const { signal, borrow } = checkReadOptions(options);
    const found = await this.#call(signal, 'get', [key]);
    if (!found) return null;
    const [body, line, source, content] = found;
    const data = (await this.#value(key, { body, shared: body, content }, borrow === true)) as T;
    return { data, metadata: this.#metadata(key, line), source };
  }

  #value(key: string, held: Held, borrow: boolean): unknown {
    const { content } = held;
    if (content === 0) return borrow ? held.shared : new Uint8Array(held.body);
    const { body } = held;
    return content === 1 ? fromJson(body, key) : fromCustom(body.slice(), key, this.#config.serialization);
  }

  #metadata(key: string, line: string): StorageMetadata {
    return toMetadata(this.#wasm, key, line);
  }

  #tellHits(): void {
    this.#core.countHotHits(this.#hits);
    this.#hits = 0;
  }

  /** Calls the core; `signal` rejects the call with its reason. */
  async #call<K extends keyof StorageCalls>(
    signal: AbortSignal | undefined,
    name: K,
    args: Readonly<Parameters<StorageCalls[K]>>,
  ): Promise<ReturnType<StorageCalls[K]>> {
    const work = (abort?: Promise<never>) =>
      this.#core.call(STORAGE_CALLS.indexOf(name), args, abort) as Promise<ReturnType<StorageCalls[K]>>;
    if (!signal) return guarded(work);
    const reason = (): unknown => signal.reason ?? new DOMException('the call was given up', 'AbortError');
    if (signal.aborted) throw reason();
    let given: { reason: unknown } | undefined;
    let onAbort = (): void => undefined;
    const abort = new Promise<never>((_, reject) => {
      onAbort = () => reject((given = { reason: reason() }).reason as Error);
    });
    abort.catch(() => undefined);
    attempt(() => signal.addEventListener('abort', onAbort), '`signal` cannot be listened to');
    try {
      return await work(abort);
    } catch (error) {
      if (given && error === given.reason) throw error;
      throw StorageError.from(error, 'the call failed', undefined, 'internal');
    } finally {
      attempt(() => signal.removeEventListener('abort', onAbort), '`signal` cannot be left');
    }
  }
}

async function guarded<R>(work: () => MaybePromise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw StorageError.from(error, 'the core failed', undefined, 'internal');
  }
}
