/** Bodies on their way into memory. */

import { StorageError } from './errors.js';
import type { Source, Stage } from './port.js';
import { joined } from './streams.js';

/** Gathers a body of at most so many bytes. */
export class MemoryStage implements Stage {
  readonly #key: string;
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(key: string, bytesMax: number) {
    this.#key = key;
    this.#bytesMax = bytesMax;
  }

  write(piece: Uint8Array): void {
    this.#size += piece.length;
    if (this.#size > this.#bytesMax) {
      throw new StorageError('full', `the body has more than the ${this.#bytesMax} bytes that the tier holds in all`, { key: this.#key });
    }
    this.#pieces.push(piece);
  }

  finish(): MemorySource {
    const body = joined(this.#pieces);
    this.cancel();
    return new MemorySource(body);
  }

  cancel(): void {
    this.#pieces = [];
  }
}

/** A body that lies ready in memory. */
export class MemorySource implements Source {
  #body: Uint8Array;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  /** All of it. */
  get body(): Uint8Array {
    return this.#body;
  }

  get size(): number {
    return this.#body.length;
  }

  read(start: number, end: number): Uint8Array {
    return this.#body.subarray(start, end);
  }

  cancel(): void {
    this.#body = new Uint8Array();
  }
}
