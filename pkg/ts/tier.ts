/** What the tiers of this package have in common: the contract's ten methods over a port. */

import type { StorageMetadata, StorageTier, TierStats } from './contract.js';
import { StorageError, attempt, invalid } from './errors.js';
import { PORT, type Facts, type MaybePromise, type Port, type Ported, type PortListing, type PortNotices, type StoredEntry } from './port.js';
import { wasm, type Inscribed, type RawMetadata, type Wasm } from './wasm.js';

/** The longest key, in bytes of UTF-8. */
const KEY_BYTES_MAX = 1024;
/** How many keys one call of a port may name. */
const KEYS_MAX = 1000;
/** Where the line stands in metadata of the contract's form. */
export const LINE_FIELD = 'tiered-storage';

/** The bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // A pair of surrogates is four bytes, so each of them is two.
    if (unit > 0x7f) length += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return length;
}

function checkText(text: unknown, name: string): asserts text is string {
  if (typeof text !== 'string') throw invalid(`the ${name} must be a string`);
  if (text.length * 3 > KEY_BYTES_MAX && utf8Length(text) > KEY_BYTES_MAX) {
    throw invalid(`the ${name} has more than ${KEY_BYTES_MAX} bytes in UTF-8; shorten it`);
  }
  if (/\p{Cs}/u.test(text)) throw invalid(`the ${name} has half of a surrogate pair, which is not Unicode text`);
}

/** Fails as `invalid` for what is not a key. */
export function checkKey(key: unknown): asserts key is string {
  checkText(key, 'key');
  if (!key) throw invalid('the key is empty; give it at least one byte');
}

/** Fails as `invalid` for what no key can start with. */
export function checkPrefix(prefix: unknown): asserts prefix is string {
  checkText(prefix, 'prefix');
}

/** The name of a typed array's type, whatever it claims to be; `undefined` for anything else. */
const typeOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

/** Whether these are bytes, also those of another realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return typeOf?.call(value) === 'Uint8Array';
}

/** `text` so that the order of its UTF-16 units is the byte order of the UTF-8 of the original. */
export function ordered(text: string): string {
  return text.replace(/[\ud800-\uffff]/g, (unit) => moved(unit, unit < '\ue000' ? 0x2000 : -0x800));
}

/** The original of what `ordered` made. */
export function unordered(text: string): string {
  return text.replace(/[\ud800-\uffff]/g, (unit) => moved(unit, unit < '\uf800' ? 0x800 : -0x2000));
}

function moved(unit: string, by: number): string {
  return String.fromCharCode(unit.charCodeAt(0) + by);
}

/** The contract's metadata for a line. */
export function toMetadata(loaded: Wasm, key: string, line: string): StorageMetadata {
  try {
    const raw = loaded.describe(key, line);
    const { createdAt, lastAccessed, ttl } = raw;
    const dates = { createdAt: new Date(createdAt), lastAccessed: new Date(lastAccessed) };
    return Object.assign(raw, dates, ttl === undefined ? undefined : { ttl: new Date(ttl) }) as unknown as StorageMetadata;
  } catch (error) {
    throw StorageError.from(error, 'the metadata cannot be read', key, 'corrupt');
  }
}

/** As `toMetadata`, of what tiers say: a version is the storage's. */
export function toTierMetadata(loaded: Wasm, key: string, line: string): StorageMetadata {
  const { version: _, ...metadata } = toMetadata(loaded, key, line);
  return metadata;
}

/** A line and its facts for metadata that someone gave; `toMs` reads its dates and answers NaN for what is none. */
export function toLine(loaded: Wasm, key: string, given: unknown, toMs: (date: unknown) => number = msOfDate): Inscribed {
  if (typeof given !== 'object' || given === null) throw invalid('the metadata must be an object', key);
  try {
    const metadata = { ...(given as StorageMetadata) };
    const raw: RawMetadata = {
      ...metadata,
      key,
      createdAt: toMs(metadata.createdAt),
      lastAccessed: toMs(metadata.lastAccessed),
      ttl: metadata.ttl == null ? undefined : toMs(metadata.ttl),
    };
    return loaded.inscribe(key, raw);
  } catch (error) {
    throw StorageError.from(error, 'the metadata cannot be stored', key, 'invalid');
  }
}

function msOfDate(date: unknown): number {
  return date instanceof Date ? date.getTime() : NaN;
}

/** The keys of a listing, page after page. */
export async function* paged(
  page: (after: string | undefined) => Promise<PortListing>,
): AsyncGenerator<string, void, undefined> {
  let after: string | undefined;
  do {
    const { keys, next } = await page(after);
    yield* keys;
    after = next;
  } while (after !== undefined);
}

/** A tier of this package. */
export abstract class PortTier implements StorageTier, Ported {
  #wasm: Wasm | undefined;

  abstract [PORT](notices: PortNotices): MaybePromise<Port>;

  /** The port, for the methods here. */
  protected abstract port(): MaybePromise<Port>;

  /**
   * The stored bytes, as they were given to `set`, or `null`. They are the caller's own.
   *
   * Every method fails as `invalid` for what is not a key, before anything is touched.
   */
  get(key: string): Promise<Uint8Array | null> {
    const handOut = (found: StoredEntry | null | true): Uint8Array | null =>
      found && found !== true ? this.handOut(found.body) : null;
    return this.#keyed(key, (port) => port.read(key, undefined), handOut);
  }

  /**
   * Stores bytes and metadata in place of any older entry, both or neither. `metadata.compressed` says whether these
   * bytes are gzip; they are stored as they are.
   *
   * Fails as `full` where there is no room, and as `invalid` for metadata of more than 1.9 KiB.
   */
  set(key: string, data: Uint8Array, metadata: StorageMetadata): Promise<void> {
    if (!isBytes(data)) return Promise.reject(invalid('the data must be a Uint8Array'));
    // The caller may change its bytes as soon as this returns.
    const isBorrowed = this.takesAtOnce && this.#wasm !== undefined;
    let body = data;
    try {
      if (!isBorrowed) body = new Uint8Array(data);
    } catch (error) {
      return Promise.reject(StorageError.from(error, 'the data cannot be read', undefined, 'invalid'));
    }
    return this.#inscribed(key, metadata, (made) =>
      this.#keyed(key, (port) => this.takeIn(port, key, { body, line: made.line }, made, isBorrowed), nothing),
    );
  }

  /** Removes the entry. That it is not there is no error. */
  delete(key: string): Promise<void> {
    return this.#keyed(key, (port) => port.remove([key]), nothing);
  }

  /** Whether the key is there. */
  exists(key: string): Promise<boolean> {
    return this.#keyed(key, (port) => port.head(key), (line) => line !== null);
  }

  /** The keys that start with `prefix`, in the tier's order, in pages of 1,000. */
  listKeys(prefix = ''): AsyncIterableIterator<string> {
    checkPrefix(prefix);
    return paged((after) => this.#run((port) => port.list(prefix, after, KEYS_MAX), same));
  }

  /** Removes entries, 1,000 at once. */
  async deleteMany(keys: string[]): Promise<void> {
    const all = attempt(() => {
      if (!Array.isArray(keys)) throw invalid('`deleteMany` takes a list of keys');
      const own = [...(keys as string[])];
      own.forEach(checkKey);
      return own;
    }, 'the keys cannot be read');
    for (let at = 0; at < all.length; at += KEYS_MAX) {
      await this.#run((port) => port.remove(all.slice(at, at + KEYS_MAX)), nothing);
    }
  }

  /** The metadata, or `null`. */
  async getMetadata(key: string): Promise<StorageMetadata | null> {
    const line = await this.#keyed(key, (port) => port.head(key), same);
    return line === null ? null : toTierMetadata(this.#wasm ?? (await this.#load()), key, line);
  }

  /** Replaces the metadata and leaves the bytes. Does nothing if the key is not there. */
  setMetadata(key: string, metadata: StorageMetadata): Promise<void> {
    return this.#inscribed(key, metadata, (plain, loaded) => {
      const replace = async (port: Port): Promise<void> => {
        const line = await port.head(key);
        if (line === null) return;
        // What the line says beyond the contract stays, where the metadata is of the same version.
        const customMetadata = { ...metadata.customMetadata, [LINE_FIELD]: line };
        const made = toLine(loaded, key, { ...metadata, customMetadata });
        try {
          await port.patch(key, made.line, made);
        } catch (error) {
          if (!(error instanceof StorageError) || error.kind !== 'conflict') throw error;
          const found = await port.read(key, undefined);
          if (found && found !== true) await port.write(key, { body: found.body, line: plain.line }, plain);
        }
      };
      return this.#keyed(key, replace, nothing);
    });
  }

  /** How full the tier is, and what it asked of a store that bills requests. */
  getStats(): Promise<TierStats> {
    const usageAndCosts = async (port: Port): Promise<TierStats> => {
      const { bytes, items, evictions } = await port.usage();
      return { bytes, items, ...(evictions === undefined ? {} : { evictions }), ...(await port.costs?.()) };
    };
    return this.#run(usageAndCosts, same);
  }

  /** Removes every entry. */
  clear(): Promise<void> {
    return this.#run((port) => port.clear(), nothing);
  }

  /** Whether `takeIn` has copied borrowed bytes when it returns. */
  protected get takesAtOnce(): boolean {
    return false;
  }

  /** Stores bytes; they are the caller's where they are borrowed. */
  protected takeIn(port: Port, key: string, entry: StoredEntry, facts: Facts, _isBorrowed: boolean): MaybePromise<unknown> {
    return port.write(key, entry, facts);
  }

  /** Gives bytes away: the tier may still hold them, so a copy. */
  protected handOut(body: Uint8Array): Uint8Array {
    return body.slice();
  }

  async #load(): Promise<Wasm> {
    return (this.#wasm = await wasm());
  }

  /** Does `work` with the line of `metadata`: at once where the module is loaded. */
  async #inscribed<T>(key: string, metadata: unknown, work: (made: Inscribed, loaded: Wasm) => Promise<T>): Promise<T> {
    checkKey(key);
    const loaded = this.#wasm ?? (await this.#load());
    return work(toLine(loaded, key, metadata), loaded);
  }

  #keyed<T, R>(key: string, work: (port: Port) => MaybePromise<T>, then: (answer: T) => R): Promise<R> {
    try {
      checkKey(key);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return this.#run(work, then, key);
  }

  /** Does `work` at once where the port is there, by few promises: each costs as much as a lookup. */
  #run<T, R>(work: (port: Port) => MaybePromise<T>, then: (answer: T) => R, key?: string): Promise<R> {
    const failed = (error: unknown): never => {
      throw StorageError.from(error, 'the tier failed', key);
    };
    try {
      const port = this.port();
      const answer = port instanceof Promise ? port.then(work) : work(port);
      return answer instanceof Promise ? answer.then(then, failed) : Promise.resolve(then(answer));
    } catch (error) {
      return Promise.reject(StorageError.from(error, 'the tier failed', key));
    }
  }
}

function same<T>(value: T): T {
  return value;
}

function nothing(): void {}

/** A tier whose port takes a while to open. */
export abstract class OpenedTier extends PortTier {
  #port: Promise<Port> | undefined;

  [PORT](): Promise<Port> {
    return this.port();
  }

  /** Opens the port; called again after it failed. */
  protected abstract open(): Promise<Port>;

  /** Has the port opened anew when it is next needed. */
  protected forget(): void {
    this.#port = undefined;
  }

  protected async port(): Promise<Port> {
    this.#port ??= this.open();
    try {
      return await this.#port;
    } catch (error) {
      this.forget();
      throw error;
    }
  }
}
