/** Parts of bodies in a database: what is stored of them, what goes first, what outlasts what. */

import { IndexedDBStorageTier } from 'tiered-storage';
import type { Facts, Port } from '../../../pkg/ts/port.js';
import { long } from '../pieces/tier.js';
import { check, fails, same, sameBytes } from './check.js';
import { all, asked, edit, put, raw, watched, type Options } from './indexed-db.tools.js';
import { drained } from './pieces.js';
import { inscribed, listed, metadataOf, portOf, write } from './subject.js';

const PART = 2 ** 16;
/** What is stored behind each chunk. */
const SUM_BYTES = 4;

/** An entry of so many parts; the last one is short. */
class Film {
  readonly key: string;
  readonly body: Uint8Array;
  readonly line: string;
  readonly facts: Facts;

  private constructor(key: string, body: Uint8Array, [line, facts]: [string, Facts]) {
    [this.key, this.body, this.line, this.facts] = [key, body, line, facts];
  }

  static async of(key: string, parts: number, number = 0): Promise<Film> {
    const body = long(parts * PART - 10);
    return new Film(key, body, await inscribed(metadataOf(key, body, number)));
  }

  /** Writes parts, and says whether they are kept. */
  async keep(port: Port, first: number, after: number): Promise<boolean> {
    const body = this.body.slice(first * PART, after * PART);
    await port.writePart?.(this.key, { body, line: this.line, start: first * PART }, this.facts);
    return this.has(port, first, after);
  }

  /** Whether parts are there, and then right. */
  async has(port: Port, first: number, after: number): Promise<boolean> {
    const range = { start: first * PART, end: Math.min(after * PART, this.body.length) };
    const found = await port.readRange?.(this.key, range, undefined);
    if (!found || found === true) return false;
    sameBytes(found.body, this.body.slice(range.start, range.end), `${this.key} from ${first} to ${after}`);
    return true;
  }
}

/** Writes a part of a long body, and says which of these ranges are there then. */
export async function keepPart(port: Port, key: string, size: number, [start, end]: [number, number], ranges: [number, number][]): Promise<boolean[]> {
  const body = long(size);
  const [line, facts] = await inscribed(metadataOf(key, body));
  await port.writePart?.(key, { body: body.slice(start, end), line, start }, facts);
  const found = ranges.map(async ([start, end]) => {
    const part = await port.readRange?.(key, { start, end }, undefined);
    if (part && part !== true) sameBytes(part.body, body.slice(start, end), `from ${start} to ${end}`);
    return !!part;
  });
  return Promise.all(found);
}

async function fresh(options: Options = {}): Promise<{ tier: IndexedDBStorageTier; port: Port; name: string; bodies: () => Promise<[IDBValidKey, unknown][]> }> {
  const { tier, name } = watched(options);
  const bodies = async (): Promise<[IDBValidKey, unknown][]> => {
    const db = await raw(name);
    const found = await all(db, 'bodies');
    db.close();
    return found;
  };
  return { tier, port: await portOf(tier as never), name, bodies };
}

/** How many bytes the chunks among bodies have. */
function lengths(found: [IDBValidKey, unknown][]): number[] {
  return found.flatMap(([, bytes]) => (bytes instanceof Uint8Array ? [bytes.length - SUM_BYTES] : []));
}

export const parts: Record<string, () => Promise<void>> = {
  'parts are stored in chunks of at most 512 KiB, and the entry that they make keeps them': async () => {
    const { port, bodies } = await fresh();
    const film = await Film.of('k', 20);
    check(await film.keep(port, 1, 2), 'a part is kept');
    check(await film.keep(port, 3, 19), 'many parts are kept');
    same(lengths(await bodies()), [1, 5, 8, 3].map((count) => count * PART), 'the chunks');
    check(await film.has(port, 4, 18), 'a range over chunks');
    check(!(await film.has(port, 1, 4)), 'a range over what is not there');
    await film.keep(port, 0, 4);
    same(lengths(await bodies()), [1, 1, 1, 5, 8, 3].map((count) => count * PART), 'the chunks, of which none is stored twice');
    same((await bodies()).length, 7, 'and a mark');
    await film.keep(port, 19, 20);
    same((await bodies()).length, 7, 'the chunks, and no mark');
    const found = await port.read('k', undefined);
    sameBytes(found && found !== true ? found.body : undefined, film.body, 'the whole');
    const opened = await port.readPieces?.('k', undefined);
    check(!!opened && opened !== true && 'pieces' in opened, 'it comes in pieces');
    sameBytes(await drained(opened.pieces), film.body, 'the pieces');
    await port.remove(['k']);
    await port.usage();
    same(await bodies(), [], 'what is left of it');
  },

  'a small body that comes as a part is an entry like others': async () => {
    const { tier, port, bodies } = await fresh();
    const body = long(5_000);
    const [line, facts] = await inscribed(metadataOf('k', body));
    await port.writePart?.('k', { body, line, start: 0 }, facts);
    sameBytes(await tier.get('k'), body, 'the entry');
    same(await bodies(), [], 'it lies in its record');
  },

  'a part that was damaged is not given out': async () => {
    const { port, name, bodies } = await fresh();
    const film = await Film.of('k', 4);
    const damage = async (at: number): Promise<void> => {
      const [key, bytes] = (await bodies()).find(([key]) => (key as unknown[])[1] === at) as [IDBValidKey, Uint8Array];
      bytes[100] = (bytes[100] as number) ^ 1;
      await edit(name, 'bodies', (store) => store.put(bytes, key));
    };
    await film.keep(port, 0, 1);
    await film.keep(port, 2, 3);
    await damage(2);
    check(await film.has(port, 0, 1), 'another part');
    await fails('corrupt', async () => port.readRange?.('k', { start: 2 * PART, end: 2 * PART + 1 }, undefined), 'the part');
    await film.keep(port, 1, 2);
    await film.keep(port, 3, 4);
    await fails('corrupt', () => port.read('k', undefined), 'the whole');
    await port.remove(['k']);
    await port.usage();
    await film.keep(port, 0, 4);
    await damage(0);
    await fails('corrupt', async () => port.readRange?.('k', { start: 9, end: 10 }, undefined), 'a part of the whole');
  },

  'tabs add parts to one entry, and see what the others removed': async () => {
    const { port, name } = await fresh();
    const { port: other } = await fresh({ name });
    const film = await Film.of('k', 6);
    await Promise.all([film.keep(port, 0, 2), film.keep(other, 1, 4)]);
    check((await film.has(port, 0, 4)) && (await film.has(other, 0, 4)), 'both have all parts');
    await other.remove(['k']);
    check(!(await film.has(port, 0, 1)), 'what is removed');
    await film.keep(port, 5, 6);
    await film.keep(other, 0, 5);
    const found = await port.read('k', undefined);
    sameBytes(found && found !== true ? found.body : undefined, film.body, 'the whole');
    // Each tells the database what it owes.
    await other.usage();
    same((await port.usage()).bytes, film.body.length, 'what is counted');
  },

  'parts are counted after a crash, and what nobody speaks of any more is removed': async () => {
    const { port, name, bodies } = await fresh();
    const film = await Film.of('k', 9);
    await film.keep(port, 1, 3);
    await port.close();
    await edit(name, 'totals', (store) => {
      store.put([99, 99, 99], 0);
      store.put(Date.now() - 600_000, 'a tab that is gone');
    });
    await edit(name, 'bodies', (store) => {
      store.put(['gone', 5, 5], ['~1-0.5']);
      store.put(new Uint8Array(5), ['~1-0.5', 0]);
    });
    const { bytes, items } = await port.usage();
    same([bytes, items, (await bodies()).length], [2 * PART, 1, 2], 'what is counted, and what is there');
    check(await film.has(port, 1, 3), 'the parts');
  },

  'what is not kept leaves nothing of another version': async () => {
    const { port, bodies } = await fresh({ maxSizeBytes: 40 * PART });
    for (const [parts, after] of [[20, 11], [50, 1]] as const) {
      await write(port, 'k', long(20_000), 1);
      check(!(await (await Film.of('k', parts)).keep(port, 0, after)), `${after} of ${parts} parts`);
      await port.usage();
      same([await port.head('k'), await bodies()], [null, []], 'what there is');
    }
  },

  'parts go first for entries, and for the limit of those that may give nothing up': async () => {
    for (const evictionPolicy of ['lru', 'size', 'fifo', 'none'] as const) {
      const { tier, port, bodies } = await fresh({ maxSizeBytes: 40 * PART, evictionPolicy });
      const told: string[] = [];
      port.evicted?.add((key) => told.push(key));
      await put(tier, 'old', 20 * PART);
      const [one, two] = [await Film.of('one', 9), await Film.of('two', 9)];
      await one.keep(port, 0, 4);
      await two.keep(port, 0, 4);
      await one.has(port, 0, 1);
      await put(tier, 'new', 14 * PART);
      same([told, await listed(port, '', 9)], [['two'], ['new', 'old', 'one']], `what went by ${evictionPolicy}`);
      same(lengths((await bodies()).filter(([key]) => Array.isArray(key))), [4 * PART], 'the chunks left');
      same((await port.usage()).items, 3, 'what is counted');
    }
  },

  'of parts goes what was not used for longest, whoever used, removed or added others meanwhile': async () => {
    // Ten parts, with what they take beside their bytes, are a quarter.
    const { port, name } = await fresh({ maxSizeBytes: 42 * PART });
    const { port: other } = await fresh({ name });
    const keep = async (...numbers: number[]): Promise<void> => {
      for (const number of numbers) check(await (await Film.of(`k${number}`, 2)).keep(port, 0, 1), `part ${number}`);
    };
    const there = async (): Promise<number[]> => (await listed(port, '', 99)).map((key) => Number(key.slice(1))).sort((one, two) => one - two);
    await keep(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    same(await there(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 'the first has gone');
    check(await (await Film.of('k1', 2)).has(port, 0, 1), 'it is used');
    await other.remove(['k2']);
    await other.usage();
    await keep(11, 12, 13);
    same(await there(), [1, 5, 6, 7, 8, 9, 10, 11, 12, 13], 'after uses and removals');
    await keep(14, 15, 16, 17, 18, 19);
    same(await there(), [1, 11, 12, 13, 14, 15, 16, 17, 18, 19], 'what was used');
    await keep(20);
    same(await there(), [11, 12, 13, 14, 15, 16, 17, 18, 19, 20], 'is the oldest now');
  },

  'what a part costs does not grow with how many others there are': async () => {
    const { port } = await fresh({ maxSizeBytes: 4 * PART });
    const keep = async (from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at++) await keepPart(port, `k${at}`, PART + 1000, [PART, PART + 1000], []);
    };
    await keep(0, 70);
    const { evictions } = await port.usage();
    check((evictions ?? 0) > 5, 'parts were given up');
    // Two of the totals, one of the entry, and one of what goes for it.
    check((await asked(() => keep(70, 90))) <= 20 * 5, 'what is asked');
    same((await port.usage()).evictions, (evictions ?? 0) + 20, 'what went');
  },

  'a database whose parts were not counted apart counts them': async () => {
    const { port, name } = await fresh({ maxSizeBytes: 42 * PART });
    for (const key of ['one', 'two']) check(await (await Film.of(key, 9)).keep(port, 0, 4), key);
    await port.close();
    await edit(name, 'totals', (store) => store.put([2, 8 * PART, 8 * PART + 500, 'an earlier version'], 0));
    check(await (await Film.of('three', 9)).keep(port, 0, 4), 'another part');
    same(await listed(port, '', 9), ['three', 'two'], 'what there is');
  },

  'the parts of what is pinned stay': async () => {
    const { port } = await fresh({ maxSizeBytes: 40 * PART, isPinned: (key) => key.startsWith('pin') });
    const films = await Promise.all(['pin', 'a', 'b', 'pinned'].map((key) => Film.of(key, 9)));
    for (const film of films.slice(0, 3)) await film.keep(port, 0, 4);
    same(await listed(port, '', 9), ['b', 'pin'], 'what is kept');
    check(await (films[3] as Film).keep(port, 0, 4), 'another part of what is pinned');
    check(!(await (films[1] as Film).keep(port, 0, 4)), 'what finds no room beside it');
    same(await listed(port, '', 9), ['pin', 'pinned'], 'what is kept at last');
  },

  'parts beyond the end are invalid, and in memory they are kept as well': async () => {
    const { port } = await fresh();
    const { facts, line } = await Film.of('k', 2);
    await fails('invalid', async () => port.writePart?.('k', { body: long(3 * PART), line, start: 0 }, facts), 'a part that is too long');
    const open = (): never => {
      throw new DOMException('not in a private window', 'SecurityError');
    };
    const memory = await portOf(new IndexedDBStorageTier({ indexedDB: { open } as unknown as IDBFactory }) as never);
    check(await (await Film.of('k', 9)).keep(memory, 2, 4), 'parts in memory');
  },
};
