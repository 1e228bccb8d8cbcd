/** Bodies on their way into a database and out of it, a few chunks at a time. */

import { StorageError } from '../errors.js';
import type { Pieces, Source, Stage } from '../port.js';
import { MemorySource } from '../staged.js';
import { CHUNK_BYTES, chunksOf, keysOf, newSet, readChunks, type Chunks } from './chunks.js';
import type { Lane, Outcome, Stores } from './lane.js';
import { toRecord } from './records.js';

/** How many chunks are written together. */
export const TOGETHER = 4;

/** The sets of one database. */
export class ChunkSets {
  readonly #reads: Lane;
  readonly #writes: Lane;

  constructor(reads: Lane, writes: Lane) {
    this.#reads = reads;
    this.#writes = writes;
  }

  /** Adds chunks to a set that is staged. */
  put(set: string, first: number, chunks: readonly Uint8Array[]): Promise<void> {
    const run = ({ bodies }: Stores, outcome: Outcome<void>): void => {
      bodies.put(true, [set]);
      chunks.forEach((chunk, at) => bodies.put(chunk, [set, first + at]));
      outcome.done();
    };
    return this.#writes.add({ keys: [], bytes: chunks.length * CHUNK_BYTES, isBlind: true, run });
  }

  /** Removes a set that is staged still. What fails now is swept later. */
  discard(set: string): void {
    const run = ({ bodies }: Stores, outcome: Outcome<void>): void => {
      const request = bodies.getKey([set]);
      request.onerror = () => outcome.failed(request.error);
      request.onsuccess = () => {
        if (request.result !== undefined) bodies.delete(keysOf(set));
        outcome.done();
      };
    };
    void this.#writes.add({ keys: [], bytes: 0, isBlind: false, run }).catch(() => undefined);
  }

  read(chunks: Chunks, start: number, end: number): Promise<Uint8Array> {
    const run = ({ bodies }: Stores, outcome: Outcome<Uint8Array>): void => {
      const found = (body: Uint8Array | undefined): void => (body ? outcome.done(body) : outcome.failed(gone()));
      readChunks(bodies, chunks, [start, end], found, (error) => outcome.failed(error));
    };
    return this.#reads.add({ keys: [], bytes: 0, isBlind: false, run });
  }

  /** The body of a stored entry. Each chunk is read by itself: no transaction lasts while something else is awaited. */
  pieces(key: string, name: string, chunks: Chunks): Pieces {
    let next = 0;
    return {
      next: async () => (next < chunks[2] ? this.#chunk(key, name, chunks, next++) : undefined),
      cancel: () => void (next = chunks[2]),
    };
  }

  #chunk(key: string, name: string, [set]: Chunks, at: number): Promise<Uint8Array> {
    const run = ({ bodies, entries }: Stores, outcome: Outcome<Uint8Array>): void => {
      const failed = (error: unknown): void => outcome.failed(error);
      const request: IDBRequest<unknown> = bodies.get([set, at]);
      request.onerror = () => failed(request.error);
      request.onsuccess = () => {
        if (request.result instanceof Uint8Array) return outcome.done(request.result);
        const entry = entries.get(name);
        entry.onerror = () => failed(entry.error);
        entry.onsuccess = () => {
          const isSame = Array.isArray(entry.result) && chunksOf(toRecord(entry.result))?.[0] === set;
          failed(isSame ? missing(key) : new StorageError('conflict', 'the entry was changed while it was read; read it again', { key }));
        };
      };
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
  #chunk = new Uint8Array();
  #filled = 0;
  #full: Uint8Array[] = [];
  #written = 0;
  #isOver = false;

  constructor(sets: ChunkSets, key: string, bytesMax: number) {
    this.#sets = sets;
    this.#key = key;
    this.#bytesMax = bytesMax;
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#size += piece.length;
    if (this.#size > this.#bytesMax) {
      throw new StorageError('full', `the body has more than the ${this.#bytesMax} bytes that the tier holds in all`, { key: this.#key });
    }
    for (let at = 0; at < piece.length && !this.#isOver; ) {
      if (!this.#chunk.length) this.#chunk = new Uint8Array(CHUNK_BYTES);
      const part = piece.subarray(at, at + CHUNK_BYTES - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK_BYTES) this.#end();
      if (this.#full.length === TOGETHER) await this.#flush();
    }
  }

  async finish(): Promise<Source> {
    if (this.#filled) this.#end();
    if (this.#size > CHUNK_BYTES) {
      if (this.#full.length) await this.#flush();
      this.#isOver = true;
      return new ChunkSource(this.#sets, [this.#set, CHUNK_BYTES, this.#written], this.#size);
    }
    this.#isOver = true;
    return new MemorySource(this.#full[0] ?? new Uint8Array());
  }

  cancel(): void {
    if (!this.#isOver && this.#written) this.#sets.discard(this.#set);
    this.#isOver = true;
    this.#full = [];
  }

  #end(): void {
    this.#full.push(this.#filled < CHUNK_BYTES ? this.#chunk.slice(0, this.#filled) : this.#chunk);
    this.#chunk = new Uint8Array();
    this.#filled = 0;
  }

  #flush(): Promise<void> {
    const [chunks, first] = [this.#full, this.#written];
    this.#full = [];
    this.#written += chunks.length;
    return this.#sets.put(this.#set, first, chunks);
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

/** What was staged is not there. */
export function gone(): StorageError {
  return new StorageError('unavailable', 'what was staged of the body is gone; write it again');
}

/** An entry lacks its body. */
export function missing(key: string): StorageError {
  return new StorageError('corrupt', 'the body of the entry is not there', { key });
}
