/** What the tests expect of what a page said. */

import assert from 'node:assert/strict';
import type { Failure, Said, Told } from './page.js';

/** The value, where it was not an error. */
export function good<T>(said: Said<T>): T {
  if ('error' in said) assert.fail(`${said.error.kind} at ${said.error.tier}: ${said.error.message}`);
  return said.value;
}

/** The error, which must be of this kind and say these words. */
export function bad(said: Said<unknown>, kind: string, words = /./): Failure {
  if (!('error' in said)) assert.fail(`no error, but ${JSON.stringify(said.value)}`);
  assert.equal(said.error.kind, kind, said.error.message);
  assert.match(said.error.message, words);
  return said.error;
}

/** The events of one type, which must not be none. */
export function eventsOf(told: readonly Told[], type: string): [Told, ...Told[]] {
  const [first, ...others] = told.filter((event) => event.type === type);
  if (!first) assert.fail(`no event ${type} among ${JSON.stringify(told)}`);
  return [first, ...others];
}
