/** Entries of which there are only parts. */

import type { ByteRange } from './contract.js';
import type { Facts, StoredPart } from './port.js';
import { extentOf } from './ranges.js';
import { joined } from './streams.js';

/** Bytes of a body that follow each other. */
export type Run = readonly [start: number, end: number];

/** The parts that are told apart are of so many bytes. */
export const PART_BYTES = 2 ** 16;
/** Parts take no more than one in so many bytes of a tier's limit. */
export const SHARE = 4;

/** What there is of one entry. */
export class Partial {
  readonly version: string;
  /** How long the whole body is, in bytes. */
  readonly size: number;
  line: string;
  /** What it takes beside its bytes. */
  readonly frame: number;
  /** What there is of the body, in bytes. */
  bytes = 0;
  readonly #there = new Set<number>();

  constructor({ version, size }: Facts, line: string, frame: number) {
    [this.version, this.size, this.line, this.frame] = [version, size, line, frame];
  }

  get weight(): number {
    return this.frame + this.bytes;
  }

  get isWhole(): boolean {
    return this.bytes === this.size;
  }

  isOf({ version, size }: Facts): boolean {
    return this.version === version && this.size === size;
  }

  /** What is not there of the parts that these bytes are all of. */
  lacking(start: number, end: number): Run[] {
    const found: [start: number, end: number][] = [];
    for (let from = Math.ceil(start / PART_BYTES) * PART_BYTES; from < end; from += PART_BYTES) {
      const to = Math.min(from + PART_BYTES, this.size);
      const last = found.at(-1);
      if (this.#there.has(from) || to > end) continue;
      if (last?.[1] === from) last[1] = to;
      else found.push([from, to]);
    }
    return found;
  }

  /** Whether these bytes are there. */
  has(start: number, end: number): boolean {
    for (let from = start - (start % PART_BYTES); from < end; from += PART_BYTES) if (!this.#there.has(from)) return false;
    return true;
  }

  /** Notes what is there from now on. */
  add(runs: readonly Run[]): void {
    for (const [start, end] of runs) {
      this.bytes += end - start;
      for (let from = start; from < end; from += PART_BYTES) this.#there.add(from);
    }
  }
}

/** Such an entry in memory. */
export class MemoryPartial extends Partial {
  /** The bytes, by where they start. */
  readonly #runs: [start: number, bytes: Uint8Array][] = [];

  /** Takes over what is lacking of a part. */
  write({ body, start }: StoredPart, lacking: readonly Run[]): void {
    this.#runs.push(...lacking.map(([from, to]): [number, Uint8Array] => [from, body.slice(from - start, to - start)]));
    this.#runs.sort(([one], [other]) => one - other);
  }

  /** A range; `null` if it is not there as a whole. */
  read(range: ByteRange): StoredPart | null {
    const [start, end] = extentOf(range, this.size);
    if (!this.has(start, end)) return null;
    const cut = this.#runs.map(([from, bytes]) => bytes.subarray(Math.max(start - from, 0), Math.max(end - from, 0)));
    return { body: joined(cut.filter(({ length }) => length)), line: this.line, start };
  }
}

/** Entries of which there are only parts, what is given up first in front. */
export class Parts<P extends Partial> {
  readonly held = new Map<string, P>();
  /** What all of them take. */
  weight = 0;
  bytes = 0;

  /** What there is of an entry, which is given up later now. */
  use(key: string): P | undefined {
    const partial = this.held.get(key);
    if (partial) this.held.delete(key);
    if (partial) this.held.set(key, partial);
    return partial;
  }

  /** Holds an entry, of which there is more from now on. */
  add(key: string, partial: P, runs: readonly Run[]): void {
    this.remove(key);
    partial.add(runs);
    this.held.set(key, partial);
    this.weight += partial.weight;
    this.bytes += partial.bytes;
  }

  /** Gives up what there is of an entry. */
  remove(key: string): P | undefined {
    const partial = this.held.get(key);
    if (!partial) return undefined;
    this.held.delete(key);
    this.weight -= partial.weight;
    this.bytes -= partial.bytes;
    return partial;
  }
}
