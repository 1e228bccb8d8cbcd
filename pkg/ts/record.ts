/** An entry on the JavaScript heap. Of these there are many, so that their memory counts. */

import type { Facts } from './port.js';

/** Times are held as their distance from this one: as small numbers they take no memory of their own. */
const START = /* @__PURE__ */ Date.now();

/** An entry as it is held. */
export class MemoryRecord {
  readonly id: number;
  readonly key: string;
  line!: string;
  content!: 0 | 1 | 2;
  /** Reads that were counted here and not told yet. */
  count = 0;
  #bytes!: ArrayBuffer;
  /** Made for the first who borrows: it takes a hundred bytes. */
  #shared: Uint8Array | undefined;
  /** `undefined` where it never expires. */
  #expires: number | undefined;
  #fresh!: number;
  #last = 0;

  constructor(id: number, key: string, bytes: ArrayBuffer, line: string, facts: Facts) {
    this.id = id;
    this.key = key;
    this.fill(bytes, line, facts);
  }

  /** Puts another copy in the place of this one; its reads stay counted. */
  fill(bytes: ArrayBuffer, line: string, { expiresAt, freshAt, content }: Facts): void {
    this.line = line;
    this.content = content;
    this.#bytes = bytes;
    this.#shared = undefined;
    this.#expires = expiresAt === Infinity ? undefined : expiresAt - START;
    this.#fresh = freshAt - START;
  }

  get bytes(): ArrayBuffer {
    return this.#bytes;
  }

  /** The stored bytes themselves, which nobody may change. */
  get body(): Uint8Array {
    return this.#shared ?? new Uint8Array(this.#bytes);
  }

  /** As `body`, for who asks often. */
  get shared(): Uint8Array {
    return (this.#shared ??= new Uint8Array(this.#bytes));
  }

  /** In ms since 1970; `Infinity` where it never expires. */
  get expiresAt(): number {
    return this.#expires === undefined ? Infinity : this.#expires + START;
  }

  /** When it was last known to be cold's version, in ms since 1970. */
  get freshAt(): number {
    return this.#fresh + START;
  }

  /** When it was last read, of the reads that are counted here, in ms since 1970. */
  get last(): number {
    return this.count ? this.#last + START : 0;
  }

  /** Counts a read. */
  hit(now: number): void {
    this.count += 1;
    this.#last = now - START;
  }
}
