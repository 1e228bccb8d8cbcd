/**
 * Puts together what `pkg/build` sorted: the bytes of the module by what they are, behind how many there are of each kind.
 * It runs once, when nothing is compiled yet, so that what it does for each byte stands in one loop.
 */

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
const START = 4 * (AFTER + 1);

/** The first number says how many follow; or it is a constant of so many bytes. */
const MORE = 0x10;
/** A number of the instruction's own comes first. */
const OWN = 0x20;
const KIND = 0x0f;
/** For instructions, from one to another: the kind of the number behind them. */
const OPERANDS = new Uint8Array(256);
const TABLE: readonly (readonly [from: number, to: number, operands: number])[] = [
  [0x02, 0x04, OPERATIONS],
  [0x0c, 0x0d, BRANCHES],
  [0x0e, 0x0e, BRANCHES | MORE],
  [0x10, 0x10, CALLS],
  [0x11, 0x11, OPERATIONS | OWN],
  [0x1c, 0x1c, OPERATIONS | MORE],
  [0x20, 0x20, GETS],
  [0x21, 0x22, SETS],
  [0x23, 0x26, OPERATIONS],
  [0x28, 0x3e, OFFSETS | OWN],
  [0x3f, 0x40, OPERATIONS],
  [0x41, 0x41, INTEGERS],
  [0x42, 0x42, CONSTANTS],
  [0x43, 0x44, CONSTANTS | MORE],
  [0xd0, 0xd0, OPERATIONS],
  [0xd2, 0xd2, CALLS],
  [0xfc, 0xfc, OPERATIONS | MORE],
];

export function join(sorted: Uint8Array): Uint8Array<ArrayBuffer> {
  for (const [from, to, operands] of TABLE) OPERANDS.fill(operands, from, to + 1);
  const sizes = new DataView(sorted.buffer, sorted.byteOffset, START);
  const output = new Uint8Array(sorted.length - START);
  /** Where the next byte of each kind is. */
  const places: number[] = [];
  for (let kind = BEFORE, next = START; kind <= AFTER; kind += 1) {
    places.push(next);
    next += sizes.getUint32(4 * kind, true);
  }
  const [, before = 0] = places;
  const functionsEnd = places[LOCALS] ?? 0;
  output.set(sorted.subarray(START, before));
  let filled = before - START;
  const copy = (kind: number, count: number): void => {
    const place = places[kind] ?? 0;
    const bytes = sorted.subarray(place, place + count);
    output.set(bytes, filled);
    places[kind] = place + bytes.length;
    filled += bytes.length;
  };
  const numbers = (kind: number, count: number): void => copy(kind, lengthOf(sorted, places[kind] ?? 0, count));
  const value = (kind: number): number => valueAt(sorted, places[kind] ?? 0);

  while ((places[SIZES] ?? 0) < functionsEnd) {
    const size = value(SIZES);
    numbers(SIZES, 1);
    const end = filled + size;
    numbers(LOCALS, 1 + 2 * value(LOCALS));
    while (filled < end) {
      filled = copyPlain(sorted, places, output, filled, end);
      const code = sorted[(places[OPERATIONS] ?? 0) - 1] ?? 0;
      const operands = OPERANDS[code] ?? 0;
      if (operands & MORE) {
        const kind = operands & KIND;
        if (kind === CONSTANTS) copy(kind, code === 0x43 ? 4 : 8);
        else numbers(kind, 1 + further(code, value(kind)));
      }
    }
  }
  copy(AFTER, Infinity);
  return output;
}

/** Copies instructions as far as the next one with `MORE`, or to the end of the function, and gives how far that is. */
function copyPlain(sorted: Uint8Array, places: number[], output: Uint8Array, start: number, end: number): number {
  let [filled, operation, byte] = [start, places[OPERATIONS] ?? 0, 0];
  while (filled < end) {
    const code = sorted[operation++] ?? 0;
    output[filled++] = code;
    const operands = OPERANDS[code] ?? 0;
    if (operands & MORE) break;
    if (operands & OWN) {
      do output[filled++] = byte = sorted[operation++] ?? 0;
      while (byte > 127);
    }
    const kind = operands & KIND;
    if (kind) {
      let place = kind === OPERATIONS ? operation : (places[kind] ?? 0);
      do output[filled++] = byte = sorted[place++] ?? 0;
      while (byte > 127);
      if (kind === OPERATIONS) operation = place;
      else places[kind] = place;
    }
  }
  places[OPERATIONS] = operation;
  return filled;
}

/** How many numbers follow the first one. */
function further(code: number, first: number): number {
  if (code === 0x0e) return first + 1;
  if (code === 0x1c) return first;
  return first < 8 ? 0 : first < 15 && first % 2 === 0 ? 2 : 1;
}

/** How many bytes so many numbers have. */
function lengthOf(sorted: Uint8Array, place: number, count: number): number {
  let end = place;
  for (let left = count; left; end += 1) if ((sorted[end] ?? 0) < 128) left -= 1;
  return end - place;
}

function valueAt(sorted: Uint8Array, start: number): number {
  for (let value = 0, shift = 0, place = start; ; shift += 7, place += 1) {
    const byte = sorted[place] ?? 0;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
}
