/** All cases for a kind of tier, by name. */

import { ENTRY_CASES } from './entries.js';
import { DURABLE_CASES, LIMIT_CASES } from './limits.js';
import { LIST_CASES, PORT_CASES } from './ports.js';
import { PART_CASES, PART_LIMIT_CASES } from './parts.js';
import { PIECE_CASES, PIECE_DURABLE_CASES, PIECE_LIMIT_CASES } from './pieces.js';
import { portOf, type Kind } from './subject.js';
import { WHOLE_CASES } from './wholes.js';

/** Needs a tier that can count. */
const FRESH = 'a fresh tier is empty';

/** What to run: each by itself, over a place of its own. */
export function casesOf(kind: Kind): Record<string, () => Promise<void>> {
  const cases: Record<string, () => Promise<void>> = {};
  let places = 0;
  const add = (group: string, name: string, run: (place: string) => Promise<void>): void => {
    places += 1;
    const place = `${group}-${places}-${Date.now()}`;
    cases[`${group}: ${name}`] = () => run(place);
  };
  const entries = Object.entries(kind.canList ? { ...ENTRY_CASES, ...WHOLE_CASES } : ENTRY_CASES);
  for (const [name, run] of entries) {
    if (name === FRESH && !kind.canList) continue;
    add('methods', name, async (place) => {
      const tier = kind.make(place);
      await run(tier);
      await kind.release?.(tier);
    });
  }
  const ports = { ...PORT_CASES, ...PIECE_CASES };
  for (const [name, run] of Object.entries(kind.canList ? { ...ports, ...LIST_CASES, ...PART_CASES } : ports)) {
    add('port', name, async (place) => {
      const tier = kind.make(place);
      await run(await portOf(tier));
      await kind.release?.(tier);
    });
  }
  const more = { ...(kind.isLimited ? { ...LIMIT_CASES, ...PIECE_LIMIT_CASES, ...PART_LIMIT_CASES } : {}), ...(kind.isDurable ? { ...DURABLE_CASES, ...PIECE_DURABLE_CASES } : {}) };
  for (const [name, run] of Object.entries(more)) add('place', name, (place) => run(kind, place));
  return cases;
}
