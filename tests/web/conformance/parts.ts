/** Cases about entries of which there are only parts. Ports that keep none are excused. */

import type { ByteRange } from 'tiered-storage';
import type { Facts, Port } from '../../../pkg/ts/port.js';
import { extentOf } from '../../../pkg/ts/ranges.js';
import { long } from '../pieces/tier.js';
import { check, fails, same, sameBytes } from './check.js';
import { CREATED, inscribed, listed, metadataOf, portOf, write, type Kind } from './subject.js';

type Case = (port: Port) => Promise<void>;

/** The chunks of the cases. */
const CHUNK = 65_536;
/** Not all of its chunks are of the same size. */
const SIZE = 4 * CHUNK + 5_000;

/** An entry of which parts are written. */
class Parted {
  readonly port: Port;
  readonly key: string;
  readonly body: Uint8Array;
  line: string;
  facts: Facts;

  constructor(port: Port, key: string, body: Uint8Array, [line, facts]: [string, Facts]) {
    [this.port, this.key, this.body, this.line, this.facts] = [port, key, body, line, facts];
  }

  static async of(port: Port, key: string, number: number, size = SIZE): Promise<Parted> {
    const body = long(size).map((byte) => byte ^ number);
    return new Parted(port, key, body, await inscribed(metadataOf(key, body, number)));
  }

  /** Writes chunks, and says whether the port has kept them. */
  async keep(first: number, after: number): Promise<boolean> {
    const body = this.body.slice(first * CHUNK, after * CHUNK);
    await this.port.writePart?.(this.key, { body, line: this.line, start: first * CHUNK }, this.facts);
    return (await this.port.head(this.key)) === this.line;
  }

  /** Whether a range is found, and then as it should be. */
  async has(range: ByteRange): Promise<boolean> {
    const found = await this.port.readRange?.(this.key, range, undefined);
    if (found === null) return false;
    check(typeof found === 'object', `a range is found or not: ${JSON.stringify(range)}`);
    const [start, end] = extentOf(range, this.body.length);
    same([found.start, found.line], [start, this.line], `where ${JSON.stringify(range)} starts, and the line`);
    sameBytes(found.body, this.body.slice(start, end), JSON.stringify(range));
    return true;
  }

  /** Expects a key that is there by every way of asking, but without its body. */
  async isInPart(): Promise<void> {
    same(await this.port.head(this.key), this.line, 'the line of what is there in part');
    same(await this.port.read(this.key, undefined), null, 'what is there in part, read as a whole');
    same((await this.port.readPieces?.(this.key, undefined)) ?? null, null, 'what is there in part, in pieces');
    same(await listed(this.port, '', 10), [this.key], 'the keys');
    const { bytes, items } = await this.port.usage();
    check(items === 1 && bytes <= this.body.length, `parts are counted once, not as ${items} of ${bytes} bytes`);
  }

  async isWhole(): Promise<void> {
    const found = await this.port.read(this.key, undefined);
    check(found !== null && found !== true, 'what is whole is found');
    sameBytes(found.body, this.body, 'the body');
    same([found.line, await this.port.head(this.key)], [this.line, this.line], 'its line');
    const { bytes, items } = await this.port.usage();
    same([bytes, items, await listed(this.port, '', 10)], [this.body.length, 1, [this.key]], 'what is counted');
  }

  async isGone(): Promise<void> {
    same([await this.port.head(this.key), await this.port.read(this.key, undefined)], [null, null], 'what is gone');
    check(!(await this.has({ start: 0, end: 9 })), 'no range is read of what is gone');
    const { bytes, items } = await this.port.usage();
    same([bytes, items, await listed(this.port, '', 10)], [0, 0, []], 'what is counted of what is gone');
  }
}

export const PART_CASES: Record<string, Case> = {
  'parts are read where they are there, and make an entry when all are': async (port) => {
    const film = await Parted.of(port, 'k', 1);
    // The second comes once more, and the others are not in order.
    for (const [round, [first, after]] of ([[2, 3], [0, 1], [2, 4], [4, 5]] as const).entries()) {
      if (!(await film.keep(first, after))) return;
      await film.isInPart();
      check(await film.has({ start: 2 * CHUNK, end: 2 * CHUNK + 9 }), 'a range of a part is read');
      check(!(await film.has({ start: CHUNK - 1, end: CHUNK + 1 })), 'a range is not read of which a part is missing');
      same(await film.has({ last: 5_001 }), round === 3, 'a range over two parts, when both are there');
    }
    await film.keep(1, 2);
    await film.isWhole();
    for (const range of [{ start: 0 }, { start: CHUNK - 1, end: 3 * CHUNK }, { start: SIZE }]) check(await film.has(range), 'ranges of it are read');
    await film.keep(0, 1);
    await film.isWhole();
  },

  'a part that is all of the body is an entry': async (port) => {
    const note = await Parted.of(port, 'k', 1, 5_000);
    if (await note.keep(0, 1)) await note.isWhole();
  },

  'parts and entries replace those of other versions': async (port) => {
    const [first, second] = [await Parted.of(port, 'k', 1), await Parted.of(port, 'k', 2)];
    const reset = async (): Promise<boolean> => {
      await port.remove(['k']);
      return first.keep(0, 2);
    };
    if (!(await reset())) return;
    [second.line, second.facts] = await write(port, 'k', second.body, 2);
    await second.isWhole();
    if (await first.keep(0, 1)) {
      await first.isInPart();
      check(await first.has({ start: 0, end: 9 }), 'a part replaces a whole entry of another version');
    }
    await reset();
    if (await second.keep(1, 2)) {
      await second.isInPart();
      check(!(await second.has({ start: 0, end: 9 })), 'a part replaces those of another version');
    }
  },

  'what is removed is gone with its parts': async (port) => {
    const [film, other] = [await Parted.of(port, 'k', 1), await Parted.of(port, 'k', 2)];
    if (!(await film.keep(0, 2))) return;
    same(await port.removeVersion('k', other.line, other.facts.version), false, 'removing another version');
    await film.isInPart();
    same(await port.removeVersion('k', film.line, film.facts.version), true, 'removing the version');
    await film.isGone();
    const removals = [() => port.remove(['k']), () => port.clear()];
    if (port.traits.announced) removals.push(() => port.announce('k'));
    for (const remove of removals) {
      await film.keep(0, 2);
      await remove();
      await film.isGone();
    }
    // Nothing of them comes back with what is written next.
    await film.keep(1, 5);
    await film.isInPart();
  },

  'the line of parts is patched, and what they make has it': async (port) => {
    const [film, other] = [await Parted.of(port, 'k', 1), await Parted.of(port, 'k', 2)];
    const [line, facts] = [film.line, film.facts];
    if (!(await film.keep(0, 3))) return;
    await fails('conflict', async () => port.patch('k', other.line, other.facts), 'a patch of another version');
    [film.line, film.facts] = await inscribed({ ...metadataOf('k', film.body, 1), ttl: new Date(CREATED + 60_000), accessCount: 7 });
    check((await port.patch('k', film.line, film.facts)) !== null, 'parts are patched');
    await film.isInPart();
    const body = film.body.slice(3 * CHUNK);
    await port.writePart?.('k', { body, line, start: 3 * CHUNK }, facts);
    await film.isWhole();
  },

  'parts of several keys come at once, while they are read': async (port) => {
    const films = await Promise.all(Array.from({ length: 8 }, (_, at) => Parted.of(port, `k${at}`, at)));
    if (!(await films[0]?.keep(0, 1))) return;
    const fill = async (film: Parted): Promise<void> => {
      for (const chunk of [3, 1, 4, 0, 2]) {
        await Promise.all([film.keep(chunk, chunk + 1), film.has({ start: 0, end: 10 }), film.has({ last: 10 })]);
      }
      const found = await port.read(film.key, undefined);
      check(found !== null && found !== true, `${film.key} is whole`);
      sameBytes(found.body, film.body, film.key);
    };
    await Promise.all(films.map(fill));
  },
};

/** For ports that keep limits. */
export const PART_LIMIT_CASES: Record<string, (kind: Kind, name: string) => Promise<void>> = {
  'parts take at most a quarter of the limit, and go before whole entries': async (kind, name) => {
    const tier = kind.make(name, { maxSizeBytes: 40 * CHUNK });
    const port = await portOf(tier);
    const keep = async (key: string, chunks: number, after: number): Promise<boolean> => (await Parted.of(port, key, 1, chunks * CHUNK)).keep(0, after);
    if (!(await keep('a', 20, 4))) return;
    for (const key of ['b', 'c']) check(await keep(key, 20, 4), `${key} is kept`);
    same(await listed(port, '', 9), ['b', 'c'], 'what was not used for longest went');
    check(await keep('d', 8, 7), 'what just fits');
    same(await listed(port, '', 9), ['d'], 'the others went for it');
    check(!(await keep('e', 20, 11)), 'more than a quarter');
    check(!(await keep('f', 41, 1)), 'what could never be whole');
    for (const [key, chunks] of [['whole', 30], ['other', 6]] as const) await write(port, key, long(chunks * CHUNK), 1);
    same(await listed(port, '', 9), ['other', 'whole'], 'the parts went for entries');
    await kind.release?.(tier);
  },

  'parts are entries for the limit of those': async (kind, name) => {
    const tier = kind.make(name, { maxItems: 2 });
    const port = await portOf(tier);
    await write(port, 'whole', long(10), 1);
    const films = await Promise.all(['a', 'b', 'c'].map((key) => Parted.of(port, key, 1)));
    for (const film of films) if (!(await film.keep(0, 1))) return;
    same([(await port.usage()).items, await listed(port, '', 9)], [2, ['c', 'whole']], 'what there is');
    await films[2]?.keep(1, 5);
    same([(await port.usage()).items, await listed(port, '', 9)], [2, ['c', 'whole']], 'what they made is one of them');
    await kind.release?.(tier);
  },
};
