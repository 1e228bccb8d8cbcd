/** Tiers of others: any object with the contract's ten methods, as the core calls it. It cannot harm the storage. */

import type { StorageEvent, StorageMetadata, StorageTier, TierName } from './contract.js';
import { StorageError } from './errors.js';
import { PlainPort } from './plain.js';
import { PORT, type Facts, type Port, type Ported, type PortListing, type PortUsage, type StoredEntry } from './port.js';
import { LINE_FIELD, isBytes, toLine, toTierMetadata } from './tier.js';
import { wasm, type Inscribed, type Wasm } from './wasm.js';
import { within } from './within.js';

/** How many listings may be under way; the one that waited longest for its next page is given up for another. */
const LISTINGS_MAX = 16;

/** What the storage knows of the tier. */
interface ForeignOptions {
  readonly name: TierName;
  /** How long one call may take, in ms. */
  readonly timeoutMs: number;
}

/** The port of a tier: its own where it is one of this package. */
export async function portOf(
  tier: StorageTier,
  name: TierName,
  timeoutMs: number,
  tell: (event: StorageEvent) => void,
): Promise<Port> {
  try {
    const ported = tier as Partial<Ported>;
    if (typeof ported[PORT] !== 'function') return await foreignPort(tier, { name, timeoutMs });
    return await ported[PORT]({ onFallback: (error) => tell({ type: 'fallback', tier: name, error }) });
  } catch (error) {
    throw StorageError.from(error, `the ${name} tier cannot be used`);
  }
}

/**
 * The port of a tier of others.
 *
 * Every call is limited in time, and what it throws or answers is looked at before it is believed. The stored line rides in
 * `customMetadata['tiered-storage']`; entries without it, which others wrote, are described by the contract's fields.
 */
async function foreignPort(tier: StorageTier, options: ForeignOptions): Promise<Port> {
  return new ForeignPort(await wasm(), tier, options);
}

class ForeignPort extends PlainPort {
  readonly traits = { announced: true, rereads: true };
  readonly #wasm: Wasm;
  readonly #tier: StorageTier;
  readonly #options: ForeignOptions;
  /** Listings that wait for their next page, by the name of that page. */
  readonly #listings = new Map<string, AsyncIterator<string>>();
  #pages = 0;

  constructor(loaded: Wasm, tier: StorageTier, options: ForeignOptions) {
    super(loaded);
    this.#wasm = loaded;
    this.#tier = tier;
    this.#options = options;
  }

  async read(key: string): Promise<StoredEntry | null> {
    let [body, made] = await this.#both(key);
    // A write or removal in between shows as one of the two alone.
    if (!body !== !made) [body, made] = await this.#both(key);
    return body && made ? { body, line: made.line } : null;
  }

  async head(key: string): Promise<string | null> {
    return (await this.#inscribed(key))?.line ?? null;
  }

  async write(key: string, { body, line }: StoredEntry): Promise<undefined> {
    await this.#call('set', () => this.#tier.set(key, body.slice(), this.#metadata(key, line)));
  }

  override async patch(key: string, line: string, facts: Facts): Promise<undefined | null> {
    const found = await this.head(key);
    if (found === null) return null;
    this.checkVersion(key, found, facts);
    await this.#call('setMetadata', () => this.#tier.setMetadata(key, this.#metadata(key, line)));
    return undefined;
  }

  async remove(keys: readonly string[]): Promise<void> {
    const [key] = keys;
    if (keys.length === 1 && key !== undefined) await this.#call('delete', () => this.#tier.delete(key));
    else await this.#call('deleteMany', () => this.#tier.deleteMany([...keys]));
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    const listing = after === undefined ? this.#begin(prefix) : this.#listings.get(after);
    if (!listing) throw this.#error('unavailable', 'the listing was given up for others; begin it again');
    if (after !== undefined) this.#listings.delete(after);
    const keys: string[] = [];
    while (keys.length < limit) {
      const { done, value } = await this.#call('listKeys', () => listing.next());
      if (done) return { keys };
      if (typeof value !== 'string') throw this.#error('corrupt', '`listKeys` gave something that is not a string');
      if (value.startsWith(prefix)) keys.push(value);
    }
    const next = String((this.#pages += 1));
    this.#listings.set(next, listing);
    for (const [oldest, given] of this.#listings) {
      if (this.#listings.size <= LISTINGS_MAX) break;
      this.#listings.delete(oldest);
      given.return?.().catch(() => undefined);
    }
    return { keys, next };
  }

  async usage(): Promise<PortUsage> {
    const stats = await this.#call('getStats', () => this.#tier.getStats());
    const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0;
    if (!isCount(stats?.bytes) || !isCount(stats.items)) {
      throw this.#error('corrupt', '`getStats` did not give `bytes` and `items`');
    }
    const { bytes, items, evictions } = stats;
    return { bytes, items, evictions: isCount(evictions) ? evictions : undefined };
  }

  async clear(): Promise<void> {
    await this.#call('clear', () => this.#tier.clear());
  }

  override close(): void {
    for (const listing of this.#listings.values()) listing.return?.().catch(() => undefined);
    this.#listings.clear();
  }

  #both(key: string): Promise<[Uint8Array | null, Inscribed | null]> {
    return Promise.all([this.#body(key), this.#inscribed(key)]);
  }

  async #body(key: string): Promise<Uint8Array | null> {
    const body: unknown = await this.#call('get', () => this.#tier.get(key));
    if (body === null || body === undefined) return null;
    if (!isBytes(body)) throw this.#error('corrupt', '`get` did not give a Uint8Array or null', key);
    return body.slice();
  }

  async #inscribed(key: string): Promise<Inscribed | null> {
    const metadata: unknown = await this.#call('getMetadata', () => this.#tier.getMetadata(key));
    if (metadata === null || metadata === undefined) return null;
    try {
      return toLine(this.#wasm, key, metadata, msOfAny);
    } catch (cause) {
      const said = cause instanceof Error ? `: ${cause.message}` : '';
      throw new StorageError('corrupt', `${this.#name()} gave metadata that cannot be used${said}`, { key, cause });
    }
  }

  #metadata(key: string, line: string): StorageMetadata {
    const metadata = toTierMetadata(this.#wasm, key, line);
    return { ...metadata, customMetadata: { ...metadata.customMetadata, [LINE_FIELD]: line } };
  }

  #begin(prefix: string): AsyncIterator<string> {
    try {
      const keys: unknown = this.#tier.listKeys(prefix);
      // It may be a promise by mistake, and rejected: nobody else would hear of that.
      Promise.resolve(keys).catch(() => undefined);
      return (keys as AsyncIterable<string>)[Symbol.asyncIterator]();
    } catch (error) {
      throw StorageError.from(error, `\`listKeys\` of ${this.#name()} failed`);
    }
  }

  /** Limits a call in time; what comes of it later is passed over. */
  async #call<R>(method: string, work: () => R | Promise<R>): Promise<R> {
    const what = `\`${method}\` of ${this.#name()}`;
    try {
      return await within(this.#options.timeoutMs, what, work);
    } catch (error) {
      throw StorageError.from(error, `${what} failed`);
    }
  }

  #name(): string {
    return `the ${this.#options.name} tier`;
  }

  #error(kind: 'corrupt' | 'unavailable', message: string, key?: string): StorageError {
    return new StorageError(kind, message, { key });
  }
}

/** Dates as others may keep them: as such, in ms since 1970, or as text. */
function msOfAny(date: unknown): number {
  if (date instanceof Date) return date.getTime();
  return typeof date === 'number' ? date : typeof date === 'string' ? Date.parse(date) : NaN;
}
