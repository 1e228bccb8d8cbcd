/** What happens when the browser gives a site no more room. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from './engine.js';
import { eventsOf, good } from './expect.js';
import { sharedCold } from './s3.js';

const MIB = 2 ** 20;

/** How much room the tests give a site; Firefox gives this much by the settings that it was started with. */
const QUOTA = 10 * MIB;

export function quota(engine: Engine): void {
  test('at the quota older entries are given up; what can never fit is in cold alone, and that is told', async (t) => {
    const origin = await engine.origin(t);
    const tab = await origin.tab();
    if (engine.name === 'Chromium') {
      const cdp = await engine.context.newCDPSession(tab.page);
      await cdp.send('Storage.overrideQuotaForOrigin', { origin: origin.url, quotaSize: QUOTA });
    }
    await tab.call('open', { cold: await sharedCold() });
    const keys = Array.from({ length: 16 }, (_, at) => `key-${at}`);
    for (const key of keys) assert.deepEqual(good(await tab.call('fill', key, MIB)), ['warm', 'cold'], key);
    assert.deepEqual(await tab.call('told'), []);
    const sources = [];
    for (const key of keys) sources.push(good(await tab.call('get', key))?.[1]);
    assert.equal(sources.at(-1), 'warm');
    assert.equal(sources[0], 'cold');
    const kept = sources.filter((source) => source === 'warm').length;
    assert.ok(kept >= 4 && kept < 11, `${kept} of 16 entries were kept: ${sources}`);

    assert.deepEqual(good(await tab.call('fill', 'huge', QUOTA + MIB)), ['cold']);
    const events = eventsOf(await tab.call('told'), 'tierFailed');
    assert.deepEqual(events.map(({ tier, kind }) => [tier, kind]), [['warm', 'full']]);
    assert.match(events[0].message ?? '', /no more room for this site/);
    assert.deepEqual(good(await tab.call('get', 'huge')), [QUOTA + MIB, 'cold']);
    assert.deepEqual(good(await tab.call('fill', 'last', MIB)), ['warm', 'cold']);
    assert.deepEqual(good(await tab.call('get', 'last')), [MIB, 'warm']);
  });
}
