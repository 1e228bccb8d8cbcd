/** Entries in the Cache API: for browsers and service workers, Deno, and Cloudflare's workerd. */

import { CachePieces, CacheSource, CacheStage, isLeft, lasting, newStage, refused, streamOf } from './cache-api/flows.js';
import type { ByteRange } from './contract.js';
import { StorageError } from './errors.js';
import { NAME, check, isFunction, type Rules } from './options.js';
import { PlainPort } from './plain.js';
import type { Facts, OpenedEntry, Port, PortListing, PortUsage, ReadyEntry, Stage, StoredEntry, StoredPart } from './port.js';
import { extentOf } from './ranges.js';
import { SortedKeys } from './sorted.js';
import { OpenedTier, isBytes } from './tier.js';
import { wasm, type Wasm } from './wasm.js';

/** Where a `CacheApiStorageTier` keeps its entries. */
export interface CacheApiOptions {
  /** The cache that `caches.open` is asked for. Default `tiered-storage`. */
  name?: string | undefined;
  /** A cache that is open already, such as `caches.default` of workerd. */
  cache?: Cache | undefined;
}

const RULES: Rules = {
  name: NAME,
  cache: [(value) => isFunction((value as Cache | null)?.match), 'a Cache'],
};

const LINE = 'x-tiered-storage';
/** Entries have URLs of a host that cannot exist. */
const ORIGIN = 'https://tiered-storage.invalid/';
/** Larger bodies are handed on in pieces, of so many bytes where that is ours to say. */
const PIECE_BYTES = 2 ** 20;

/**
 * A tier in a cache of the Cache API. It has no limits of its own: the runtime gives entries up when it needs the space.
 *
 * **Not every runtime can enumerate a cache** (workerd and older versions of Deno cannot): there `invalidate`,
 * `invalidateUpperCaches`, `clear`, `listKeys` and `getStats` fail as `unavailable`, since entries that another isolate or
 * an earlier run wrote would be passed over silently.
 *
 * Bodies in pieces are written twice, since a cache takes what stands beside a body before the body: first under another
 * name. A range is read from the start of the body, and what is before it passed over. Writes depend on no condition, and
 * parts of bodies are not kept: a cache can do neither.
 */
export class CacheApiStorageTier extends OpenedTier {
  readonly #options: CacheApiOptions;

  constructor(options: CacheApiOptions = {}) {
    super();
    this.#options = { name: 'tiered-storage', ...check<CacheApiOptions>(options, RULES, 'the options of a CacheApiStorageTier') };
  }

  protected async open(): Promise<Port> {
    const { name = '', cache } = this.#options;
    if (cache) return new CachePort(await wasm(), cache);
    if (typeof caches === 'undefined') {
      throw new StorageError('unavailable', 'this runtime has no Cache API; leave the tier out, or use another');
    }
    return new CachePort(await wasm(), await caches.open(name));
  }
}

class CachePort extends PlainPort {
  readonly traits = { announced: true };
  readonly #wasm: Wasm;
  readonly #cache: Cache;
  #isSwept = false;

  constructor(loaded: Wasm, cache: Cache) {
    super(loaded);
    this.#wasm = loaded;
    this.#cache = cache;
  }

  async read(key: string): Promise<StoredEntry | null> {
    const [found, line] = await this.#match(key);
    return found ? { body: new Uint8Array(await found.arrayBuffer()), line } : null;
  }

  async readPieces(key: string): Promise<StoredEntry | OpenedEntry | null> {
    const [found, line] = await this.#match(key);
    if (!found) return null;
    if (this.#wasm.describe(key, line).size > PIECE_BYTES) return { pieces: new CachePieces(found), line };
    return { body: new Uint8Array(await found.arrayBuffer()), line };
  }

  async readRange(key: string, range: ByteRange): Promise<StoredPart | null | undefined> {
    const [found, line] = await this.#match(key);
    if (!found) return null;
    const { size, compressed } = this.#wasm.describe(key, line);
    const [start, end] = extentOf(range, size);
    const pieces = new CachePieces(found);
    try {
      // How long the stored body is, is not known.
      if (compressed) return undefined;
      const body = await pieces.read(start, end);
      if (!body) throw new StorageError('corrupt', 'the body ends too early', { key });
      return { body, line, start };
    } finally {
      pieces.cancel();
    }
  }

  async head(key: string): Promise<string | null> {
    const [found, line] = await this.#match(key);
    // What nobody reads would hold the entry open.
    await found?.body?.cancel();
    return found ? line : null;
  }

  async write(key: string, { body, line }: StoredEntry, facts: Facts): Promise<undefined> {
    await this.#put(key, body, line, facts);
  }

  async stage(key: string): Promise<Stage> {
    if (!this.#isSwept) void this.#names().catch(() => undefined);
    this.#isSwept = true;
    return new CacheStage(this.#cache, key, ORIGIN + newStage());
  }

  async store(key: string, { body, line }: ReadyEntry, facts: Facts, condition: string | null | undefined): Promise<undefined> {
    if (condition !== undefined) {
      throw new StorageError('unsupported', 'a cache cannot write depending on what it holds; leave out the condition', { key });
    }
    const stored = isBytes(body) ? body : body instanceof CacheSource ? (await body.open()).body : streamOf(body, PIECE_BYTES);
    await this.#put(key, stored, line, facts);
  }

  /** A large body is copied as it is read. */
  override async patch(key: string, line: string, facts: Facts): Promise<undefined | null> {
    if (facts.size <= PIECE_BYTES) return super.patch(key, line, facts);
    const [found, there] = await this.#match(key);
    if (!found) return null;
    try {
      this.checkVersion(key, there, facts);
    } catch (error) {
      await found.body?.cancel();
      throw error;
    }
    await this.#put(key, found.body, line, facts);
    return undefined;
  }

  async remove(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#cache.delete(urlOf(key))));
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    const held = new Map((await this.#keys()).map((key) => [key, true]));
    return new SortedKeys().list(held, prefix, after, limit);
  }

  async usage(): Promise<PortUsage> {
    let [bytes, items] = [0, 0];
    for (const key of await this.#keys()) {
      const [found] = await this.#match(key);
      if (!found) continue;
      const pieces = new CachePieces(found);
      while (await pieces.next());
      bytes += pieces.at;
      items += 1;
    }
    return { bytes, items };
  }

  async clear(): Promise<void> {
    await this.remove(await this.#keys());
  }

  /** The entry of a key, whose body is to be read or cancelled, and its line. */
  async #match(key: string): Promise<[found: Response | undefined, line: string]> {
    const found = await this.#cache.match(urlOf(key));
    const line = found?.headers.get(LINE);
    return line ? [found, line] : [undefined, ''];
  }

  async #put(key: string, body: Uint8Array | ReadableStream<Uint8Array> | null, line: string, { expiresAt }: Facts): Promise<void> {
    // The entry's own expiry is in its line.
    const headers = { [LINE]: line, ...lasting(expiresAt - Date.now()) };
    try {
      await this.#cache.put(urlOf(key), new Response(body as BodyInit | null, { headers }));
    } catch (cause) {
      throw refused(key, cause);
    }
  }

  async #keys(): Promise<string[]> {
    return (await this.#names()).filter((name) => name.startsWith('k')).map((name) => name.slice(1));
  }

  /** The names of all that is there, but what somebody staged who is gone: that is removed. */
  async #names(): Promise<string[]> {
    if (typeof this.#cache.keys !== 'function') throw cannotList();
    const requests = await this.#cache.keys().catch((cause: unknown) => {
      throw cannotList(cause);
    });
    const ours = requests.filter(({ url }) => url.startsWith(ORIGIN)).map(({ url }) => url.slice(ORIGIN.length));
    await Promise.all(ours.filter(isLeft).map((name) => this.#cache.delete(ORIGIN + name)));
    return ours.map(decodeURIComponent);
  }
}

function cannotList(cause?: unknown): StorageError {
  const message = 'this runtime cannot list what is in a cache; use another tier where entries are invalidated by prefix';
  return new StorageError('unavailable', message, { cause });
}

/** The letter in front keeps `.` and `..` from being taken for steps up. */
function urlOf(key: string): string {
  return `${ORIGIN}${encodeURIComponent(`k${key}`)}`;
}
