/** The tests, for a page. */

import { load } from './load.js';

const tests = load('/tests.js', fetch('/tests.wasm'));

/** Runs one; gives what failed. */
export async function run(name: string): Promise<string | null> {
  try {
    await (await tests)[name]?.();
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
