/** Entries in a database: the line of each in one store, with its body where that is small, else in another. */

import type { ByteRange } from '../contract.js';
import { StorageError, notSo, otherVersion } from '../errors.js';
import type {
  Facts,
  OpenedEntry,
  Port,
  PortListing,
  PortTraits,
  PortUsage,
  ReadyEntry,
  Source,
  StoredEntry,
  StoredPart,
} from '../port.js';
import { isBytes, ordered, unordered, utf8Length } from '../tier.js';
import { CHUNK_BYTES, chunksOf, keysOf, sweep, unchunked } from './chunks.js';
import { Connection } from './connection.js';
import { Lane, type Outcome, type Stores } from './lane.js';
import { Lookup, single, type Wanted } from './lookup.js';
import { PartKeeper } from './parts.js';
import { Reads } from './reads.js';
import { SMALL_BYTES_MAX, type StoredRecord } from './records.js';
import { Room, type RoomOptions } from './room.js';
import { ChunkSets, ChunkSource, ChunkStage, TOGETHER, gone } from './stage.js';

export class DatabasePort implements Port {
  readonly traits: PortTraits;
  readonly #options: RoomOptions;
  readonly #connection: Connection;
  readonly #room: Room;
  readonly #reads: Reads;
  readonly #writes: Lane;
  readonly #writeLookup = new Lookup();
  readonly #sets: ChunkSets;
  readonly #parts: PartKeeper;
  /** Where the next large body may be copied to: memory that was never touched takes longer than the copy. */
  #spare: WeakRef<Uint8Array> | undefined;

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
    this.#reads = new Reads(this.#connection, (name) => room.use(name));
    this.#writes = new Lane(this.#connection, 'readwrite', 1, {
      operationsMax: room.operationsMax,
      bytesMax: room.bytesMax,
      seal: (stores, ...rest) => {
        const isAll = this.#writeLookup.flush(stores.entries);
        return room.seal(stores, ...rest) ?? (isAll ? undefined : Promise.resolve());
      },
      ended: (how) => {
        room.ended(how);
        if (how === 'done') this.#sets.tidy();
      },
      makeRoom: (bytes) => room.makeRoom(bytes),
    });
    this.#sets = new ChunkSets(this.#reads.large, this.#writes);
    this.#parts = new PartKeeper(this.#writes, this.#writeLookup, room, bytesMax);
  }

  get evicted(): Set<(key: string) => void> {
    return this.#room.evicted;
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
    return this.#reads.whole(key);
  }

  readPieces(key: string): Promise<StoredEntry | OpenedEntry | null> {
    return this.#reads.pieces(key, this.#sets);
  }

  readRange(key: string, range: ByteRange): Promise<StoredPart | null> {
    return this.#reads.part(key, range);
  }

  /** Opens the database: what is staged in it cannot be put elsewhere later. */
  async stage(key: string): Promise<ChunkStage> {
    await this.#connection.open();
    return new ChunkStage(this.#sets, key, this.#options.bytesMax);
  }

  async store(key: string, { body, line }: ReadyEntry, facts: Facts, condition: string | null | undefined): Promise<undefined> {
    if (isBytes(body)) return this.write(key, { body, line }, facts, false, condition);
    if (body instanceof ChunkSource && body.sets === this.#sets) return this.#commit(key, body, line, facts, condition);
    if (body.size <= CHUNK_BYTES) return this.store(key, { body: await body.read(0, body.size), line }, facts, condition);
    this.#weigh(key, body.size, line);
    this.#sets.expect(key, body.size);
    let staged: ChunkStage | Source = await this.stage(key);
    try {
      for (let at = 0; at < body.size; at += TOGETHER * CHUNK_BYTES) {
        await staged.write(await body.read(at, Math.min(at + TOGETHER * CHUNK_BYTES, body.size)));
      }
      staged = await staged.finish();
      return await this.#commit(key, staged as ChunkSource, line, facts, condition);
    } finally {
      staged.cancel();
    }
  }

  head(key: string): Promise<string | null> {
    const name = ordered(key);
    return this.#reads.add((_, outcome) => {
      const found = (record: StoredRecord | undefined): void => outcome.done(record?.[0] ?? null);
      this.#reads.lookup.find({ name, found, failed: (error) => outcome.failed(error) });
    });
  }

  write(key: string, entry: StoredEntry, facts: Facts, isBorrowed = false, condition?: string | null): Promise<undefined> {
    const name = ordered(key);
    const { line } = entry;
    let { body } = entry;
    const size = body.length;
    const weight = this.#weigh(key, size, line);
    const isSmall = size <= SMALL_BYTES_MAX;
    const isBlind = isSmall && condition === undefined;
    const run = ({ entries, bodies }: Stores, outcome: Outcome<undefined>): void => {
      const record: StoredRecord = [line, facts.version, this.#room.tick(), size, weight];
      const put = (): void => {
        if (isSmall) record.push(tight(body));
        else bodies.put(tight(body), name);
        entries.put(record, name);
      };
      const found = (old: StoredRecord | undefined): void => {
        this.#room.replaced(name, old, record, isBlind ? undefined : bodies);
        this.#reads.noteSize(name, isSmall);
        outcome.done(undefined);
      };
      const failed = (error: unknown): void => outcome.failed(error);
      if (condition !== undefined) {
        const checked = (old: StoredRecord | undefined): void => {
          if ((old?.[1] ?? null) !== condition) throw notSo(key);
          put();
          found(old);
        };
        return this.#writeLookup.find({ name, found: checked, failed });
      }
      const wanted = { name, found, failed, next: put };
      // Large bytes are handed over at once, before they are copied.
      this.#replace(wanted, isSmall ? undefined : (one) => single(entries, one));
    };
    const written = this.#writes.add({ keys: [name], bytes: weight, isBlind, run });
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

  writePart(key: string, part: StoredPart, facts: Facts): Promise<void> {
    return this.#parts.keep(key, part, facts);
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
      this.#room.replaced(name, old, undefined, bodies);
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
    return this.#reads.add(({ entries }, outcome) => {
      const request = entries.getAllKeys(range, count + 1);
      request.onerror = () => outcome.failed(request.error);
      request.onsuccess = () => {
        const keys = request.result.slice(0, count).map((name) => unordered(name as string));
        outcome.done(request.result.length > count ? { keys, next: keys.at(-1) } : { keys });
      };
    });
  }

  async usage(): Promise<PortUsage> {
    // At the browser's quota there may be no room to note what was counted; it can be told all the same.
    await this.#settle(true).catch((error: unknown) => {
      if (!(error instanceof StorageError) || error.kind !== 'full') throw error;
    });
    const [items, bytes] = this.#room.totals;
    return { bytes, items, evictions: this.#room.evictions };
  }

  clear(): Promise<void> {
    const run = ({ entries, bodies }: Stores, outcome: Outcome<void>): void => {
      entries.clear();
      bodies.delete(unchunked());
      // What is staged is no entry yet.
      sweep(bodies, new Set()).then(() => outcome.done(), (error: unknown) => outcome.failed(error));
    };
    return this.#writes.add({ keys: 'all', bytes: 0, isBlind: false, empties: true, run });
  }

  async announce(key: string): Promise<void> {
    const name = ordered(key);
    // Mostly there is nothing, and to find that out costs less than to remove it.
    if (this.#room.hasWritten(name)) return this.remove([key]);
    const isThere = await this.#reads.add<boolean>((_, outcome) => {
      const found = (record: unknown): void => outcome.done(record !== undefined);
      this.#reads.lookup.find({ name, found, failed: (error) => outcome.failed(error), isKeyEnough: true });
    });
    if (isThere) await this.remove([key]);
  }

  accesses(): [] {
    return [];
  }

  /** Writes out what is owed and closes the database. A later call opens it again. */
  async close(): Promise<void> {
    try {
      if (this.#connection.current && this.#room.isOwing) await this.#settle();
    } finally {
      this.#connection.drop();
    }
  }

  /** Makes an entry of what was staged here. */
  async #commit(key: string, source: ChunkSource, line: string, facts: Facts, condition: string | null | undefined): Promise<undefined> {
    const { chunks, size } = source;
    const [set, , count] = chunks;
    const name = ordered(key);
    const weight = this.#weigh(key, size, line);
    await this.#change<undefined>(name, weight, ({ entries, bodies }, old, outcome) => {
      // After a failure it may be there already.
      if (chunksOf(old)?.[0] === set) return outcome.done(undefined);
      if (condition !== undefined && (old?.[1] ?? null) !== condition) throw notSo(key);
      const request = bodies.count(keysOf(set));
      request.onerror = () => outcome.failed(request.error);
      request.onsuccess = () => {
        if (request.result !== count + 1) return outcome.failed(gone());
        const record: StoredRecord = [line, facts.version, this.#room.tick(), size, weight, chunks];
        bodies.delete([set]);
        bodies.delete(name);
        entries.put(record, name);
        this.#room.replaced(name, old, record, bodies);
        this.#reads.noteSize(name, false);
        outcome.done(undefined);
      };
    });
    source.isStored = true;
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
