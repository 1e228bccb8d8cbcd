/**
 * Entries of which there are only parts: a file with holes in it, which becomes an entry when all parts are there. Which
 * those are is known here alone, so that nothing of them outlasts the process.
 */

import { constants } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { ByteRange } from '../contract.js';
import type { StoredPart } from '../port.js';
import { extentOf } from '../ranges.js';
import { OpenFile } from './files.js';
import { HEADS_BYTES } from './record.js';

/** The parts that are told apart are of so many bytes. */
const PART_BYTES = 2 ** 16;

/** Bytes that follow each other. */
type Run = readonly [start: number, end: number];

export class Partial {
  readonly path: string;
  readonly version: string;
  /** How long the whole body is, in bytes. */
  readonly size: number;
  line: string;
  /** What there is of the body, in bytes. */
  bytes = 0;
  readonly #there = new Set<number>();

  constructor(path: string, version: string, size: number, line: string) {
    this.path = path;
    this.version = version;
    this.size = size;
    this.line = line;
  }

  /** The size of the file without its holes. */
  get weight(): number {
    return HEADS_BYTES + this.bytes;
  }

  get isWhole(): boolean {
    return this.bytes === this.size;
  }

  isOf(version: string, size: number): boolean {
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

  /** Reads a range; `null` if it is not there as a whole, `undefined` if there is no such file any more. */
  async read(range: ByteRange): Promise<StoredPart | null | undefined> {
    const [start, end] = extentOf(range, this.size);
    const { line } = this;
    for (let from = start - (start % PART_BYTES); from < end; from += PART_BYTES) if (!this.#there.has(from)) return null;
    const file = await OpenFile.open(this.path, 'r');
    try {
      const body = await file?.read(HEADS_BYTES + start, HEADS_BYTES + end);
      return body && { body, line, start };
    } finally {
      file?.giveUp();
    }
  }

  /** Writes what is lacking of a part. */
  async write({ body, start }: StoredPart, lacking: readonly Run[]): Promise<void> {
    const file = await OpenFile.open(this.path, constants.O_RDWR | constants.O_CREAT);
    try {
      for (const [from, to] of lacking) await file?.write(body.subarray(from - start, to - start), HEADS_BYTES + from);
    } finally {
      file?.giveUp();
    }
  }

  /** Notes what was written. */
  add(lacking: readonly Run[]): void {
    for (const [start, end] of lacking) {
      this.bytes += end - start;
      for (let from = start; from < end; from += PART_BYTES) this.#there.add(from);
    }
  }
}

export class Parts {
  /** What is given up first is in front. */
  readonly #held = new Map<string, Partial>();

  /** The sizes of all files without their holes. */
  weight = 0;

  keys(): Iterable<string> {
    return this.#held.keys();
  }

  /** What there is of an entry. */
  find(key: string): Partial | undefined {
    return this.#held.get(key);
  }

  weightOf(key: string): number {
    return this.#held.get(key)?.weight ?? 0;
  }

  /** As `find`, of what is given up later now. */
  use(key: string): Partial | undefined {
    const partial = this.#held.get(key);
    if (partial) this.#held.delete(key);
    if (partial) this.#held.set(key, partial);
    return partial;
  }

  /** Adds an entry of which there is nothing yet. */
  insert(key: string, partial: Partial): void {
    if (this.#held.get(key) === partial) return;
    this.#held.set(key, partial);
    this.weight += partial.weight;
  }

  /** Notes what was written of an entry, and says whether it is there still; else its file goes. */
  async add(key: string, partial: Partial, lacking: readonly Run[]): Promise<boolean> {
    if (this.#held.get(key) !== partial) {
      await rm(partial.path, { force: true });
      return false;
    }
    this.weight -= partial.weight;
    partial.add(lacking);
    this.weight += partial.weight;
    return true;
  }

  /** Gives up the parts of a key. */
  async drop(key: string): Promise<void> {
    const partial = this.#held.get(key);
    if (!partial) return;
    this.#held.delete(key);
    this.weight -= partial.weight;
    // It may be that of an entry by now.
    await rm(partial.path, { force: true });
  }
}
