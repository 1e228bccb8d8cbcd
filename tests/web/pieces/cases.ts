/** All cases about bodies of any size, and about conditions. */

import { CONDITIONS, RANGES } from './conditions.js';
import { PARTS } from './parts.js';
import { READS } from './reads.js';
import { WRITES } from './writes.js';

export const CASES: Record<string, Record<string, () => Promise<void>>> = {
  reads: READS,
  writes: WRITES,
  ranges: RANGES,
  conditions: CONDITIONS,
  parts: PARTS,
};
