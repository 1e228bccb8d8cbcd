/** Entries in IndexedDB: the usual warm tier of a browser. */

import { report } from './errors.js';
import { FallbackPort } from './indexed-db/fallback.js';
import { DatabasePort } from './indexed-db/port.js';
import type { RoomPolicy } from './indexed-db/room.js';
import { MemoryStorageTier } from './memory.js';
import { LIMIT, NAME, check, isFunction, isOneOf, type Rules } from './options.js';
import { PORT, type Facts, type MaybePromise, type Port, type PortNotices, type StoredEntry } from './port.js';
import { PortTier } from './tier.js';

/** Where an `IndexedDBStorageTier` keeps its entries, and how large it may get. */
export interface IndexedDBOptions {
  /** The database. Default `tiered-storage`. Tiers of one name and origin share their entries, also across tabs. */
  name?: string | undefined;
  /** The most bytes of bodies, keys and stored metadata. Default: what the browser gives. */
  maxSizeBytes?: number | undefined;
  /** The most entries. Default: no limit. */
  maxItems?: number | undefined;
  /**
   * What is given up when a limit, or the browser's, is reached. `lru` (default): what was not read for longest; exact up
   * to 256 entries, and near to it beyond. `fifo`: what was written first. `size`: the largest. `none`: nothing, writes
   * fail as `full`; for a tier that is the source of truth.
   */
  evictionPolicy?: RoomPolicy | undefined;
  /**
   * Says of a key whether its entry may never be given up; it is asked before each would be. Where nothing else is left,
   * writes fail as `full`. What other tabs give up, theirs say.
   */
  isPinned?: ((key: string) => boolean) | undefined;
  /** Is told if entries are kept in memory instead, since this host keeps no databases. */
  onFallback?: ((error: Error) => void) | undefined;
  /** In place of the global `indexedDB`. */
  indexedDB?: IDBFactory | undefined;
}

const RULES: Rules = {
  name: NAME,
  maxSizeBytes: LIMIT,
  maxItems: LIMIT,
  evictionPolicy: [isOneOf('lru', 'fifo', 'size', 'none'), "'lru', 'fifo', 'size' or 'none'"],
  isPinned: [isFunction, 'a function'],
  onFallback: [isFunction, 'a function'],
  indexedDB: [(value) => isFunction((value as IDBFactory | null)?.open), 'an IDBFactory'],
};

/**
 * A tier in IndexedDB. Entries outlive the tab; the browser may remove all of them at once when space gets short.
 *
 * Operations that arrive together share a transaction. Where there is no IndexedDB, or the browser refuses it (private
 * windows, frames without storage), entries are kept in memory, and that is told: by an event of the storage, and by
 * `onFallback`. Limits are kept within what tabs that write at the same time add in a moment.
 */
export class IndexedDBStorageTier extends PortTier {
  readonly #port: FallbackPort;

  constructor(options: IndexedDBOptions = {}) {
    super();
    const checked: IndexedDBOptions = check(options, RULES, 'the options of an IndexedDBStorageTier');
    const { name = 'tiered-storage', maxSizeBytes, maxItems, evictionPolicy = 'lru', isPinned, onFallback } = checked;
    const factory = checked.indexedDB ?? globalThis.indexedDB;
    const limits = { bytesMax: maxSizeBytes ?? Infinity, itemsMax: maxItems ?? Infinity, policy: evictionPolicy, isPinned };
    const memory = new MemoryStorageTier({
      maxSizeBytes,
      maxItems,
      evictionPolicy: evictionPolicy === 'none' ? undefined : evictionPolicy,
      durable: true,
    });
    this.#port = new FallbackPort(new DatabasePort(factory, name, limits), memory);
    if (onFallback) this.#port.listen({ onFallback: (error) => report(onFallback, error) });
  }

  [PORT](notices: PortNotices): Port {
    this.#port.listen(notices);
    void this.#port.open();
    return this.#port;
  }

  protected port(): Port {
    return this.#port;
  }

  protected override get takesAtOnce(): boolean {
    return true;
  }

  protected override takeIn(_: Port, key: string, entry: StoredEntry, facts: Facts, isBorrowed: boolean): MaybePromise<unknown> {
    return this.#port.write(key, entry, facts, isBorrowed);
  }

  /** What a database gives is the caller's own. */
  protected override handOut(body: Uint8Array): Uint8Array {
    return this.#port.isInMemory ? body.slice() : body;
  }
}
