/** Every fault of the embedded server at every request of every operation, over the `fetch` of Node. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type FaultName, type RunningServer, startServer } from '../../scenarios/server.js';
import { runCells } from './cell.js';
import { cellsBy, complaint } from './matrix.js';
import { STORIES, tell } from './stories.js';

/** Large bodies take a while: of the faults that stay, they meet one of each sort. */
const STAYING: readonly FaultName[] = ['slowDown', 'dropAfter', 'accessDenied'];

let server: RunningServer;
let elsewhere: RunningServer;

before(async () => {
  [server, elsewhere] = await Promise.all([startServer(['bucket'], '*'), startServer(['bucket'], '*', ['--region', 'eu-west-3'])]);
});

after(async () => {
  await Promise.all([server.close(), elsewhere.close()]);
});

suite('faults over the fetch of Node', () => {
  const all = cellsBy(({ fault, often }, { isLarge }) => !isLarge || often === 'once' || STAYING.includes(fault));
  for (const [fault, cells] of all) {
    test(`${fault}: ${cells.length} cells`, async () => {
      const endings = await runCells({ ...server, name: 'node' }, cells);
      const complaints = cells.map((cell, at) => complaint(cell, endings[at] ?? assert.fail('each has an ending')));
      assert.deepEqual(complaints.filter((line) => line), []);
    });
  }
  for (const name of Object.keys(STORIES)) {
    test(name, () => tell(name, { host: { ...server, name: 'node' }, elsewhere: { ...elsewhere, name: 'node' } }));
  }
});
