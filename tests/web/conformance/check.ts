/** Checks for cases that run in any host. */

import { StorageError, type ErrorKind } from 'tiered-storage';

/** Fails with `words` unless it is so. */
export function check(isSo: boolean, words: string): asserts isSo {
  if (!isSo) throw new Error(words);
}

/** Expects the same value, dates and bytes included. */
export function same(found: unknown, expected: unknown, words: string): void {
  const [left, right] = [shown(found), shown(expected)];
  check(left === right, `${words}: found ${left}, expected ${right}`);
}

/** Expects these bytes, told briefly. */
export function sameBytes(found: Uint8Array | null | undefined, expected: Uint8Array, words: string): void {
  const isBytes = Object.prototype.toString.call(found) === '[object Uint8Array]';
  check(isBytes, isBytes ? '' : `${words}: found no bytes, but ${shown(found)}`);
  const bytes = found as Uint8Array;
  check(bytes.length === expected.length, `${words}: found ${bytes.length} bytes, expected ${expected.length}`);
  let at = 0;
  while (at < bytes.length && bytes[at] === expected[at]) at += 1;
  check(at === bytes.length, `${words}: byte ${at} is ${bytes[at]}, expected ${expected[at]}`);
}

/** Expects a `StorageError` of this kind. */
export async function fails(kind: ErrorKind, call: () => unknown, words: string): Promise<StorageError> {
  const error = await caught(call);
  check(error instanceof StorageError, `${words}: expected a StorageError, found ${String(error)}`);
  check(error.kind === kind, `${words}: expected the kind ${kind}, found ${error.kind}: ${error.message}`);
  return error;
}

async function caught(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Waits until `isSo`, at most five seconds. */
export async function until(isSo: () => boolean | Promise<boolean>, words: string): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (await isSo()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`it did not come to pass: ${words}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (Object.prototype.toString.call(inner) === '[object Uint8Array]') return [...(inner as Uint8Array)];
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
  return text === undefined ? 'undefined' : text;
}
