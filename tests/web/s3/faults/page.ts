/** Cells of the matrix, and stories, in a page. */

import type { Order, Place } from '../../scenarios/server.js';
import { type Cell, type Ending, runCells } from './cell.js';
import { tell as tellStory } from './stories.js';
import type { Host } from './world.js';

declare global {
  /** Given by the runner, beside the page: orders to the server, and to the one that is elsewhere. */
  var obey: (order: Order) => Promise<never>;
  var obeyElsewhere: (order: Order) => Promise<never>;
}

export function run(place: Place, cells: Cell[]): Promise<Ending[]> {
  return runCells(hostOf(place), cells);
}

export function tell(name: string, place: Place, elsewhere: Place): Promise<void> {
  return tellStory(name, { host: hostOf(place), elsewhere: { name: 'page', place: elsewhere, obey: obeyElsewhere } });
}

function hostOf(place: Place): Host {
  return { name: 'page', place, obey };
}
