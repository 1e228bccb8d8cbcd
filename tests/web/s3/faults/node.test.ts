/** Every fault of the embedded server at every request of every operation, over the `fetch` of Node. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type RunningServer, startServer } from '../../scenarios/server.js';
import { runCells } from './cell.js';
import { FAULT_NAMES, type Selection, cellsOf, complaint } from './matrix.js';
import { WIRE_NAMES, isOfWire } from './names.js';
import { STORIES, tell } from './stories.js';
import { Wire } from './wire.js';
import type { Host } from './world.js';

/** Before the body of a request was read. */
const EARLY = ['unread', 'tooEarly'] as const;

/**
 * Large bodies take a while: they meet one fault of each sort at each request, and of those that pass the others once at all
 * of their requests together.
 */
const SELECTION: Selection = {
  small: { once: [...FAULT_NAMES, ...WIRE_NAMES], always: [...FAULT_NAMES, 'cutLate', 'shortened', 'login'] },
  staged: {
    once: ['truncate', 'dropAfter', 'accessDenied', 'cutLate'],
    each: ['slowDown', 'internalError', 'errorIn200', 'hang', 'dropBefore', 'conflict', 'requestTimeout', 'expiredToken', ...EARLY],
  },
  parted: { once: ['dropAfter'], each: ['unread'], always: ['slowDown'] },
};

let server: RunningServer;
let elsewhere: RunningServer;
let wire: Wire;

before(async () => {
  [server, elsewhere] = await Promise.all([startServer(['bucket'], '*'), startServer(['bucket'], '*', ['--region', 'eu-west-3'])]);
  wire = await Wire.start(server);
});

after(async () => {
  await wire[Symbol.asyncDispose]();
  await Promise.all([server.close(), elsewhere.close()]);
});

suite('faults over the fetch of Node', () => {
  for (const [fault, cells] of cellsOf(SELECTION)) {
    test(`${fault}: ${cells.length} cells`, async () => {
      const host: Host = { name: isOfWire(fault) ? 'wire' : 'node', place: (isOfWire(fault) ? wire : server).place, obey: wire.obey };
      const endings = await runCells(host, cells);
      const complaints = cells.map((cell, at) => complaint(cell, endings[at] ?? assert.fail('each has an ending')));
      assert.deepEqual(complaints.filter((line) => line), []);
    });
  }
  for (const name of Object.keys(STORIES)) {
    test(name, () => tell(name, { host: { ...server, name: 'node' }, elsewhere: { ...elsewhere, name: 'node' } }));
  }
});
