/** The cases, for tiers of a page. */

import { CacheApiStorageTier, IndexedDBStorageTier, MemoryStorageTier } from 'tiered-storage';
import { casesOf } from './cases.js';
import { portOf, type Kind } from './subject.js';

const KINDS: Record<string, Kind> = {
  memory: {
    make: (_, limits) => new MemoryStorageTier(limits),
    isDurable: false,
    isLimited: true,
    canList: true,
  },
  'indexed-db': {
    make: (name, limits) => new IndexedDBStorageTier({ name, ...limits }),
    release: async (tier) => (await portOf(tier)).close(),
    isDurable: true,
    isLimited: true,
    canList: true,
  },
  'cache-api': {
    make: (name) => new CacheApiStorageTier({ name }),
    isDurable: true,
    isLimited: false,
    canList: true,
  },
};

const cases = Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => [name, casesOf(kind)]));

/** What there is to run. */
export function names(): Record<string, string[]> {
  return Object.fromEntries(Object.entries(cases).map(([name, runs]) => [name, Object.keys(runs)]));
}

/** Runs one case, and answers why it failed. */
export async function run(kind: string, name: string): Promise<string | null> {
  try {
    await cases[kind]?.[name]?.();
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
  }
}
