/** What there is in a folder, and what is given up so that more fits. */

import type { DiskOptions } from '../disk.js';
import { StorageError } from '../errors.js';
import { SHARE, type Parts } from '../parts.js';
import type { PortListing, PortUsage } from '../port.js';
import { SortedKeys } from '../sorted.js';
import { isFull, wrapped } from './files.js';
import type { DiskPartial } from './parts.js';

/** What the index knows of an entry: the size of its file, and what there is of its body, in bytes. */
export interface Known {
  readonly weight: number;
  readonly bytes: number;
}

/** Is called when an entry that was counted in was written, or was not. Until then it is not given up itself. */
type End = (isWritten: boolean) => Promise<void>;

export class Room {
  /** Who is told of each entry that is given up. */
  readonly evicted = new Set<(key: string) => void>();
  readonly #options: DiskOptions;
  readonly #parts: Parts<DiskPartial>;
  readonly #scan: () => Promise<Map<string, Known>>;
  readonly #drop: (key: string) => Promise<void>;
  /** What there is, what is given up first in front. Read from the files when it is first needed. */
  #index: Promise<Map<string, Known>> | undefined;
  readonly #sorted = new SortedKeys();
  #weight = 0;
  #bytes = 0;
  #evictions = 0;
  /** Writes that change the index wait for each other while they make room. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Entries that are counted and not there yet. */
  readonly #writing = new Map<string, Promise<void>>();

  /** `scan` looks at all files; `drop` removes an entry, and has it noted here. */
  constructor(options: DiskOptions, parts: Parts<DiskPartial>, scan: () => Promise<Map<string, Known>>, drop: (key: string) => Promise<void>) {
    this.#options = options;
    this.#parts = parts;
    this.#scan = scan;
    this.#drop = drop;
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    return this.#sorted.list(await this.#known(), prefix, after, limit);
  }

  async usage(): Promise<PortUsage> {
    const { size } = await this.#known();
    return { bytes: this.#bytes, items: size, evictions: this.#evictions };
  }

  /** Nothing is there any more. */
  reset(): void {
    this.#index = Promise.resolve(new Map());
    this.#weight = this.#bytes = 0;
  }

  /** Fails as `full` if an entry can never fit. */
  check(key: string, weight: number): void {
    const { maxSizeBytes = Infinity } = this.#options;
    if (weight <= maxSizeBytes) return;
    throw new StorageError('full', `the entry takes ${weight} bytes or more; the tier holds ${maxSizeBytes} in all`, { key });
  }

  /** Gives entries up until another one fits, and counts that in. */
  async make(key: string, known: Known): Promise<End> {
    this.check(key, known.weight);
    const { maxSizeBytes = Infinity, maxItems = Infinity } = this.#options;
    if (maxSizeBytes !== Infinity || maxItems !== Infinity) await this.#known();
    // An index that is read meanwhile may be before the file.
    if (!this.#index) return (isWritten) => (isWritten ? this.note(key, known) : Promise.resolve());
    const index = await this.#index;
    return this.#inTurn(() => this.#fit(index, key, known));
  }

  /** As `make`, of parts of an entry; `undefined` if they cannot have so much. */
  async makeForParts(key: string, known: Known): Promise<End | undefined> {
    const { maxSizeBytes } = this.#options;
    if (maxSizeBytes === undefined) return this.make(key, known);
    const index = await this.#known();
    const share = maxSizeBytes / SHARE;
    return this.#inTurn(async () => {
      const isOver = (): boolean => this.#parts.weight - (this.#parts.held.get(key)?.weight ?? 0) + known.weight > share;
      while (isOver()) if (!(await this.#giveUp(this.#parts.held.keys(), key))) return undefined;
      return this.#fit(index, key, known);
    });
  }

  /** Does what takes space; where the device has none left, gives up as much and tries once more. */
  async within<T>(key: string, weight: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isFull(error)) throw wrapped(error);
    }
    const index = await this.#known();
    const target = this.#weight - weight;
    while (this.#weight > target && (await this.#giveUpFirst(index, key)));
    return work().catch((error: unknown) => {
      throw wrapped(error);
    });
  }

  /** A read entry is given up later. */
  async use(key: string): Promise<void> {
    if (!this.#index || this.#options.evictionPolicy === 'fifo') return;
    const index = await this.#index;
    const known = index.get(key);
    if (!known) return;
    index.delete(key);
    index.set(key, known);
  }

  /** Has the index know of a change, if there is one yet. */
  async note(key: string, known: Known | undefined): Promise<void> {
    if (!this.#index) return;
    const index = await this.#index;
    const old = index.get(key);
    this.#weight += (known?.weight ?? 0) - (old?.weight ?? 0);
    this.#bytes += (known?.bytes ?? 0) - (old?.bytes ?? 0);
    index.delete(key);
    if (!known) return;
    if (!old) this.#sorted.add(key);
    index.set(key, known);
  }

  async #fit(index: Map<string, Known>, key: string, known: Known): Promise<End> {
    const { maxSizeBytes = Infinity, maxItems = Infinity } = this.#options;
    const isOver = (): boolean => {
      const old = index.get(key);
      return this.#weight + known.weight - (old?.weight ?? 0) > maxSizeBytes || index.size + (old ? 0 : 1) > maxItems;
    };
    while (isOver()) {
      if (await this.#giveUpFirst(index, key)) continue;
      if (!this.#writing.size) break;
      await Promise.race(this.#writing.values());
    }
    const old = index.get(key);
    let finish = (): void => undefined;
    this.#writing.set(key, new Promise((done) => (finish = done)));
    await this.note(key, known);
    return async (isWritten) => {
      const isCleared = (await this.#index) !== index;
      if (isWritten === isCleared) await this.note(key, isWritten ? known : old);
      this.#writing.delete(key);
      finish();
    };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Parts go before whole entries. */
  async #giveUpFirst(index: Map<string, Known>, kept: string): Promise<boolean> {
    return (await this.#giveUp(this.#parts.held.keys(), kept)) || this.#giveUp(index.keys(), kept);
  }

  async #giveUp(keys: Iterable<string>, kept: string): Promise<boolean> {
    for (const key of keys) {
      if (key === kept || this.#writing.has(key)) continue;
      await this.#drop(key);
      this.#evictions += 1;
      this.evicted.forEach((told) => told(key));
      return true;
    }
    return false;
  }

  #known(): Promise<Map<string, Known>> {
    this.#index ??= this.#scan().then(
      (found) => {
        // They came while nobody needed to know what there is.
        for (const [key, { weight, bytes }] of this.#parts.held) found.set(key, { weight, bytes });
        for (const { weight, bytes } of found.values()) {
          this.#weight += weight;
          this.#bytes += bytes;
        }
        return found;
      },
      (error: unknown) => {
        this.#index = undefined;
        throw wrapped(error);
      },
    );
    return this.#index;
  }
}
