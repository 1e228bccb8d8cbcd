/** The host `chromium`, seen from Node: a page that plays, and the S3 server that it plays against. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { DIST } from '../lib/bundle.mjs';
import { launchChromium, type Opened, openModule } from '../lib/browser.js';
import type { Ending } from './play.js';
import type { Player } from './run.js';
import { type RunningServer, startServer } from './server.js';

/** A scenario that takes longer than this has hung the page. */
const LONGEST_MS = 300_000;

/** For at most `scenarios` scenarios, each of which has a bucket of its own. */
export async function chromiumPlayer(scenarios: number): Promise<Player> {
  const browser = await launchChromium();
  try {
    const core = readFileSync(join(DIST, 'tiers.wasm'));
    const files = (path: string): Buffer | undefined => (path === '/tiers.wasm' ? core : undefined);
    const opened = await openModule(await browser.newContext(), 'scenarios/page.ts', files);
    const buckets = Array.from({ length: scenarios }, (_, at) => `scenario-${at}`);
    const server = await startServer(buckets, opened.site.origin);
    await opened.page.exposeFunction('damageObject', server.damage);
    return player(browser, opened, server, buckets);
  } catch (error) {
    await browser.close();
    throw error;
  }
}

function player(browser: Browser, opened: Opened, server: RunningServer, buckets: string[]): Player {
  return {
    async play(stem, text) {
      const bucket = buckets.pop();
      if (bucket === undefined) throw new Error('there is a bucket for every scenario');
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, fail) => {
        timer = setTimeout(() => fail(new Error(`the page does not answer (${stem})`)), LONGEST_MS);
      });
      const played = opened.call<Ending>('playText', stem, text, { ...server.place, bucket });
      return Promise.race([played, late]).finally(() => clearTimeout(timer));
    },
    async close() {
      server.close();
      await opened.close();
      await browser.close();
    },
  };
}
