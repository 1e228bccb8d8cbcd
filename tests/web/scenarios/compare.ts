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
      compare(path === '' ? name : `${path}.${name}`, wanted, field(got, name) ?? null, orderOf(name));
    }
  } else if (!fits(expected, got, order)) {
    throw new Mismatch(path === '' ? show(expected) : `${path} ${show(expected)}`, show(got));
  }
}

function fits(expected: Json, got: Json, order: Order): boolean {
  if (isObject(expected) && isObject(got)) {
    return Object.entries(expected).every(([name, wanted]) => fits(wanted, field(got, name) ?? null, orderOf(name)));
  }
  if (Array.isArray(expected) && Array.isArray(got)) return isSameList(expected, got, order);
  return isLike(expected, got) || isSameTime(expected, got);
}

function orderOf(name: string): Order {
  return name === 'tiersWritten' || name === 'keys' ? 'any' : 'kept';
}

function isSameList(wanted: Json[], found: Json[], order: Order): boolean {
  if (wanted.length !== found.length) return false;
  if (order === 'kept') return wanted.every((json, at) => fits(json, found[at] ?? null, 'kept'));
  const fit = (a: Json, b: Json): boolean => fits(a, b, 'kept');
  return wanted.every((a) => found.some((b) => fit(a, b))) && found.every((b) => wanted.some((a) => fit(a, b)));
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
