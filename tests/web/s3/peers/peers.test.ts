/** The S3 tier over `fetch`, in Node and in Chromium, against servers that others wrote. */

import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { corsRules } from 'tiered-storage';
import { type Opened, launchChromium, openModule } from '../../lib/browser.js';
import { Proxy } from '../proxy.js';
import { applyRules } from '../rules.js';
import { type RunningPeer, startPeer } from './peer.js';
import { type PeerName, WORK } from './work.js';

let browser: Browser;
let page: Opened;

before(async () => {
  browser = await launchChromium();
  page = await openModule(await browser.newContext(), 's3/peers/page.ts');
});

after(async () => {
  await page.close();
  await browser.close();
});

for (const name of ['rclone', 'ministack'] satisfies PeerName[]) {
  suite(name, () => {
    let running: RunningPeer;
    let proxy: Proxy | undefined;

    before(async () => {
      running = await startPeer(name);
      if (running.missing !== undefined) return;
      proxy = await Proxy.start(running.peer.endpoint);
      applyRules(proxy, corsRules(page.site.origin).CORSRules);
    });

    after(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await running.close();
    });

    for (const [title, work] of Object.entries(WORK)) {
      test(`${title}, from Node`, async (context) => {
        if (running.missing !== undefined) return context.skip(running.missing);
        await work({ ...running.peer, folder: 'node' });
      });

      test(`${title}, from Chromium`, async (context) => {
        if (!proxy) return context.skip(running.missing);
        // The host that is signed is the one that the page asks.
        await page.call('work', title, { ...running.peer, endpoint: proxy.endpoint, folder: 'page' });
      });
    }
  });
}
