/**
 * Every fault of the embedded server at every request of every operation, over the `fetch` of Chromium: as far as a page is
 * told of it, and with what the browser does by itself, such as to send a request again when a connection was closed.
 */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { type Opened, launchChromium, openModule } from '../../lib/browser.js';
import { type RunningServer, startServer } from '../../scenarios/server.js';
import type { Ending } from './cell.js';
import { FAULT_NAMES, type Selection, cellsOf, complaint } from './matrix.js';
import { WIRE_NAMES, isOfWire } from './names.js';
import { STORIES } from './stories.js';
import { Wire } from './wire.js';

/** Answers are what they are in Node: of those that stay, pages meet one of each sort, and large bodies what cuts connections. */
const SELECTION: Selection = {
  small: {
    once: [...FAULT_NAMES, ...WIRE_NAMES],
    always: ['slowDown', 'truncate', 'hang', 'dropAfter', 'accessDenied', 'redirect', 'cutLate'],
  },
  staged: { once: ['dropAfter'], each: ['dropBefore', 'unread', 'tooEarly'] },
  parted: { once: ['dropAfter'] },
};

let browser: Browser;
let page: Opened;
let server: RunningServer;
let elsewhere: RunningServer;
let wire: Wire;

before(async () => {
  browser = await launchChromium();
  page = await openModule(await browser.newContext(), 's3/faults/page.ts');
  const { origin } = page.site;
  [server, elsewhere] = await Promise.all([startServer(['bucket'], origin), startServer(['bucket'], origin, ['--region', 'eu-west-3'])]);
  wire = await Wire.start(server);
  await page.page.exposeFunction('obey', wire.obey);
  await page.page.exposeFunction('obeyElsewhere', elsewhere.obey);
});

after(async () => {
  await page.close();
  await browser.close();
  await wire[Symbol.asyncDispose]();
  await Promise.all([server.close(), elsewhere.close()]);
});

suite('faults over the fetch of Chromium', () => {
  for (const [fault, cells] of cellsOf(SELECTION)) {
    test(`${fault}: ${cells.length} cells`, async () => {
      const endings = await page.call<Ending[]>('run', isOfWire(fault) ? wire.place : server.place, cells);
      const complaints = cells.map((cell, at) => complaint(cell, endings[at] ?? assert.fail('each has an ending'), true));
      assert.deepEqual(complaints.filter((line) => line), []);
    });
  }
  for (const name of Object.keys(STORIES)) {
    test(name, () => page.call('tell', name, server.place, elsewhere.place));
  }
});
