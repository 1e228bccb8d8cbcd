/**
 * Gunzip for the browsers that run the module but have no `DecompressionStream` (Safari before 16.4, Firefox before
 * 113). Its input is part of this package, so that it checks neither lengths nor checksums; it only ends where that ends.
 */

/** For each symbol of a length: the shortest such length, and how many bits follow that add to it. */
const LENGTHS = table(3, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]);
const DISTANCES = table(
  1,
  Array.from({ length: 30 }, (_, symbol) => Math.max(0, (symbol >> 1) - 1)),
);
/** The order in which the lengths of the codes for code lengths are stored. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A Huffman code: how many codes there are of each length, and the symbols in order of their codes. */
interface Huffman {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

/** Unpacks one gzip member with a plain header of 10 bytes, as this package's build writes it. */
export function gunzip(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(packed.length - 4, true);
  const output = new Uint8Array(size);
  let at = 80;
  let filled = 0;

  const bits = (count: number): number => {
    let value = 0;
    for (let bit = 0; bit < count; bit += 1, at += 1) value |= (((packed[at >> 3] ?? damaged()) >> (at & 7)) & 1) << bit;
    return value;
  };
  const symbol = ({ counts, symbols }: Huffman): number => {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= 15; length += 1) {
      code |= bits(1);
      const count = counts[length] ?? 0;
      if (code - first < count) return symbols[index + code - first] ?? 0;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return damaged();
  };
  const stored = (): void => {
    at = (at + 7) & ~7;
    const length = bits(16);
    at += 16;
    output.set(packed.subarray(at >> 3, (at >> 3) + length), filled);
    at += length << 3;
    filled += length;
  };
  const block = (literals: Huffman, distances: Huffman): void => {
    for (let found = symbol(literals); found !== 256; found = symbol(literals)) {
      if (found < 256) {
        output[filled++] = found;
        continue;
      }
      // The one length that is the shortest of its symbol, and the longest of the one before.
      const length = found === 285 ? 258 : extended(LENGTHS, found - 257);
      const start = filled - extended(DISTANCES, symbol(distances));
      for (let copied = 0; copied < length; copied += 1) output[filled++] = output[start + copied] ?? 0;
    }
  };
  const extended = ({ bases, extras }: Table, found: number): number => (bases[found] ?? 0) + bits(extras[found] ?? 0);
  const described = (): [Huffman, Huffman] => {
    const [literals, distances, codes] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const orderLengths = new Array<number>(19).fill(0);
    for (const place of ORDER.slice(0, codes)) orderLengths[place] = bits(3);
    const order = huffman(orderLengths);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const found = symbol(order);
      if (found < 16) lengths.push(found);
      else if (found === 16) repeat(lengths, lengths.at(-1) ?? 0, 3 + bits(2));
      else repeat(lengths, 0, found === 17 ? 3 + bits(3) : 11 + bits(7));
    }
    return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
  };

  for (let isLast = 0; !isLast; ) {
    isLast = bits(1);
    const kind = bits(2);
    if (kind === 0) stored();
    else block(...(kind === 1 ? fixed() : described()));
  }
  return output;
}

interface Table {
  readonly bases: readonly number[];
  readonly extras: readonly number[];
}

function table(first: number, extras: readonly number[]): Table {
  let base = first;
  const bases = extras.map((extra) => (base += 1 << extra) - (1 << extra));
  return { bases, extras };
}

function huffman(lengths: readonly number[]): Huffman {
  const counts = [0];
  const symbols: number[] = [];
  for (let length = 1; length < 16; length += 1) {
    const shorter = symbols.length;
    lengths.forEach((other, symbol) => other === length && symbols.push(symbol));
    counts.push(symbols.length - shorter);
  }
  return { counts, symbols };
}

function fixed(): [Huffman, Huffman] {
  const lengths = Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8));
  return [huffman(lengths), huffman(new Array<number>(30).fill(5))];
}

function repeat(lengths: number[], length: number, count: number): void {
  for (let added = 0; added < count; added += 1) lengths.push(length);
}

function damaged(): never {
  throw new RangeError('the text of the module is damaged');
}
