/** Bodies of any size, and conditions, in Chromium. */

import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { launchChromium, openModule } from '../lib/browser.js';

const browser = await launchChromium();
const context = await browser.newContext();
const page = await openModule(context, 'pieces/page.ts');
after(async () => {
  await page.close();
  await browser.close();
});

for (const [group, cases] of Object.entries(await page.call<Record<string, string[]>>('names'))) {
  suite(`${group} in Chromium`, () => {
    for (const name of cases) {
      test(name, async () => {
        const failure = await page.call<string | null>('run', group, name);
        assert.equal(failure, null, failure ?? '');
      });
    }
  });
}
