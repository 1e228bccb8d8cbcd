/** Entries in the Cache API: for browsers and service workers, Deno, and Cloudflare's workerd. */

import { StorageError } from './errors.js';
import { NAME, check, isFunction, type Rules } from './options.js';
import { PlainPort } from './plain.js';
import type { Facts, Port, PortListing, PortUsage, StoredEntry } from './port.js';
import { SortedKeys } from './sorted.js';
import { OpenedTier } from './tier.js';
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

/**
 * A tier in a cache of the Cache API. It has no limits of its own: the runtime gives entries up when it needs the space.
 *
 * **Not every runtime can enumerate a cache** (workerd and Deno cannot): there `invalidate`, `invalidateUpperCaches`,
 * `clear`, `listKeys` and `getStats` fail as `unavailable`, since entries that another isolate or an earlier run wrote
 * would be passed over silently.
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
  readonly #cache: Cache;

  constructor(loaded: Wasm, cache: Cache) {
    super(loaded);
    this.#cache = cache;
  }

  async read(key: string): Promise<StoredEntry | null> {
    const found = await this.#cache.match(urlOf(key));
    const line = found?.headers.get(LINE);
    return found && line ? { body: new Uint8Array(await found.arrayBuffer()), line } : null;
  }

  async head(key: string): Promise<string | null> {
    const found = await this.#cache.match(urlOf(key));
    // What nobody reads would hold the entry open.
    await found?.body?.cancel();
    return found?.headers.get(LINE) ?? null;
  }

  async write(key: string, { body, line }: StoredEntry, { expiresAt }: Facts): Promise<undefined> {
    const headers: Record<string, string> = { [LINE]: line, 'content-type': 'application/octet-stream' };
    // workerd keeps nothing without it; the entry's own expiry is in its line.
    const seconds = Math.min(Math.max((expiresAt - Date.now()) / 1000, 1), 31_536_000);
    headers['cache-control'] = `max-age=${Math.ceil(seconds)}`;
    try {
      await this.#cache.put(urlOf(key), new Response(body as Uint8Array<ArrayBuffer>, { headers }));
    } catch (cause) {
      const isFull = cause instanceof Error && cause.name === 'QuotaExceededError';
      throw isFull ? new StorageError('full', 'the quota of this origin is used up', { key, cause }) : cause;
    }
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
      const found = await this.read(key);
      if (!found) continue;
      bytes += found.body.length;
      items += 1;
    }
    return { bytes, items };
  }

  async clear(): Promise<void> {
    await this.remove(await this.#keys());
  }

  async #keys(): Promise<string[]> {
    if (typeof this.#cache.keys !== 'function') throw cannotList();
    const requests = await this.#cache.keys().catch((cause: unknown) => {
      throw cannotList(cause);
    });
    const ours = requests.filter(({ url }) => url.startsWith(ORIGIN));
    return ours.map(({ url }) => decodeURIComponent(url.slice(ORIGIN.length)).slice(1));
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
