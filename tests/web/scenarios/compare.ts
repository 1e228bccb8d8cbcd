/** Whether what came is what a file asks for. */

import { field, isObject, type Json, show } from './fields.js';

/** Why a step is not as expected: what was, and what came. */
export class Mismatch extends Error {
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
    this.expected = expected;
    this.got = got;
  }
}

/** Whether the order of a list counts. */
export type Order = 'kept' | 'any';

/** Compares the fields that `expected` names; `null` stands for what is not there. Throws a `Mismatch`. */
export function compare(path: string, expected: Json, got: Json, order: Order): void {
  if (isObject(expected) && isObject(got)) {
    for (const [name, wanted] of Object.entries(expected)) {
      const isSet = name === 'tiersWritten' || name === 'keys';
      const inner = path === '' ? name : `${path}.${name}`;
      compare(inner, wanted, field(got, name) ?? null, isSet ? 'any' : 'kept');
    }
    return;
  }
  const isRight =
    Array.isArray(expected) && Array.isArray(got)
      ? isSameList(expected, got, order)
      : isLike(expected, got) || isSameTime(expected, got);
  if (!isRight) throw new Mismatch(path === '' ? show(expected) : `${path} ${show(expected)}`, show(got));
}

function isSameList(wanted: Json[], found: Json[], order: Order): boolean {
  if (wanted.length !== found.length) return false;
  if (order === 'kept') return wanted.every((json, at) => matches(json, found[at] ?? null));
  return (
    wanted.every((a) => found.some((b) => matches(a, b))) && found.every((b) => wanted.some((a) => matches(a, b)))
  );
}

function matches(expected: Json, got: Json): boolean {
  try {
    compare('', expected, got, 'kept');
    return true;
  } catch {
    return false;
  }
}

/** Whether two values are equal, the last bits of a quotient not counting. */
export function isLike(expected: Json, got: Json): boolean {
  if (typeof expected === 'number' && typeof got === 'number') {
    const scale = Math.min(1, Math.max(Math.abs(expected), Math.abs(got)));
    return expected === got || Math.abs(expected - got) <= 1e-9 * scale;
  }
  if (Array.isArray(expected) && Array.isArray(got)) {
    return expected.length === got.length && expected.every((json, at) => isLike(json, got[at] ?? null));
  }
  if (isObject(expected) && isObject(got)) {
    const names = Object.keys(expected);
    const isThere = (name: string): boolean =>
      Object.hasOwn(got, name) && isLike(field(expected, name) ?? null, field(got, name) ?? null);
    return names.length === Object.keys(got).length && names.every(isThere);
  }
  return expected === got;
}

/** A date may be written with or without decimals, or as milliseconds since 1970. */
function isSameTime(expected: Json, got: Json): boolean {
  const found = typeof got === 'string' ? parseTime(got) : undefined;
  if (found === undefined) return false;
  return found === (typeof expected === 'string' ? parseTime(expected) : expected);
}

/** A time in UTC as RFC 3339 has it, in ms since 1970. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
