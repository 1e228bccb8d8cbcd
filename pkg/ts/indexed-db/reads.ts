/** Reads entries, and their bodies from wherever they lie. */

import type { ByteRange } from '../contract.js';
import type { OpenedEntry, StoredEntry, StoredPart } from '../port.js';
import { extentOf } from '../ranges.js';
import { isBytes, ordered } from '../tier.js';
import { PART_BYTES } from '../parts.js';
import { chunksOf, readChunks, type Chunks } from './chunks.js';
import type { Connection } from './connection.js';
import { Lane, type Outcome, type Stores } from './lane.js';
import { Lookup } from './lookup.js';
import { isThere } from './parts.js';
import { partsOf, type Parted, type StoredRecord } from './records.js';
import { missing, type ChunkSets } from './stage.js';

/** Transactions that read may be under way beside each other; those that write wait for each other in any case. */
const READS_MAX = 4;
/** How many large entries are known by name. */
const LARGE_MAX = 10_000;

/** What is done where a body lies in chunks, or parts of one. */
type Take<T> = (stores: Stores, record: StoredRecord, place: Chunks | Parted, outcome: Outcome<T | StoredEntry | null>) => void;

export class Reads {
  readonly lookup = new Lookup();
  /** For bodies of the other store: the database reads several at once only for several transactions. */
  readonly large: Lane;
  readonly #lane: Lane;
  readonly #use: (name: string) => void;
  /** Names of entries that had their bodies in the other store, lately. */
  readonly #known = new Set<string>();

  /** `use` is told of what is read. */
  constructor(connection: Connection, use: (name: string) => void) {
    this.#use = use;
    this.#lane = new Lane(connection, 'readonly', READS_MAX, {
      operationsMax: 1000,
      bytesMax: Infinity,
      seal: ({ entries }) => void this.lookup.flush(entries),
    });
    this.large = new Lane(connection, 'readonly', READS_MAX, { operationsMax: 1, bytesMax: Infinity });
  }

  /** Reads what is not a large body, together with others. */
  add<T>(run: (stores: Stores, outcome: Outcome<T>) => void): Promise<T> {
    return this.#lane.add({ keys: [], bytes: 0, isBlind: false, run });
  }

  whole(key: string): Promise<StoredEntry | null> {
    return this.#find<StoredEntry>(key, (...found) => takePart(key, { start: 0 }, ...found));
  }

  pieces(key: string, sets: ChunkSets): Promise<StoredEntry | OpenedEntry | null> {
    const name = ordered(key);
    return this.#find<OpenedEntry>(key, (_, [line, , , size], place, outcome) => {
      outcome.done('there' in place ? null : { pieces: sets.pieces(key, name, place, size), line });
    });
  }

  async part(key: string, range: ByteRange): Promise<StoredPart | null> {
    const found = await this.#find<StoredPart>(key, (...found) => takePart(key, range, ...found));
    if (!found || 'start' in found) return found;
    const [start, end] = extentOf(range, found.body.length);
    return { body: found.body.subarray(start, end), line: found.line, start };
  }

  /** Notes where the body of an entry lies. */
  noteSize(name: string, isSmall: boolean): void {
    if (isSmall) this.#known.delete(name);
    else this.#known.add(name);
    if (this.#known.size > LARGE_MAX) this.#known.clear();
  }

  #find<T>(key: string, take: Take<T>): Promise<T | StoredEntry | null> {
    const name = ordered(key);
    return this.#known.has(name) ? this.#large(key, name, take) : this.#small(key, name, take);
  }

  #small<T>(key: string, name: string, take: Take<T>): Promise<T | StoredEntry | null> {
    return this.add((stores, outcome) => {
      const failed = (error: unknown): void => outcome.failed(error);
      const found = (record: StoredRecord | undefined): void => {
        if (!record) return outcome.done(null);
        const isAlone = stores.operations === 1;
        if (isBytes(record[5]) || (record[5] && isAlone)) return this.#tell(key, name, stores, record, record[5], take, outcome);
        if (!isAlone) {
          this.noteSize(name, false);
          return outcome.done(this.#large(key, name, take) as unknown as StoredEntry);
        }
        const request: IDBRequest<unknown> = stores.bodies.get(name);
        request.onerror = () => failed(request.error);
        request.onsuccess = () => this.#tell(key, name, stores, record, request.result, take, outcome);
      };
      this.lookup.find({ name, found, failed });
    });
  }

  #large<T>(key: string, name: string, take: Take<T>): Promise<T | StoredEntry | null> {
    const run = (stores: Stores, outcome: Outcome<T | StoredEntry | null>): void => {
      const request: IDBRequest<unknown> = stores.entries.get(name);
      const body: IDBRequest<unknown> = stores.bodies.get(name);
      body.onerror = () => outcome.failed(body.error);
      body.onsuccess = () => {
        const found: unknown = request.result;
        if (found === undefined) return outcome.done(null);
        this.#tell(key, name, stores, found, Array.isArray(found) ? (found[5] ?? body.result) : undefined, take, outcome);
      };
    };
    return this.large.add({ keys: [], bytes: 0, isBlind: false, run });
  }

  #tell<T>(
    key: string,
    name: string,
    stores: Stores,
    record: unknown,
    body: unknown,
    take: Take<T>,
    outcome: Outcome<T | StoredEntry | null>,
  ): void {
    const isRecord = Array.isArray(record) && typeof record[0] === 'string';
    const place = isRecord ? (chunksOf(record as StoredRecord) ?? partsOf(record as StoredRecord)) : undefined;
    if (!isRecord || !(place || body instanceof Uint8Array)) return outcome.failed(missing(key));
    this.noteSize(name, record.length === 6 && !place);
    this.#use(name);
    if (place) take(stores, record as StoredRecord, place, outcome);
    else outcome.done({ body: body as Uint8Array, line: record[0] as string });
  }
}

/** Gives a part of a body that lies in chunks; `null` if there are parts of it, and not all of these. */
function takePart(
  key: string,
  range: ByteRange,
  { bodies }: Stores,
  [line, , , bytes]: StoredRecord,
  place: Chunks | Parted,
  outcome: Outcome<StoredPart | null>,
): void {
  const parts = 'there' in place ? place : undefined;
  const [start, end] = extentOf(range, parts?.size ?? bytes);
  if (parts && !isThere(parts.there, start, end)) return outcome.done(null);
  const found = (body: Uint8Array | undefined): void => (body ? outcome.done({ body, line, start }) : outcome.failed(missing(key)));
  readChunks(bodies, 'there' in place ? [place.set, PART_BYTES] : place, [start, end], found, (error) => outcome.failed(error));
}
