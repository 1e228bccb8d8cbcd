/** Three tiers as one. */

import { abortable, asked, telling } from './calls.js';
import type {
  AllTierStats,
  ByteRange,
  CallOptions,
  DeleteOptions,
  PresignOptions,
  PromotionStrategy,
  RangeResult,
  ReadOptions,
  SetOptions,
  SetResult,
  StorageEvent,
  StorageMetadata,
  StorageResult,
  StorageSnapshot,
  StreamResult,
  TieredStorageConfig,
  TierName,
} from './contract.js';
import { StorageError, attempt, invalid } from './errors.js';
import type { Listeners } from './events.js';
import { HotReads } from './hot.js';
import { claimed, opened, type Opened } from './opening.js';
import {
  checkBootstrap,
  checkCallOptions,
  checkConfig,
  checkDeleteOptions,
  checkNumber,
  checkRange,
  checkReadOptions,
  checkSetOptions,
  checkTierName,
  isPlain,
  toRawSet,
  type CheckedSet,
} from './options.js';
import type { MaybePromise, Pieces } from './port.js';
import type { Ports } from './ports.js';
import { extentOf, toBounds } from './ranges.js';
import type { MemoryRecord } from './record.js';
import { S3StorageTier } from './s3.js';
import { toBytes, toValue, type Content, type Held } from './serialize.js';
import { fromSnapshot, toSnapshot, toStats } from './snapshot.js';
import { atOnce, largePieces, toPieces, toReadable } from './streams.js';
import { checkKey, checkPrefix, paged, toMetadata } from './tier.js';
import { ANSWER, STORAGE_CALLS, type RawEntry, type RawStorage, type RawWritten, type StorageCalls, type Wasm } from './wasm.js';

type Config = TieredStorageConfig<PromotionStrategy>;

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
  readonly #listeners: Listeners;
  readonly #ports: Ports;
  readonly #hot: HotReads;
  #isClosed = false;

  private constructor(made: Opened) {
    const { loaded, core, config, listeners, ports } = claimed(made);
    this.#wasm = loaded;
    this.#core = core;
    this.#config = config;
    this.#listeners = listeners;
    this.#ports = ports;
    this.#hot = new HotReads(config, core.gate, listeners.tell);
  }

  /**
   * Opens a storage. The first one of a realm loads the WebAssembly module.
   *
   * Fails as `invalid` if the config is not possible.
   */
  static async open<T = unknown>(config: Config): Promise<TieredStorage<T>> {
    return new TieredStorage<T>(await opened(checkConfig(config)));
  }

  /** The value, or `null` if there is none. Bytes are a copy of the caller's own unless it borrows. */
  get(key: string, options?: ReadOptions): Promise<T | null> {
    try {
      const record = options === undefined || isPlain(options) ? this.#hot.hit(key) : undefined;
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
    const record = isHere ? this.#hot.hit(key) : undefined;
    if (!record) return this.#read(key, options);
    const data = (await this.#value(key, record, options?.borrow === true)) as T;
    return { data, ...this.#hotFacts(key, record) };
  }

  /**
   * The value, if the hot tier has it and it can be given at once; else `undefined`, which says nothing of other tiers.
   * For code that cannot wait. Values of a serializer of yours are never given at once.
   */
  peek(key: string, options?: { borrow?: boolean | undefined }): T | undefined {
    const isBorrowed = options !== undefined && attempt(() => options.borrow === true, 'the options cannot be read');
    const record = this.#hot.hit(key);
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
    const checked = checkSetOptions(options);
    const pieces = this.#ports.takePieces ? largePieces(value, key) : undefined;
    if (pieces) return this.#write(key, pieces, checked);
    const made = toBytes(value, this.#config.serialization);
    // Without a wait where there need be none: a storage that is closed right after it has begun the write.
    const [body, content] = made instanceof Promise ? await made : made;
    return this.#write(key, body, checked, content);
  }

  /**
   * The bytes of an entry as a stream, or `null`. They are read as they are asked for; of large entries in tiers that can,
   * a few MiB are in memory at once. Cancel what is not read to its end.
   */
  async getStream(key: string, options?: CallOptions): Promise<StreamResult | null> {
    checkKey(key);
    const { signal } = checkCallOptions(options);
    const record = signal ? undefined : this.#hot.hit(key);
    if (record) return { stream: toReadable(atOnce(record.body), { signal }), ...this.#hotFacts(key, record) };
    const found = await this.#call(signal, 'stream', [key]);
    if (!found) return null;
    const [pieces, line, source] = found;
    return { stream: toReadable(pieces, { signal }), metadata: this.#metadata(key, line), source };
  }

  /**
   * A part of the bytes of an entry, or `null` if there is no entry. Tiers that can are asked for these bytes alone. With
   * `rangeCaching` warm keeps what cold was asked for; without, no tier takes it over.
   */
  async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<RangeResult | null> {
    checkKey(key);
    const wanted = checkRange(range);
    const { signal } = checkCallOptions(options);
    const record = signal ? undefined : this.#hot.hit(key);
    if (record) {
      const [start, end] = extentOf(wanted, record.body.length);
      return { data: record.body.slice(start, end), start, end, ...this.#hotFacts(key, record) };
    }
    const found = await this.#call(signal, 'range', [key, ...toBounds(wanted)]);
    if (!found) return null;
    const [data, line, source, start] = found;
    return { data: data.slice(), start, end: start + data.length, metadata: this.#metadata(key, line), source };
  }

  /**
   * Stores the bytes of a stream, an async iterable (streams of Node are) or a `Blob`, as `set` does. They are kept where
   * nobody sees them until all are there; a stream that fails or is given up leaves nothing.
   *
   * Fails as `unavailable` if the stream does; as `unsupported` for more than 1 MiB where no tier takes bodies in pieces.
   */
  async setStream(
    key: string,
    body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Blob,
    options?: SetOptions,
  ): Promise<SetResult> {
    checkKey(key);
    const checked = checkSetOptions(options);
    return this.#write(key, toPieces(body, key), checked);
  }

  /**
   * Asks `change` what is to become of an entry, and writes that if the entry is still what it was; else asks again, up to
   * 32 times, so that no change of others is lost. `change` is given `null`s where there is no live entry, and gives
   * `undefined` to leave things as they are: then so does this, by `null`.
   *
   * Fails with what `change` throws; as `set` does; as `unsupported` if cold cannot write conditionally.
   */
  async update(
    key: string,
    change: (current: T | null, metadata: StorageMetadata | null) => MaybePromise<T | undefined>,
    options?: SetOptions,
  ): Promise<SetResult | null> {
    checkKey(key);
    if (typeof change !== 'function') throw invalid('`update` takes a key and a function', key);
    const checked = checkSetOptions(options);
    if (checked.condition !== undefined) throw invalid('`update` has a condition of its own; leave out `ifAbsent` and `ifMatch`');
    const asking = asked(async (found: RawEntry | null) => {
      const { data, metadata } = found ? await this.#result(key, found, false) : { data: null, metadata: null };
      const value = await change(data, metadata);
      if (value === undefined) return undefined;
      const [bytes, content] = await toBytes(value, this.#config.serialization);
      return toRawSet(key, bytes, checked, content);
    });
    const written = await asking.during((ask) => this.#call(checked.signal, 'update', [key, ask]));
    return written ? this.#written(key, written) : null;
  }

  /** Removes an entry from every tier, or only the version that is named. That it is not there is no error. */
  async delete(key: string, options?: DeleteOptions): Promise<void> {
    checkKey(key);
    const { signal, ifMatch } = checkDeleteOptions(options);
    await this.#call(signal, 'delete', [key, ifMatch]);
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
    await this.#call(checkCallOptions(options).signal, 'touch', [key, checkNumber(ttl, 'ttl')]);
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
    this.#core.countHotHits(this.#hot.takeHits());
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
    this.#core.countHotHits(this.#hot.takeHits());
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
    return this.#call(checkCallOptions(options).signal, 'bootstrapHot', [checkNumber(limit, 'limit')]);
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

  /** Resolves when the background work that has begun is done: promotions, repairs, writing statistics, and tidying up in S3. */
  async settled(options?: CallOptions): Promise<void> {
    const { signal } = checkCallOptions(options);
    await this.#call(signal, 'settled', []);
    await abortable(signal, (abort) => (abort ? Promise.race([this.#ports.settled(), abort]) : this.#ports.settled()));
  }

  /** Settles, writes out what is pending and releases the tiers. Every later call fails as `closed`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#call(undefined, 'close', []).finally(() => this.#ports.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Has `listener` told of every event of one type, until the function that this returns is called. */
  on<K extends StorageEvent['type']>(type: K, listener: (event: Extract<StorageEvent, { type: K }>) => void): () => void {
    return this.#listeners.add(type, listener);
  }

  /** What `respond` of `tiered-storage/http` makes a `Response` of. */
  [ANSWER](signal: AbortSignal | undefined, ...args: Parameters<StorageCalls['respond']>): Promise<ReturnType<StorageCalls['respond']>> {
    return this.#call(signal, 'respond', args);
  }

  async #read(key: string, options: ReadOptions | undefined): Promise<StorageResult<T> | null> {
    checkKey(key);
    const { signal, borrow } = checkReadOptions(options);
    const found = await this.#call(signal, 'get', [key]);
    return found && this.#result(key, found, borrow === true);
  }

  async #result(key: string, [body, line, source, content]: RawEntry, borrow: boolean): Promise<StorageResult<T>> {
    const data = (await this.#value(key, { body, shared: body, content }, borrow)) as T;
    return { data, metadata: this.#metadata(key, line), source };
  }

  async #write(key: string, body: Uint8Array | Pieces, options: CheckedSet, content: Content = 0): Promise<SetResult> {
    return this.#written(key, await this.#call(options.signal, 'set', toRawSet(key, body, options, content)));
  }

  #written(key: string, [line, tiersWritten]: RawWritten): SetResult {
    return { key, metadata: this.#metadata(key, line), tiersWritten };
  }

  /** What is told of a hot hit beside its bytes. */
  #hotFacts(key: string, record: MemoryRecord): { metadata: StorageMetadata; source: TierName } {
    return { metadata: record.counted(this.#metadata(key, record.line)), source: 'hot' };
  }

  #value(key: string, held: Held, borrow: boolean): unknown {
    return toValue(key, held, borrow, this.#config.serialization);
  }

  #metadata(key: string, line: string): StorageMetadata {
    return toMetadata(this.#wasm, key, line);
  }

  /** Calls the core; `signal` rejects the call with its reason. */
  async #call<K extends keyof StorageCalls>(
    signal: AbortSignal | undefined,
    name: K,
    args: Readonly<Parameters<StorageCalls[K]>>,
  ): Promise<ReturnType<StorageCalls[K]>> {
    return abortable(signal, (abort) => {
      const called = this.#core.call(STORAGE_CALLS.indexOf(name), args, abort) as Promise<ReturnType<StorageCalls[K]>>;
      return ['set', 'update', 'delete'].includes(name) ? telling(called, (key, line) => this.#metadata(key, line)) : called;
    });
  }
}
