/** Every fault of the embedded server at every request of every operation, over the `fetch` of Node. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type RunningServer, startServer } from '../../scenarios/server.js';
import { runCells } from './cell.js';
import { FAULT_NAMES, type Selection, cellsOf, complaint } from './matrix.js';
import { STORIES, tell } from './stories.js';

/** Large bodies take a while: they meet one fault of each sort. */
const SELECTION: Selection = {
  small: { once: FAULT_NAMES, always: FAULT_NAMES },
  staged: { once: ['truncate', 'hang', 'dropAfter', 'expiredToken'], always: ['accessDenied'] },
  parted: { once: ['dropAfter'], always: ['slowDown'] },
};

let server: RunningServer;
let elsewhere: RunningServer;

before(async () => {
  [server, elsewhere] = await Promise.all([startServer(['bucket'], '*'), startServer(['bucket'], '*', ['--region', 'eu-west-3'])]);
});

after(async () => {
  await Promise.all([server.close(), elsewhere.close()]);
});

suite('faults over the fetch of Node', () => {
  for (const [fault, cells] of cellsOf(SELECTION)) {
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
