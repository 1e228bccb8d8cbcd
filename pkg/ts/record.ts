/** Entries as memory holds them. */

import type { StorageMetadata } from './contract.js';
import type { Facts } from './port.js';

/** Times are held as distances from this one: small whole numbers take no memory of their own. */
let epoch: number | undefined;

/** An entry as it is held. */
export class MemoryRecord {
  bytes: ArrayBuffer;
  line: string;
  /** Reads that were counted here and not told yet. */
  count = 0;
  /** Made for the first who borrows: it takes a hundred bytes. */
  #shared: Uint8Array | undefined;
  /** The id, and in its lowest two bits the content; less than 2^32, as no `Map` holds 2^30 entries. */
  #id: number;
  #expires: number | undefined;
  #fresh: number;
  #last = 0;

  constructor(id: number, bytes: ArrayBuffer, line: string, facts: Facts) {
    epoch ??= Math.floor(facts.freshAt);
    this.#id = id * 4 + facts.content;
    this.bytes = bytes;
    this.line = line;
    this.#expires = facts.expiresAt === Infinity ? undefined : facts.expiresAt - epoch;
    this.#fresh = facts.freshAt - epoch;
  }

  /** By what the policy knows it. */
  get id(): number {
    return this.#id >>> 2;
  }

  /** 0 bytes, 1 JSON, 2 the user's own serializer. */
  get content(): 0 | 1 | 2 {
    return (this.#id & 3) as 0 | 1 | 2;
  }

  /** The stored bytes themselves, which nobody may change. */
  get body(): Uint8Array {
    return this.#shared ?? new Uint8Array(this.bytes);
  }

  /** As `body`, for who borrows: the same array each time. */
  get shared(): Uint8Array {
    return (this.#shared ??= new Uint8Array(this.bytes));
  }

  /** Whether it never expires. */
  get isLasting(): boolean {
    return this.#expires === undefined;
  }

  /** In ms since 1970; `Infinity` where it never expires. */
  get expiresAt(): number {
    return this.#expires === undefined ? Infinity : this.#expires + (epoch as number);
  }

  /** When it was last known to be cold's version, in ms since 1970. */
  get freshAt(): number {
    return this.#fresh + (epoch as number);
  }

  /** The last of the counted reads, in ms since 1970. */
  get last(): number {
    return this.#last + (epoch as number);
  }

  /** Counts a read. */
  hit(now: number): void {
    this.count += 1;
    this.#last = now - (epoch as number);
  }

  /** Metadata of this entry, with the reads that were not told yet. */
  counted(metadata: StorageMetadata): StorageMetadata {
    metadata.accessCount += this.count;
    if (this.last > metadata.lastAccessed.getTime()) metadata.lastAccessed = new Date(this.last);
    return metadata;
  }

  /** Becomes another record of the same version; the reads stay counted. */
  become(other: MemoryRecord): void {
    this.bytes = other.bytes;
    this.#shared = undefined;
    this.line = other.line;
    this.#id = other.#id;
    this.#expires = other.#expires;
    this.#fresh = other.#fresh;
  }
}
