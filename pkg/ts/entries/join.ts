/** Puts together what `pkg/build` sorted: the bytes of the module by what they are, behind how many there are of each kind. */

/** The kinds: what is not sorted stands before the first function and behind the last one. */
const BEFORE = 0;
const OPERATIONS = 1;
const GETS = 2;
const SETS = 3;
const OFFSETS = 4;
const INTEGERS = 5;
const CONSTANTS = 6;
const CALLS = 7;
const BRANCHES = 8;
const SIZES = 9;
const LOCALS = 10;
const AFTER = 11;

export function join(sorted: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(sorted.buffer, sorted.byteOffset, sorted.byteLength);
  /** Where the next byte of each kind is, and where the last one ends. */
  const places: number[] = [];
  const ends: number[] = [];
  let end = 4 * (AFTER + 1);
  for (let kind = BEFORE; kind <= AFTER; kind += 1) {
    places.push(end);
    ends.push((end += view.getUint32(4 * kind, true)));
  }
  const output = new Uint8Array(end - 4 * (AFTER + 1));
  let filled = 0;
  const left = (kind: number): number => (ends[kind] ?? 0) - (places[kind] ?? 0);
  const bytes = (kind: number, count: number): number => {
    let byte = 0;
    for (let copied = 0; copied < count; copied += 1) {
      const place = places[kind] ?? 0;
      places[kind] = place + 1;
      output[filled++] = byte = sorted[place] ?? 0;
    }
    return byte;
  };
  /** A number of any length; what it gives of a long one is of no use. */
  const number = (kind: number): number => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes(kind, 1);
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const numbers = (kind: number, count: number): void => {
    for (let copied = 0; copied < count; copied += 1) number(kind);
  };

  bytes(BEFORE, left(BEFORE));
  while (left(SIZES)) {
    const behind = number(SIZES) + filled;
    numbers(LOCALS, 2 * number(LOCALS));
    while (filled < behind) operands(bytes(OPERATIONS, 1), bytes, number, numbers);
  }
  bytes(AFTER, left(AFTER));
  return output;
}

/** Copies what stands behind an instruction. */
function operands(
  code: number,
  bytes: (kind: number, count: number) => number,
  number: (kind: number) => number,
  numbers: (kind: number, count: number) => void,
): void {
  if (code === 0x20) number(GETS);
  else if (code === 0x21 || code === 0x22) number(SETS);
  else if (code === 0x41) number(INTEGERS);
  else if (code > 0x27 && code < 0x3f) {
    number(OPERATIONS);
    number(OFFSETS);
  } else if (code === 0x10 || code === 0xd2) number(CALLS);
  else if (code === 0x0c || code === 0x0d) number(BRANCHES);
  else if (code === 0x0e) numbers(BRANCHES, number(BRANCHES) + 1);
  else if (code === 0x42) number(CONSTANTS);
  else if (code === 0x43 || code === 0x44) bytes(CONSTANTS, code === 0x43 ? 4 : 8);
  else if (code === 0x1c) numbers(OPERATIONS, number(OPERATIONS));
  else if (code === 0xfc) numbers(OPERATIONS, further(number(OPERATIONS)));
  else if (code === 0x11) numbers(OPERATIONS, 2);
  else if ((code > 0x01 && code < 0x05) || (code > 0x22 && code < 0x27) || code === 0x3f || code === 0x40 || code === 0xd0) number(OPERATIONS);
}

/** How many numbers follow an instruction of two numbers, by the second of those. */
function further(code: number): number {
  if (code < 8) return 0;
  return code < 15 && code % 2 === 0 ? 2 : 1;
}
