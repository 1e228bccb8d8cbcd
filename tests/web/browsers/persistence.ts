/** What is stored outlives the page and the browser, and is there without a network. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, Tab } from './engine.js';
import { bad, eventsOf, good } from './expect.js';
import { ownCold } from './s3.js';

export function persistence(engine: Engine): void {
  test('what was stored is read from warm after a reload, and offline after a restart of the browser', async (t) => {
    const { cold, stop } = await ownCold(t);
    const origin = await engine.origin(t);
    const setup = { cold, hasHot: true };
    const tab = await origin.tab();
    await tab.call('open', setup);
    assert.deepEqual(good(await tab.call('set', 'small', { text: 'hello' })), ['hot', 'warm', 'cold']);
    assert.deepEqual(good(await tab.call('fill', 'large', 300_000)), ['hot', 'warm', 'cold']);
    assert.deepEqual(good(await tab.call('get', 'small')), [{ text: 'hello' }, 'hot']);

    await tab.page.reload();
    await tab.call('open', setup);
    assert.deepEqual(good(await tab.call('get', 'small')), [{ text: 'hello' }, 'warm']);
    assert.deepEqual(good(await tab.call('get', 'large')), [300_000, 'warm']);
    await tab.call('close');

    await stop();
    await engine.restart();
    const next = await origin.tab();
    await next.call('open', setup);
    assert.deepEqual(good(await next.call('get', 'small')), [{ text: 'hello' }, 'warm']);
    assert.deepEqual(good(await next.call('get', 'large')), [300_000, 'warm']);
    bad(await next.call('get', 'never stored'), 'unavailable');
  });

  test('offline, warm answers, a miss is no `null`, and writes fail; online all goes on', async (t) => {
    const { cold, stop, restart } = await ownCold(t);
    const tab = await (await engine.origin(t)).tab();
    await tab.call('open', { cold });
    good(await tab.call('set', 'kept', 'kept'));
    good(await tab.call('set', 'written', 'old'));

    await stop();
    assert.deepEqual(good(await tab.call('get', 'kept')), ['kept', 'warm']);
    for (const call of ['get', 'remove'] as const) {
      const { tier } = bad(await tab.call(call, 'missing'), 'unavailable');
      assert.equal(tier, 'cold', call);
    }
    assert.equal(bad(await tab.call('set', 'written', 'new'), 'unavailable').tier, 'cold');
    // How the write ended is not known, so the older value may not be given any more.
    bad(await tab.call('get', 'written'), 'unavailable');
    bad(await tab.call('keys'), 'unavailable');
    assert.deepEqual(good(await tab.call('get', 'kept')), ['kept', 'warm']);

    await restart();
    assert.equal(good(await tab.call('get', 'missing')), null);
    assert.deepEqual(good(await tab.call('set', 'written', 'new')), ['warm', 'cold']);
    assert.deepEqual(good(await tab.call('get', 'written')), ['new', 'warm']);
    assert.deepEqual(good(await tab.call('keys')), ['written']);
    assert.ok((await tab.call('told')).every(({ type }) => type !== 'fallback'));
  });

  test('without IndexedDB entries are kept in memory, and that is told', async (t) => {
    const origin = await engine.origin(t);
    const tab = await origin.tab('/', () => {
      Reflect.deleteProperty(globalThis, 'indexedDB');
    });
    await tab.call('open', {});
    await expectMemory(tab, /no IndexedDB/);
  });

  test('where IndexedDB throws, entries are kept in memory, and that is told', async (t) => {
    const tab = await (await engine.origin(t)).tab();
    await tab.call('open', { factory: 'throwing' });
    await expectMemory(tab, /the user wants no databases/);
  });
}

async function expectMemory(tab: Tab, reason: RegExp): Promise<void> {
  assert.deepEqual(good(await tab.call('set', 'key', 'value')), ['warm', 'cold']);
  assert.deepEqual(good(await tab.call('get', 'key')), ['value', 'warm']);
  const told = await tab.call('told');
  const [{ tier, message }, ...others] = eventsOf(told, 'fallback');
  assert.deepEqual([tier, others.length], ['warm', 0]);
  assert.match(message ?? '', reason);
}
