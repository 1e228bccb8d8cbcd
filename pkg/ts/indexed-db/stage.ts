/** Bodies on their way into a database and out of it, a few chunks at a time. */

import { StorageError } from '../errors.js';
import type { Pieces, Source, Stage } from '../port.js';
import { MemorySource } from '../staged.js';
import { joined } from '../streams.js';
import { CHUNK_BYTES, chunksOf, keysOf, newSet, readChunks, type Chunks } from './chunks.js';
import type { Lane, Outcome, Stores } from './lane.js';
import { toRecord } from './records.js';

/** How many chunks are written together. */
export const TOGETHER = 4;
const OUTGROWN_MAX = 1_000;

/** The sets of one database. */
export class ChunkSets {
  readonly #reads: Lane;
  readonly #writes: Lane;
  /** Of keys whose last body the database did not take in, how many bytes it had when there was no room. */
  readonly #outgrown = new Map<string, number>();
  /** Sets that nobody wants any more, until they are gone. */
  readonly #discarded = new Set<string>();
  #isTidying = false;

  constructor(reads: Lane, writes: Lane) {
    this.#reads = reads;
    this.#writes = writes;
  }

  /** Adds chunks to a set that is staged for `key`. */
  async put(key: string, set: string, first: number, chunks: readonly Uint8Array[]): Promise<void> {
    const run = ({ bodies }: Stores, outcome: Outcome<void>): void => {
      bodies.put(true, [set]);
      chunks.forEach((chunk, at) => bodies.put(chunk, [set, first + at]));
      outcome.done();
    };
    try {
      await this.#writes.add({ keys: [], bytes: chunks.length * CHUNK_BYTES, isBlind: true, run });
    } catch (error) {
      if (this.#outgrown.size >= OUTGROWN_MAX) this.#outgrown.clear();
      if (error instanceof StorageError && error.kind === 'full') this.#outgrown.set(key, (first + chunks.length - 1) * CHUNK_BYTES);
      throw error;
    }
  }

  /** Refuses a body that was staged here in vain and comes from elsewhere now: it is not read again to be refused again. */
  expect(key: string, size: number): void {
    const bytes = this.#outgrown.get(key) ?? Infinity;
    this.#outgrown.delete(key);
    if (size > bytes) throw new StorageError('full', 'the browser had no more room for the body when it was staged', { key });
  }

  /** Removes a set that is staged still: at once, or as soon as the database works again. */
  discard(set: string): void {
    this.#discarded.add(set);
    this.tidy();
  }

  /** Removes what was discarded and is there still. */
  tidy(): void {
    const sets = [...this.#discarded];
    if (this.#isTidying || !sets.length) return;
    this.#isTidying = true;
    const run = ({ bodies }: Stores, outcome: Outcome<void>): void => {
      let open = sets.length;
      for (const set of sets) {
        const request = bodies.getKey([set]);
        request.onerror = () => outcome.failed(request.error);
        request.onsuccess = () => {
          if (request.result !== undefined) bodies.delete(keysOf(set));
          if (--open === 0) outcome.done();
        };
      }
    };
    // Where there is no room, only what writes nothing at all can remove something.
    const removal = this.#writes.add({ keys: 'all', bytes: 0, isBlind: false, frees: true, run });
    const ended = (isDone: boolean): void => {
      this.#isTidying = false;
      if (!isDone) return;
      sets.forEach((set) => this.#discarded.delete(set));
      this.tidy();
    };
    removal.then(() => ended(true), () => ended(false));
  }

  read(chunks: Chunks, start: number, end: number): Promise<Uint8Array> {
    const run = ({ bodies }: Stores, outcome: Outcome<Uint8Array>): void => {
      const found = (body: Uint8Array | undefined): void => (body ? outcome.done(body) : outcome.failed(gone()));
      readChunks(bodies, chunks, [start, end], found, (error) => outcome.failed(error));
    };
    return this.#reads.add({ keys: [], bytes: 0, isBlind: false, run });
  }

  /** The body of a stored entry. Each chunk is read by itself: no transaction lasts while something else is awaited. */
  pieces(key: string, name: string, chunks: Chunks, size: number): Pieces {
    let next = 0;
    return {
      next: async () => {
        if (next >= size) return undefined;
        const start = next;
        next = Math.min(start + chunks[1], size);
        return this.#chunk(key, name, chunks, [start, next]);
      },
      cancel: () => void (next = size),
    };
  }

  #chunk(key: string, name: string, chunks: Chunks, range: [start: number, end: number]): Promise<Uint8Array> {
    const run = ({ bodies, entries }: Stores, outcome: Outcome<Uint8Array>): void => {
      const failed = (error: unknown): void => outcome.failed(error);
      const found = (chunk: Uint8Array | undefined): void => {
        if (chunk) return outcome.done(chunk);
        const entry = entries.get(name);
        entry.onerror = () => failed(entry.error);
        entry.onsuccess = () => {
          const isSame = Array.isArray(entry.result) && chunksOf(toRecord(entry.result))?.[0] === chunks[0];
          failed(isSame ? missing(key) : new StorageError('conflict', 'the entry was changed while it was read; read it again', { key }));
        };
      };
      readChunks(bodies, chunks, range, found, failed);
    };
    return this.#reads.add({ keys: [], bytes: 0, isBlind: false, run });
  }
}

/** Gathers a body of at most so many bytes; what is more than a chunk goes to the database. */
export class ChunkStage implements Stage {
  readonly #sets: ChunkSets;
  readonly #key: string;
  readonly #bytesMax: number;
  readonly #set = newSet();
  #size = 0;
  /** The chunk that is being filled, those that are full, and how many were written before them. */
  #chunk: Uint8Array = new Uint8Array();
  #filled = 0;
  #full: Uint8Array[] = [];
  #written = 0;
  /** Chunks that were written, to be filled again: of new ones, dozens would lie about until they are collected. */
  #spare: Uint8Array[] = [];
  /** The database did not take the chunks that are full. */
  #isTorn = false;
  #isOver = false;

  constructor(sets: ChunkSets, key: string, bytesMax: number) {
    this.#sets = sets;
    this.#key = key;
    this.#bytesMax = bytesMax;
  }

  async write(piece: Uint8Array): Promise<void> {
    const size = this.#size + piece.length;
    if (size > this.#bytesMax) {
      throw new StorageError('full', `the body has more than the ${this.#bytesMax} bytes that the tier holds in all`, { key: this.#key });
    }
    for (let at = 0; at < piece.length && !this.#isOver; ) {
      if (!this.#chunk.length) this.#chunk = this.#spare.pop() ?? new Uint8Array(CHUNK_BYTES);
      const part = piece.subarray(at, at + CHUNK_BYTES - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK_BYTES) this.#end();
      if (this.#full.length === TOGETHER) await this.#flush();
    }
    this.#size = size;
  }

  /** Also after a failure, and if the database does not take the rest: then what it lacks is given from memory. */
  async finish(): Promise<Source> {
    if (this.#filled) this.#end();
    const isSmall = this.#size <= CHUNK_BYTES && !this.#isTorn;
    if (!isSmall && this.#full.length && !this.#isTorn) await this.#flush().catch(() => undefined);
    this.#isOver = true;
    this.#spare = [];
    if (isSmall) return new MemorySource(this.#full[0] ?? new Uint8Array());
    const source = new ChunkSource(this.#sets, [this.#set, CHUNK_BYTES, this.#written], this.#size);
    return this.#isTorn ? new TornSource(source, joined(this.#full)) : source;
  }

  cancel(): void {
    this.#spare = [];
    if (!this.#isOver && (this.#written || this.#isTorn)) this.#sets.discard(this.#set);
    this.#isOver = true;
    this.#full = [];
  }

  #end(): void {
    this.#full.push(this.#filled < CHUNK_BYTES ? this.#chunk.slice(0, this.#filled) : this.#chunk);
    this.#chunk = new Uint8Array();
    this.#filled = 0;
  }

  /** Writes the chunks that are full. Until that is done it counts as failed: nobody else asks meanwhile. */
  async #flush(): Promise<void> {
    this.#isTorn = true;
    await this.#sets.put(this.#key, this.#set, this.#written, this.#full);
    this.#isTorn = false;
    this.#written += this.#full.length;
    this.#spare = this.#full;
    this.#full = [];
  }
}

/** A body that lies ready in a database. */
export class ChunkSource implements Source {
  readonly sets: ChunkSets;
  readonly chunks: Chunks;
  readonly size: number;
  /** An entry has it. */
  isStored = false;

  constructor(sets: ChunkSets, chunks: Chunks, size: number) {
    this.sets = sets;
    this.chunks = chunks;
    this.size = size;
  }

  read(start: number, end: number): Promise<Uint8Array> {
    return this.sets.read(this.chunks, start, end);
  }

  cancel(): void {
    if (!this.isStored) this.sets.discard(this.chunks[0]);
  }
}

/** A body of which a database has the first chunks only, since it had no room for the others. */
class TornSource implements Source {
  readonly #first: ChunkSource;
  readonly #rest: Uint8Array;

  constructor(first: ChunkSource, rest: Uint8Array) {
    this.#first = first;
    this.#rest = rest;
  }

  get size(): number {
    return this.#first.size;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const [, chunkBytes, count] = this.#first.chunks;
    const border = chunkBytes * count;
    const rest = this.#rest.subarray(Math.max(start - border, 0), Math.max(end - border, 0));
    if (start >= border) return rest;
    return joined([await this.#first.read(start, Math.min(end, border)), rest]);
  }

  cancel(): void {
    this.#first.cancel();
  }
}

/** What was staged is not there. */
export function gone(): StorageError {
  return new StorageError('unavailable', 'what was staged of the body is gone; write it again');
}

/** An entry lacks its body. */
export function missing(key: string): StorageError {
  return new StorageError('corrupt', 'the body of the entry is not there', { key });
}
