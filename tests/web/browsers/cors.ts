/** CORS rules of a bucket that are wrong, and those that `corsRules` gives. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corsRules, type CorsRule } from 'tiered-storage';
import type { Engine, Tab } from './engine.js';
import { bad, good } from './expect.js';
import { closedCold, coldWith, sharedCold, type Cold } from './s3.js';

const NAMES = ['ETag', 'Date', 'x-amz-meta-tiered-storage', 'x-amz-checksum-sha256'];

export function cors(engine: Engine): void {
  test('with the rules that `corsRules` gives, a page can do everything', async (t) => {
    const origin = await engine.origin(t);
    const tab = await origin.tab();
    await tab.call('open', { cold: await coldWith(t, corsRules(origin.url).CORSRules) });
    assert.deepEqual(good(await tab.call('set', 'a/b c', { text: 'hello' })), ['warm', 'cold']);
    assert.deepEqual(good(await tab.call('fill', 'large', 100_000)), ['warm', 'cold']);
    await tab.call('dropUpper');
    assert.deepEqual(good(await tab.call('get', 'a/b c')), [{ text: 'hello' }, 'cold']);
    assert.deepEqual(good(await tab.call('get', 'large')), [100_000, 'cold']);
    assert.equal(good(await tab.call('get', 'missing')), null);
    assert.equal(good(await tab.call('touch', 'a/b c', 60_000)), true);
    assert.deepEqual(good(await tab.call('keys')), ['a/b c', 'large']);
    good(await tab.call('remove', 'large'));
    assert.equal(good(await tab.call('invalidate', 'a/')), 1);
    assert.deepEqual(good(await tab.call('keys')), []);
  });

  test('rules that let another origin in let this page not in', async (t) => {
    const tab = await (await engine.origin(t)).tab();
    await expectClosed(tab, await coldWith(t, corsRules('https://app.example.org').CORSRules));
  });

  test('rules that hide headers fail as `invalid` and name the headers', async (t) => {
    const origin = await engine.origin(t);
    const tab = await origin.tab();
    const [rule] = corsRules(origin.url).CORSRules as [CorsRule];
    const whole = await coldWith(t, [rule]);
    await tab.call('open', { cold: whole });
    good(await tab.call('set', 'key', 'value'));
    const exposed = rule.ExposeHeaders;
    const hidden = [[], ['ETag'], exposed.filter((name) => !['Date', 'x-amz-meta-tiered-storage'].includes(name))];
    for (const ExposeHeaders of hidden) {
      const { endpoint } = await coldWith(t, [{ ...rule, ExposeHeaders }]);
      await tab.call('open', { cold: { ...whole, endpoint }, database: `hidden-${ExposeHeaders.length}` });
      const { tier, message } = bad(await tab.call('get', 'key'), 'invalid', /CORS/);
      assert.equal(tier, 'cold');
      for (const name of [...NAMES, 'corsRules']) assert.ok(message.includes(name), `${name} in: ${message}`);
    }
    const { endpoint } = await coldWith(t, [{ ...rule, ExposeHeaders: [] }]);
    await tab.call('open', { cold: { ...whole, endpoint } });
    bad(await tab.call('set', 'key', 'next'), 'invalid', /CORS/);
  });

  test('without rules, calls fail as `unavailable` and ask for them', async (t) => {
    const tab = await (await engine.origin(t)).tab();
    await expectClosed(tab, await closedCold());
    await tab.call('open', { cold: await sharedCold() });
    assert.equal(good(await tab.call('get', 'key')), null);
  });
}

async function expectClosed(tab: Tab, cold: Cold): Promise<void> {
  await tab.call('open', { cold });
  for (const said of [await tab.call('get', 'key'), await tab.call('set', 'key', 'value'), await tab.call('keys')]) {
    assert.equal(bad(said, 'unavailable', /CORS/).tier, 'cold');
  }
}
