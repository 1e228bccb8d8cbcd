/**
 * Puts together what `pkg/build` sorted: the bytes of the module by what they are, behind how many there are in all, and of
 * each kind. It runs once, when nothing is compiled yet, so that what it does for each byte stands in one loop.
 */

/** The kinds: what is not sorted stands before the first function and behind the last one. */
const BEFORE = 0;
const OPERATIONS = 1;
const GETS = 2;
const SETS = 3;
const LOADS = 4;
const STORES = 5;
const INTEGERS = 6;
const STEPS = 7;
const CONSTANTS = 8;
const CALLS = 9;
const BRANCHES = 10;
const CONDITIONS = 11;
const TABLES = 12;
const LOCALS = 13;
const AFTER = 14;
const START = 4 * (AFTER + 2);
/** How many bytes the size of a function may take. */
const SIZE_BYTES = 5;

/** The first number says how many follow; or it is a constant of so many bytes. */
const MORE = 0x10;
/** A number of the instruction's own comes first. */
const OWN = 0x20;
const KIND = 0x0f;
/** For what stands for an instruction, from one to another: the kind of the number behind it, and the instruction. */
const TABLE: readonly (readonly [from: number, to: number, operands: number, instruction: number])[] = [
  [0x06, 0x06, 0, 0x20],
  [0x07, 0x07, 0, 0x20],
  [0x08, 0x08, 0, 0x41],
  [0x09, 0x09, 0, 0x41],
  [0x0c, 0x0c, BRANCHES, 0x0c],
  [0x0d, 0x0d, CONDITIONS, 0x0d],
  [0x0e, 0x0e, TABLES | MORE, 0x0e],
  [0x10, 0x10, CALLS, 0x10],
  [0x11, 0x11, OPERATIONS | OWN, 0x11],
  [0x12, 0x14, OPERATIONS, 0x02],
  [0x1c, 0x1c, OPERATIONS | MORE, 0x1c],
  [0x20, 0x20, GETS, 0x20],
  [0x21, 0x22, SETS, 0x21],
  [0x23, 0x26, OPERATIONS, 0x23],
  [0x28, 0x35, LOADS, 0x28],
  [0x36, 0x3e, STORES, 0x36],
  [0x3f, 0x40, OPERATIONS, 0x3f],
  [0x41, 0x41, INTEGERS, 0x41],
  [0x42, 0x42, CONSTANTS, 0x42],
  [0x43, 0x44, CONSTANTS | MORE, 0x43],
  [0xd0, 0xd0, OPERATIONS, 0xd0],
  [0xd2, 0xd2, CALLS, 0xd2],
  [0xe0, 0xed, LOADS | OWN, 0x28],
  [0xee, 0xf6, STORES | OWN, 0x36],
  [0xfc, 0xfc, OPERATIONS | MORE, 0xfc],
];
const OPERANDS = new Uint8Array(256);
const INSTRUCTIONS = Uint8Array.from(OPERANDS, (_, code) => code);
/** The byte that was left out behind an instruction, if any. */
const LEFT_OUT = new Uint8Array(256).fill(0xff);
/** What is left out of blocks, of the shortened `local.get` and `i32.const`, and of loads and stores, in hexadecimal digits. */
const LEFT_OUT_FROM: readonly (readonly [from: number, bytes: string])[] = [
  [0x02, '404040'],
  [0x06, '00010001'],
  [0x28, '0203020300000101000001010202020302030001000102'],
];

export function join(sorted: Uint8Array): Uint8Array<ArrayBuffer> {
  for (const [from, to, operands, instruction] of TABLE) {
    OPERANDS.fill(operands, from, to + 1);
    for (let code = from; code <= to; code += 1) INSTRUCTIONS[code] = instruction + code - from;
  }
  for (const [from, bytes] of LEFT_OUT_FROM) LEFT_OUT.set(bytes.match(/../g)?.map((byte) => parseInt(byte, 16)) ?? [], from);
  const sizes = new DataView(sorted.buffer, sorted.byteOffset, START);
  const total = sizes.getUint32(0, true);
  const output = new Uint8Array(total + SIZE_BYTES);
  /** Where the next byte of each kind is. */
  const places: number[] = [];
  for (let kind = BEFORE, next = START; kind <= AFTER; kind += 1) {
    places.push(next);
    next += sizes.getUint32(4 * (kind + 1), true);
  }
  const [, before = 0] = places;
  const localsEnd = places[AFTER] ?? 0;
  output.set(sorted.subarray(START, before));
  /** How far the module goes, and how many blocks are open there; a function is one. */
  const state = { filled: before - START, depth: 0 };
  const copy = (kind: number, count: number): void => {
    const place = places[kind] ?? 0;
    const bytes = sorted.subarray(place, place + count);
    output.set(bytes, state.filled);
    places[kind] = place + bytes.length;
    state.filled += bytes.length;
  };
  const numbers = (kind: number, count: number): void => copy(kind, lengthOf(sorted, places[kind] ?? 0, count));
  const value = (kind: number): number => valueAt(sorted, places[kind] ?? 0);

  while ((places[LOCALS] ?? 0) < localsEnd) {
    const start = state.filled;
    state.filled += SIZE_BYTES;
    numbers(LOCALS, 1 + 2 * value(LOCALS));
    state.depth = 1;
    do {
      copyPlain(sorted, places, output, state);
      const code = sorted[(places[OPERATIONS] ?? 0) - 1] ?? 0;
      const operands = OPERANDS[code] ?? 0;
      if (operands & MORE) {
        const kind = operands & KIND;
        if (kind === CONSTANTS) copy(kind, code === 0x43 ? 4 : 8);
        else numbers(kind, 1 + further(code, value(kind)));
      }
    } while (state.depth);
    state.filled = sized(output, start, state.filled);
  }
  copy(AFTER, Infinity);
  return output.subarray(0, total);
}

/** Copies instructions as far as the next one with `MORE`, or to the end of the function. */
function copyPlain(sorted: Uint8Array, places: number[], output: Uint8Array, state: { filled: number; depth: number }): void {
  let { filled, depth } = state;
  let [operation, byte] = [places[OPERATIONS] ?? 0, 0];
  while (depth) {
    const code = sorted[operation++] ?? 0;
    const instruction = INSTRUCTIONS[code] ?? 0;
    output[filled++] = instruction;
    if (instruction < 0x05) depth += instruction > 0x01 ? 1 : 0;
    else if (instruction === 0x0b) depth -= 1;
    const leftOut = LEFT_OUT[code] ?? 0;
    if (leftOut < 0xff) output[filled++] = leftOut;
    const operands = OPERANDS[code] ?? 0;
    if (operands & MORE) break;
    if (operands & OWN) {
      do output[filled++] = byte = sorted[operation++] ?? 0;
      while (byte > 127);
    }
    let kind = operands & KIND;
    if (kind) {
      // `i32.add` or `i32.sub` comes next.
      if (kind === INTEGERS && ((sorted[operation] ?? 0) | 1) === 0x6b) kind = STEPS;
      let place = kind === OPERATIONS ? operation : (places[kind] ?? 0);
      do output[filled++] = byte = sorted[place++] ?? 0;
      while (byte > 127);
      if (kind === OPERATIONS) operation = place;
      else places[kind] = place;
    }
  }
  places[OPERATIONS] = operation;
  state.filled = filled;
  state.depth = depth;
}

/** Puts the size of a function before it, and gives where it ends then. */
function sized(output: Uint8Array, start: number, end: number): number {
  const body = start + SIZE_BYTES;
  let place = start;
  for (let size = end - body; ; size >>= 7) {
    output[place++] = size > 127 ? (size & 127) | 128 : size;
    if (size < 128) break;
  }
  output.copyWithin(place, body, end);
  return place + end - body;
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
