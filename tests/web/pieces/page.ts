/** The cases, in a page. */

import { CASES } from './cases.js';

/** What there is to run. */
export function names(): Record<string, string[]> {
  return Object.fromEntries(Object.entries(CASES).map(([group, cases]) => [group, Object.keys(cases)]));
}

/** Runs one case, and answers why it failed. */
export async function run(group: string, name: string): Promise<string | null> {
  try {
    await CASES[group]?.[name]?.();
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
  }
}
