/** The memory tier, in Node. */

import { suite, test } from 'node:test';
import { MemoryStorageTier } from 'tiered-storage';
import { casesOf } from './cases.js';
import type { Kind } from './subject.js';

const memory: Kind = {
  make: (_, limits) => new MemoryStorageTier(limits),
  isDurable: false,
  isLimited: true,
  canList: true,
};

suite('memory', () => {
  for (const [name, run] of Object.entries(casesOf(memory))) test(name, run);
});
