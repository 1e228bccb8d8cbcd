/** How much memory Chromium takes, in all its processes, for a body that is larger than that. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LonePage } from './alone.js';
import { good } from './expect.js';
import { sharedCold } from './s3.js';

const MIB = 2 ** 20;
const SIZE = 256 * MIB;
/** How much more than before the browser may take at any time, while the body goes through a page. */
const EXTRA_BYTES_MAX = 96 * MIB;
const SAMPLE_MS = 20;

export function memory(): void {
  test('256 MiB go through memory, IndexedDB and S3 and back, in less than 96 MiB', async (t) => {
    const page = await LonePage.open();
    t.after(() => page.close());
    await page.call('open', { cold: await sharedCold(), hasHot: true, promotionStrategy: 'eager', timeoutMs: 60_000 });
    // What runs for the first time is compiled.
    good(await page.call('pour', 'first', 20 * MIB));
    good(await page.call('drain', 'first'));
    const drain = async (source: string): Promise<void> => {
      assert.deepEqual(good(await page.call('drain', 'film')), [SIZE, source]);
      await page.call('told');
    };
    await measure(t, page, 'written', async () => assert.deepEqual(good(await page.call('pour', 'film', SIZE)), ['warm', 'cold']));
    await measure(t, page, 'read from IndexedDB', () => drain('warm'));
    await page.call('dropUpper');
    await measure(t, page, 'read from S3, and kept in IndexedDB', () => drain('cold'));
  });
}

/** Fails if `work` takes too much, and tells what it takes. */
async function measure(t: TestContext, page: LonePage, what: string, work: () => Promise<void>): Promise<void> {
  await page.collect();
  const idle = await page.bytes();
  const began = performance.now();
  let peak = idle;
  let isOver = false;
  const working = work().finally(() => (isOver = true));
  while (!isOver) {
    peak = Math.max(peak, await page.bytes());
    await sleep(SAMPLE_MS);
  }
  await working;
  const words = `${what}: ${mib(peak - idle)} MiB more than ${mib(idle)} MiB`;
  t.diagnostic(`${words}, in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  assert.ok(peak - idle < EXTRA_BYTES_MAX, words);
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
