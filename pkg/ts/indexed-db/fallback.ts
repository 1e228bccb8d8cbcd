/** A database, or memory where this host keeps none. */

import type { ByteRange } from '../contract.js';
import type { MemoryStorageTier } from '../memory.js';
import {
  PORT,
  type Facts,
  type MaybePromise,
  type OpenedEntry,
  type Port,
  type PortListing,
  type PortNotices,
  type PortTraits,
  type PortUsage,
  type ReadyEntry,
  type Stage,
  type StoredEntry,
  type StoredPart,
} from '../port.js';
import { Refused } from './connection.js';
import type { DatabasePort } from './port.js';

export class FallbackPort implements Port {
  readonly traits: PortTraits;
  readonly evicted: Set<(key: string) => void>;
  readonly #database: DatabasePort;
  readonly #memory: MemoryStorageTier;
  readonly #listeners = new Set<PortNotices>();
  #reason: Error | undefined;

  constructor(database: DatabasePort, memory: MemoryStorageTier) {
    this.traits = database.traits;
    this.evicted = database.evicted;
    this.#database = database;
    this.#memory = memory;
  }

  get isInMemory(): boolean {
    return this.#reason !== undefined;
  }

  /** Has `notices` told if memory it is, now or later. */
  listen(notices: PortNotices): void {
    if (this.#reason) return notices.onFallback(this.#reason);
    this.#listeners.add(notices);
  }

  /** Finds out which it is. That the database cannot be opened now is said by the calls that need it. */
  async open(): Promise<void> {
    if (this.#reason) return;
    await this.#database.open().catch((error: unknown) => this.#fallBack(error)).catch(() => undefined);
  }

  read(key: string): MaybePromise<StoredEntry | null | true> {
    return this.#do((port) => port.read(key, undefined));
  }

  head(key: string): MaybePromise<string | null> {
    return this.#do((port) => port.head(key));
  }

  write(key: string, entry: StoredEntry, facts: Facts, isBorrowed = false): MaybePromise<string | undefined> {
    return this.#do((port) => {
      if (port === this.#database) return this.#database.write(key, entry, facts, isBorrowed);
      return port.write(key, isBorrowed ? { ...entry, body: entry.body.slice() } : entry, facts);
    });
  }

  patch(key: string, line: string, facts: Facts): MaybePromise<string | undefined | null> {
    return this.#do((port) => port.patch(key, line, facts));
  }

  remove(keys: readonly string[]): MaybePromise<void> {
    return this.#do((port) => port.remove(keys));
  }

  removeVersion(key: string, line: string, version: string): MaybePromise<boolean> {
    return this.#do((port) => port.removeVersion(key, line, version));
  }

  list(prefix: string, after: string | undefined, limit: number): MaybePromise<PortListing> {
    return this.#do((port) => port.list(prefix, after, limit));
  }

  usage(): MaybePromise<PortUsage> {
    return this.#do((port) => port.usage());
  }

  clear(): MaybePromise<void> {
    return this.#do((port) => port.clear());
  }

  announce(key: string): MaybePromise<void> {
    return this.#do((port) => (port === this.#database ? port.announce(key) : port.remove([key])));
  }

  readPieces(key: string): MaybePromise<StoredEntry | OpenedEntry | null | true> {
    return this.#do<StoredEntry | OpenedEntry | null | true>((port) => (port.readPieces ? port.readPieces(key, undefined) : port.read(key, undefined)));
  }

  readRange(key: string, range: ByteRange): MaybePromise<StoredPart | null | true | undefined> {
    return this.#do((port) => port.readRange?.(key, range, undefined));
  }

  stage(key: string): MaybePromise<Stage | undefined> {
    return this.#do((port) => port.stage?.(key));
  }

  store(key: string, entry: ReadyEntry, facts: Facts, condition: string | null | undefined): MaybePromise<string | undefined> {
    return this.#do((port) => port.store?.(key, entry, facts, condition));
  }

  writePart(key: string, part: StoredPart, facts: Facts): MaybePromise<void> {
    return this.#do((port) => port.writePart?.(key, part, facts));
  }

  accesses(): [] {
    return [];
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #do<T>(work: (port: Port) => MaybePromise<T>): MaybePromise<T> {
    if (this.#reason) return this.#inMemory(work);
    const done = work(this.#database);
    if (this.#database.isOpen || !(done instanceof Promise)) return done;
    return done.catch((error: unknown) => {
      this.#fallBack(error);
      return this.#inMemory(work);
    });
  }

  async #inMemory<T>(work: (port: Port) => MaybePromise<T>): Promise<T> {
    const port = await this.#memory[PORT]();
    port.evicted = this.evicted;
    return work(port);
  }

  #fallBack(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    if (this.#reason) return;
    this.#reason = error;
    this.#listeners.forEach((notices) => notices.onFallback(error));
    this.#listeners.clear();
  }
}
