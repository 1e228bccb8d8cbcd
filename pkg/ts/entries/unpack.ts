/**
 * LZMA, which leaves the module a fifth smaller than gzip does, after `split` in `pkg/build`. Its input is part of this package, so that it checks
 * neither sizes nor distances; it only ends where all is unpacked.
 */

/** Where the chances of each decision begin; the first six are by the state, which stands for what the last symbols were. */
const IS_MATCH = 0;
const IS_REPEAT = 12;
const IS_OLDER = 24;
const IS_OLDER_STILL = 36;
const IS_OLDEST = 48;
const IS_LONG = 60;
const ALIGNED = 72;
const SLOTS = 88;
const NEAR = 344;
const LENGTHS = 472;
const REPEATED = 746;
const LITERALS = 1024;
/** How many chances literals have for each value of the highest bits of the byte before. */
const LITERAL_CHANCES = 0x300;
const LITERAL_BITS = 3;
/** The range is brought up to more than this before each bit. */
const RANGE_MIN = 2 ** 24;

/** Unpacks what `pkg/build` packs: the size in four bytes, then LZMA with `lc` 3, `lp` 0 and `pb` 0, without an end marker. */
export function unpack(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(0, true);
  const output = new Uint8Array(size);
  const coder = new Coder(packed);
  /** How far back the last four matches were, less one; the last of them first. */
  const recent: [number, number, number, number] = [0, 0, 0, 0];
  let filled = 0;
  let state = 0;
  while (filled < size) {
    const earlier = output[filled - 1 - recent[0]] ?? 0;
    if (!coder.bit(IS_MATCH + state)) {
      const place = LITERALS + LITERAL_CHANCES * ((output[filled - 1] ?? 0) >> (8 - LITERAL_BITS));
      output[filled++] = state < 7 ? coder.tree(place, 8) : coder.tree(place, 8, 256, earlier);
      state -= state < 4 ? state : state < 10 ? 3 : 6;
      continue;
    }
    const wasLiteral = state < 7;
    let left = 1;
    if (!coder.bit(IS_REPEAT + state)) {
      left = coder.length(LENGTHS);
      recent.unshift(coder.distance(left));
      recent.pop();
      state = wasLiteral ? 7 : 10;
    } else {
      const age = coder.age(state);
      recent.unshift(...recent.splice(age, 1));
      const isLong = age || coder.bit(IS_LONG + state);
      if (isLong) left = coder.length(REPEATED);
      state = !wasLiteral ? 11 : isLong ? 8 : 9;
    }
    for (const back = 1 + recent[0]; left; left -= 1, filled += 1) output[filled] = output[filled - back] ?? 0;
  }
  return output;
}

/** Decodes bits: the likelier one was, the less of the input it took. */
class Coder {
  readonly #input: Uint8Array;
  readonly #chances = new Uint16Array(LITERALS + (LITERAL_CHANCES << LITERAL_BITS)).fill(1024);
  #range = 2 ** 32 - 1;
  #code: number;
  #at = 9;

  constructor(input: Uint8Array) {
    this.#input = input;
    // Behind the size comes a byte that is always 0.
    this.#code = new DataView(input.buffer, input.byteOffset, input.byteLength).getUint32(5);
  }

  bit(place: number): number {
    return this.tree(place - 1, 1);
  }

  /**
   * A number of `count` bits, the highest first, each with chances by those before it. With `offset` 256, also by those of
   * `expected`, as long as they are the same. All bits go through this one loop, so that it is soon compiled.
   */
  tree(place: number, count: number, offset = 0, expected = 0): number {
    const end = 1 << count;
    const [input, chances] = [this.#input, this.#chances];
    let [range, code, at, node] = [this.#range, this.#code, this.#at, 1];
    while (node < end) {
      if (range < RANGE_MIN) {
        range *= 256;
        code = ((code << 8) | (input[at++] ?? 0)) >>> 0;
      }
      expected <<= 1;
      const likely = expected & offset;
      const chosen = place + offset + likely + node;
      const chance = chances[chosen] ?? 0;
      const bound = (range >>> 11) * chance;
      node <<= 1;
      if (code < bound) {
        range = bound;
        chances[chosen] = chance + ((2048 - chance) >> 5);
        offset &= ~likely;
      } else {
        range -= bound;
        code -= bound;
        chances[chosen] = chance - (chance >> 5);
        offset &= likely;
        node += 1;
      }
    }
    [this.#range, this.#code, this.#at] = [range, code, at];
    return node - end;
  }

  /** Which of the last four distances it is once more. */
  age(state: number): number {
    if (!this.bit(IS_OLDER + state)) return 0;
    return this.bit(IS_OLDER_STILL + state) ? 2 + this.bit(IS_OLDEST + state) : 1;
  }

  length(place: number): number {
    if (!this.bit(place)) return 2 + this.tree(place + 2, 3);
    return this.bit(place + 1) ? 18 + this.tree(place + 18, 8) : 10 + this.tree(place + 10, 3);
  }

  distance(length: number): number {
    const slot = this.tree(SLOTS + 64 * Math.min(length - 2, 3), 6);
    const count = (slot >> 1) - 1;
    if (count < 1) return slot;
    const base = (2 | (slot & 1)) << count;
    if (slot < 14) return base + this.#lowestFirst(NEAR + base - slot, count);
    return base + this.#even(count - 4) * 16 + this.#lowestFirst(ALIGNED, 4);
  }

  #lowestFirst(place: number, count: number): number {
    let value = 0;
    for (let node = 1, index = 0; index < count; index += 1) {
      const bit = this.bit(place + node);
      node = (node << 1) | bit;
      value |= bit << index;
    }
    return value;
  }

  /** A number of `count` bits that are 0 as often as 1. */
  #even(count: number): number {
    let [range, code, value] = [this.#range, this.#code, 0];
    for (let left = count; left; left -= 1) {
      if (range < RANGE_MIN) {
        range *= 256;
        code = ((code << 8) | (this.#input[this.#at++] ?? 0)) >>> 0;
      }
      range >>>= 1;
      const bit = Number(code >= range);
      code -= bit * range;
      value = 2 * value + bit;
    }
    [this.#range, this.#code] = [range, code];
    return value;
  }
}
