/** The package in browsers: Debian's Chromium and Firefox, with real databases, servers and restarts. */

import { after, suite } from 'node:test';
import { cors } from './cors.js';
import { Engine, type EngineName } from './engine.js';
import { media } from './media.js';
import { memory } from './memory.js';
import { neighbours } from './neighbours.js';
import { pages } from './pages.js';
import { persistence } from './persistence.js';
import { quota } from './quota.js';
import { revalidation } from './revalidation.js';
import { stopServers } from './s3.js';
import { shell } from './shell.js';
import { start } from './start.js';
import { streams } from './streams.js';
import { tabs } from './tabs.js';

const NAMES: EngineName[] = ['Chromium', 'Firefox'];
const engines = await Promise.all(NAMES.map((name) => Engine.start(name)));
after(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  await stopServers();
});

// Times and memory are taken while nothing else runs.
for (const engine of engines) start(engine);
memory();

suite('browsers', { concurrency: true }, () => {
  for (const engine of engines) {
    suite(engine.name, { concurrency: false }, () => {
      persistence(engine);
      tabs(engine);
      revalidation(engine);
      neighbours(engine);
      cors(engine);
      quota(engine);
      pages(engine);
      media(engine);
      streams(engine);
      shell(engine);
    });
  }
});
