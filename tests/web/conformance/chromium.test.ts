/** The tiers of a page, in Chromium. */

import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { launchChromium, openModule } from '../lib/browser.js';

const browser = await launchChromium();
const context = await browser.newContext();
const page = await openModule(context, 'conformance/page.ts');
after(async () => {
  await page.close();
  await browser.close();
});

for (const [kind, cases] of Object.entries(await page.call<Record<string, string[]>>('names'))) {
  suite(`${kind} in Chromium`, () => {
    for (const name of cases) {
      test(name, async () => {
        const failure = await page.call<string | null>('run', kind, name);
        assert.equal(failure, null, failure ?? '');
      });
    }
  });
}
