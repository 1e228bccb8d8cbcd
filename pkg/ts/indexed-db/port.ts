/** Entries in a database: the line of each in one store, with its body where that is small, else in another. */

import { StorageError, otherVersion } from '../errors.js';
import type { Facts, Port, PortListing, PortTraits, PortUsage, StoredEntry } from '../port.js';
import { ordered, unordered, utf8Length } from '../tier.js';
import { Connection } from './connection.js';
import { Lane, type Outcome, type Stores } from './lane.js';
import { Lookup, single, type Wanted } from './lookup.js';
import { SMALL_BYTES_MAX, type StoredRecord } from './records.js';
import { Room, type RoomOptions } from './room.js';

/** Transactions that read may be under way beside each other; those that write wait for each other in any case. */
const READS_MAX = 4;
/** How many large entries are known by name. */
const LARGE_MAX = 10_000;

export class DatabasePort implements Port {
  readonly traits: PortTraits;
  readonly #options: RoomOptions;
  readonly #connection: Connection;
  readonly #room: Room;
  readonly #reads: Lane;
  readonly #readLookup = new Lookup();
  /** For bodies of the other store: the database reads several at once only for several transactions. */
  readonly #largeReads: Lane;
  readonly #writes: Lane;
  readonly #writeLookup = new Lookup();
  /** Where the next large body may be copied to: memory that was never touched takes longer than the copy. */
  #spare: WeakRef<Uint8Array> | undefined;
  /** Names of entries that had their bodies in the other store, lately. */
  readonly #large = new Set<string>();

  constructor(factory: IDBFactory | undefined, name: string, options: RoomOptions, openMs?: number) {
    const { bytesMax, itemsMax } = options;
    this.#options = options;
    const limits: { entryBytesMax?: number; itemsMax?: number } = {};
    if (bytesMax < Infinity) limits.entryBytesMax = bytesMax;
    if (itemsMax < Infinity) limits.itemsMax = itemsMax;
    this.traits = { announced: true, ...limits };
    this.#connection = new Connection(factory, name, openMs);
    this.#room = new Room(options, () => void this.#settle().catch(() => undefined));
    const room = this.#room;
    this.#reads = new Lane(this.#connection, 'readonly', READS_MAX, {
      operationsMax: 1000,
      bytesMax: Infinity,
      seal: ({ entries }) => void this.#readLookup.flush(entries),
    });
    this.#largeReads = new Lane(this.#connection, 'readonly', READS_MAX, { operationsMax: 1, bytesMax: Infinity });
    this.#writes = new Lane(this.#connection, 'readwrite', 1, {
      operationsMax: room.operationsMax,
      bytesMax: room.bytesMax,
      seal: (stores, ...rest) => {
        const isAll = this.#writeLookup.flush(stores.entries);
        return room.seal(stores, ...rest) ?? (isAll ? undefined : Promise.resolve());
      },
      ended: (how) => room.ended(how),
      makeRoom: (bytes) => room.makeRoom(bytes),
    });
  }

  /** Whether it is open now. */
  get isOpen(): boolean {
    return this.#connection.current !== undefined;
  }

  /** Opens the database, so that the first call need not. */
  open(): Promise<unknown> {
    return this.#connection.open();
  }

  read(key: string): Promise<StoredEntry | null> {
    const name = ordered(key);
    return this.#large.has(name) ? this.#readLarge(key, name) : this.#readSmall(key, name);
  }

  head(key: string): Promise<string | null> {
    const name = ordered(key);
    return this.#read((_, outcome) => {
      const found = (record: StoredRecord | undefined): void => outcome.done(record?.[0] ?? null);
      this.#readLookup.find({ name, found, failed: (error) => outcome.failed(error) });
    });
  }

  write(key: string, entry: StoredEntry, facts: Facts, isBorrowed = false): Promise<undefined> {
    const name = ordered(key);
    const { line } = entry;
    let { body } = entry;
    const size = body.length;
    const weight = this.#weigh(key, size, line);
    const isSmall = size <= SMALL_BYTES_MAX;
    const run = ({ entries, bodies }: Stores, outcome: Outcome<undefined>): void => {
      const record: StoredRecord = [line, facts.version, this.#room.tick(), size, weight];
      const put = (): void => {
        if (isSmall) record.push(tight(body));
        else bodies.put(tight(body), name);
        entries.put(record, name);
      };
      const found = (old: StoredRecord | undefined): void => {
        this.#room.replaced(name, old, record);
        this.#noteSize(name, isSmall);
        outcome.done(undefined);
      };
      const wanted = { name, found, failed: (error: unknown): void => outcome.failed(error), next: put };
      // Large bytes are handed over at once, before they are copied.
      this.#replace(wanted, isSmall ? undefined : (one) => single(entries, one));
    };
    const written = this.#writes.add({ keys: [name], bytes: weight, isBlind: isSmall, run });
    // From here on the caller may change its bytes. By now the database mostly has them, and works meanwhile.
    if (!isBorrowed) return written;
    if (isSmall) {
      body = body.slice();
      return written;
    }
    const spare = this.#spare?.deref();
    this.#spare = undefined;
    const copy = spare && spare.length >= size ? spare : new Uint8Array(size);
    copy.set(body);
    body = copy.subarray(0, size);
    return written.finally(() => (this.#spare = new WeakRef(copy)));
  }

  patch(key: string, line: string, facts: Facts): Promise<undefined | null> {
    const name = ordered(key);
    return this.#change(name, line.length, ({ entries }, old, outcome) => {
      if (!old) return outcome.done(null);
      if (old[1] !== facts.version) throw otherVersion(key);
      const used = this.#options.policy === 'fifo' ? old[2] : Math.max(old[2], facts.lastAccessed);
      const record: StoredRecord = [line, old[1], used, old[3], this.#weigh(key, old[3], line)];
      if (old[5]) record.push(old[5]);
      this.#room.replaced(name, old, record);
      entries.put(record, name);
      outcome.done(undefined);
    });
  }

  remove(keys: readonly string[]): Promise<void> {
    const names = [...new Set(keys.map(ordered))];
    const run = ({ entries, bodies }: Stores, outcome: Outcome<void>): void => {
      let open = names.length;
      if (!open) outcome.done();
      for (const name of names) {
        const found = (old: StoredRecord | undefined): void => {
          this.#room.replaced(name, old);
          if (--open === 0) outcome.done();
        };
        const failed = (error: unknown): void => outcome.failed(error);
        const next: Wanted['next'] = (known) => {
          entries.delete(name);
          if (!known?.[5]) bodies.delete(name);
        };
        this.#replace({ name, found, failed, next });
      }
    };
    return this.#writes.add({ keys: names, bytes: 0, isBlind: true, run });
  }

  removeVersion(key: string, _line: string, version: string): Promise<boolean> {
    const name = ordered(key);
    return this.#change(name, 0, ({ entries, bodies }, old, outcome) => {
      if (old?.[1] !== version) return outcome.done(false);
      entries.delete(name);
      bodies.delete(name);
      this.#room.replaced(name, old);
      outcome.done(true);
    });
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    const start = ordered(prefix);
    const from = after === undefined ? '' : ordered(after);
    const isAfter = from >= start && after !== undefined;
    const end = successor(start);
    if (isAfter && typeof end === 'string' && from >= end) return Promise.resolve({ keys: [] });
    const range = IDBKeyRange.bound(isAfter ? from : start, end, isAfter, true);
    const count = Math.max(limit, 1);
    return this.#read(({ entries }, outcome) => {
      const request = entries.getAllKeys(range, count + 1);
      request.onerror = () => outcome.failed(request.error);
      request.onsuccess = () => {
        const keys = request.result.slice(0, count).map((name) => unordered(name as string));
        outcome.done(request.result.length > count ? { keys, next: keys.at(-1) } : { keys });
      };
    });
  }

  async usage(): Promise<PortUsage> {
    await this.#settle(true);
    const [items, bytes] = this.#room.totals;
    return { bytes, items, evictions: this.#room.evictions };
  }

  clear(): Promise<void> {
    const run = ({ entries, bodies }: Stores, outcome: Outcome<void>): void => {
      entries.clear();
      bodies.clear();
      outcome.done();
    };
    return this.#writes.add({ keys: 'all', bytes: 0, isBlind: false, empties: true, run });
  }

  async announce(key: string): Promise<void> {
    const name = ordered(key);
    // Mostly there is nothing, and to find that out costs less than to remove it.
    if (this.#room.hasWritten(name)) return this.remove([key]);
    const isThere = await this.#read<boolean>((_, outcome) => {
      const found = (record: unknown): void => outcome.done(record !== undefined);
      this.#readLookup.find({ name, found, failed: (error) => outcome.failed(error), isKeyEnough: true });
    });
    if (isThere) await this.remove([key]);
  }

  accesses(): [] {
    return [];
  }

  /** Writes out what is owed and closes the database. A later call opens it again. */
  async close(): Promise<void> {
    if (this.#connection.current && this.#room.isOwing) await this.#settle();
    this.#connection.drop();
  }

  #readSmall(key: string, name: string): Promise<StoredEntry | null> {
    return this.#read((stores, outcome) => {
      const failed = (error: unknown): void => outcome.failed(error);
      const found = (record: StoredRecord | undefined): void => {
        if (!record) return outcome.done(null);
        if (record.length === 6) return this.#tell(key, name, record, record[5], outcome);
        if (stores.operations > 1) {
          this.#noteSize(name, false);
          return outcome.done(this.#readLarge(key, name) as unknown as StoredEntry);
        }
        const request: IDBRequest<unknown> = stores.bodies.get(name);
        request.onerror = () => failed(request.error);
        request.onsuccess = () => this.#tell(key, name, record, request.result, outcome);
      };
      this.#readLookup.find({ name, found, failed });
    });
  }

  #readLarge(key: string, name: string): Promise<StoredEntry | null> {
    const run = ({ entries, bodies }: Stores, outcome: Outcome<StoredEntry | null>): void => {
      const request: IDBRequest<unknown> = entries.get(name);
      const body: IDBRequest<unknown> = bodies.get(name);
      body.onerror = () => outcome.failed(body.error);
      body.onsuccess = () => {
        const found: unknown = request.result;
        if (found === undefined) return outcome.done(null);
        this.#tell(key, name, found, Array.isArray(found) ? (found[5] ?? body.result) : undefined, outcome);
      };
    };
    return this.#largeReads.add({ keys: [], bytes: 0, isBlind: false, run });
  }

  #tell(key: string, name: string, record: unknown, body: unknown, outcome: Outcome<StoredEntry | null>): void {
    if (!Array.isArray(record) || typeof record[0] !== 'string' || !(body instanceof Uint8Array)) {
      return outcome.failed(new StorageError('corrupt', 'the body of the entry is not there', { key }));
    }
    this.#noteSize(name, record.length === 6);
    this.#room.use(name);
    outcome.done({ body, line: record[0] });
  }

  #read<T>(run: (stores: Stores, outcome: Outcome<T>) => void): Promise<T> {
    return this.#reads.add({ keys: [], bytes: 0, isBlind: false, run });
  }

  /** Tells what is replaced: at once where that is known, else when the database was asked. */
  #replace(wanted: Wanted, ask = (one: Wanted): void => this.#writeLookup.find(one)): void {
    const known = this.#room.recall(wanted.name);
    if (known === undefined) return ask(wanted);
    wanted.next?.(known);
    wanted.found(known ?? undefined);
  }

  /** Changes an entry as `change` says when it knows what there is; what it throws fails this operation alone. */
  #change<T>(
    name: string,
    bytes: number,
    change: (stores: Stores, old: StoredRecord | undefined, outcome: Outcome<T>) => void,
  ): Promise<T> {
    const run = (stores: Stores, outcome: Outcome<T>): void => {
      const failed = (error: unknown): void => outcome.failed(error);
      this.#writeLookup.find({ name, found: (old) => change(stores, old, outcome), failed });
    };
    return this.#writes.add({ keys: [name], bytes, isBlind: false, run });
  }

  #settle(isExact = false): Promise<void> {
    const run = (_: Stores, outcome: Outcome<void>): void => outcome.done();
    return this.#writes.add({ keys: 'all', bytes: 0, isBlind: false, isExact, run });
  }

  #noteSize(name: string, isSmall: boolean): void {
    if (isSmall) this.#large.delete(name);
    else this.#large.add(name);
    if (this.#large.size > LARGE_MAX) this.#large.clear();
  }

  #weigh(key: string, size: number, line: string): number {
    const weight = size + line.length + utf8Length(key);
    const max = this.#options.bytesMax;
    if (weight > max) throw new StorageError('full', `the entry takes ${weight} bytes; the tier holds ${max} in all`, { key });
    return weight;
  }
}

/** Bytes that are all of their buffer: a database stores the whole of it. */
function tight(body: Uint8Array): Uint8Array {
  return body.length === body.buffer.byteLength && body.buffer instanceof ArrayBuffer ? body : body.slice();
}

/** The first key that comes after all that start with `prefix`; to a database, a list comes after every string. */
function successor(prefix: string): string | [] {
  const last = prefix.search(/[^\uffff]\uffff*$/);
  return last < 0 ? [] : prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
