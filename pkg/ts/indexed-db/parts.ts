/** Entries of which a database has parts only, until they are whole. */

import { StorageError, invalid } from '../errors.js';
import { PART_BYTES, SHARE, type Run } from '../parts.js';
import type { Facts, StoredPart } from '../port.js';
import { ordered, utf8Length } from '../tier.js';
import { CHUNK_BYTES, PARTS, newSet, sealed, type Chunks } from './chunks.js';
import type { Lane, Outcome, Stores } from './lane.js';
import type { Lookup } from './lookup.js';
import { SMALL_BYTES_MAX, partsOf, type StoredRecord } from './records.js';
import type { Room } from './room.js';

export class PartKeeper {
  readonly #writes: Lane;
  readonly #lookup: Lookup;
  readonly #room: Room;
  readonly #bytesMax: number;

  /** Of a tier with this limit. */
  constructor(writes: Lane, lookup: Lookup, room: Room, bytesMax: number) {
    this.#writes = writes;
    this.#lookup = lookup;
    this.#room = room;
    this.#bytesMax = bytesMax;
  }

  /** Keeps what is lacking of a part, if there is room for it. */
  async keep(key: string, part: StoredPart, facts: Facts): Promise<void> {
    const end = part.start + part.body.length;
    if (end > facts.size) throw invalid('the part reaches beyond the end of its body; give its own bytes alone', key);
    const name = ordered(key);
    const add = (added: StoredPart): Promise<void> => {
      const run = (stores: Stores, outcome: Outcome<void>): void => {
        const found = (there: StoredRecord | undefined): void => {
          this.#keep(stores, key, added, facts, there);
          outcome.done();
        };
        this.#lookup.find({ name, found, failed: (error) => outcome.failed(error) });
      };
      const bytes = added.body.length + added.line.length + utf8Length(key);
      return this.#writes.add({ keys: [name], bytes, isBlind: false, isPart: true, run });
    };
    try {
      await add(part);
    } catch (error) {
      if (!(error instanceof StorageError && error.kind === 'full')) throw error;
      // What there is of another version goes all the same.
      await add({ ...part, body: new Uint8Array() });
    }
  }

  #keep(
    { entries, bodies }: Stores,
    key: string,
    { body, line: given, start }: StoredPart,
    { version, size }: Facts,
    found: StoredRecord | undefined,
  ): void {
    const name = ordered(key);
    const old = found?.[1] === version ? found : undefined;
    const parts = partsOf(old);
    if (old && !parts) return;
    const { set, there } = parts ?? { set: PARTS + newSet(), there: [] };
    const [line] = old ?? [given];
    const more = gaps(there, start, start + body.length, size);
    const all = joinedRuns([...there, ...more]);
    const bytes = sum(all);
    const frame = line.length + utf8Length(key);
    const [isWhole, weight] = [bytes === size, frame + bytes];
    this.#room.use(name);
    const share = body.length === size ? Infinity : this.#bytesMax / SHARE;
    if (!more.length || frame + size > this.#bytesMax || weight > share) {
      if (!found || old) return;
      entries.delete(name);
      bodies.delete(name);
      return this.#room.replaced(name, found, undefined, bodies);
    }
    const isSmall = size <= SMALL_BYTES_MAX;
    for (const [from, to] of isSmall ? [] : more) {
      for (let at = from, next = at; at < to; at = next) {
        next = Math.min(Math.floor(at / CHUNK_BYTES + 1) * CHUNK_BYTES, to);
        bodies.put(sealed(body.subarray(at - start, next - start)), [set, at / PART_BYTES]);
      }
    }
    const used = this.#room.tick();
    const chunks: Chunks = [set, PART_BYTES, Math.ceil(size / PART_BYTES)];
    if (isWhole) bodies.delete([set]);
    else bodies.put([name, weight, used], [set]);
    bodies.delete(name);
    const record: StoredRecord = [line, version, used, bytes, weight];
    record.push(isSmall ? body.slice() : isWhole ? chunks : { set, size, there: all });
    entries.put(record, name);
    this.#room.replaced(name, found, record, bodies);
  }
}

/** Whether all of these bytes are there. */
export function isThere(there: readonly Run[], start: number, end: number): boolean {
  return start >= end || there.some(([from, to]) => from <= start && end <= to);
}

/** What is not there of the parts that these bytes are all of. */
function gaps(there: readonly Run[], start: number, end: number, size: number): Run[] {
  let from = Math.ceil(start / PART_BYTES) * PART_BYTES;
  const last = end === size ? end : Math.floor(end / PART_BYTES) * PART_BYTES;
  const found: Run[] = [];
  for (const [first, after] of [...there, [last, last] as const]) {
    if (first > from && from < last) found.push([from, Math.min(first, last)]);
    from = Math.max(from, after);
  }
  return found;
}

function joinedRuns(runs: Run[]): Run[] {
  const all: [start: number, end: number][] = [];
  for (const [start, end] of runs.sort(([one], [other]) => one - other)) {
    const last = all.at(-1);
    if (last?.[1] === start) last[1] = end;
    else all.push([start, end]);
  }
  return all;
}

function sum(runs: readonly Run[]): number {
  return runs.reduce((total, [start, end]) => total + end - start, 0);
}
