/** Several tabs on one database, and databases that are taken away from one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, Tab } from './engine.js';
import { bad, eventsOf, good } from './expect.js';
import type { Setup } from './page.js';
import { sharedCold } from './s3.js';

/** How often tabs write against each other. */
const ROUNDS = 5;
/** What another tab may have to wait for a database. */
const WAIT_MS = 2_000;
/** How long the tier waits for a database that another tab holds. */
const OPEN_MS = 10_000;
const KEYS = Array.from({ length: 25 }, (_, at) => `key-${at}`);

export function tabs(engine: Engine): void {
  test('two tabs write and read at once, and each finds in warm what the other wrote', async (t) => {
    const setup = { cold: await sharedCold() };
    const origin = await engine.origin(t);
    const pair = [await origin.tab(), await origin.tab()] as const;
    await Promise.all(pair.map((tab) => tab.call('open', setup)));
    const work = pair.flatMap((tab, at) => KEYS.map((key) => tab.call('set', `${at}/${key}`, `${key} of ${at}`)));
    for (const said of await Promise.all(work)) assert.deepEqual(good(said), ['warm', 'cold']);
    const found = pair.flatMap((tab, at) =>
      KEYS.map(async (key) => {
        assert.deepEqual(good(await tab.call('get', `${1 - at}/${key}`)), [`${key} of ${1 - at}`, 'warm']);
        assert.deepEqual(good(await tab.call('set', `${at}/more/${key}`, 'more')), ['warm', 'cold']);
      }),
    );
    await Promise.all(found);
    for (const [at, tab] of pair.entries()) assert.deepEqual(good(await tab.call('get', `${1 - at}/more/key-7`)), ['more', 'warm']);
    assert.deepEqual(await Promise.all(pair.map((tab) => tab.call('told'))), [[], []]);
  });

  test('of tabs that write at once where nothing is, one wins each round, and no change of a count is lost', async (t) => {
    const cold = await sharedCold();
    const origin = await engine.origin(t);
    const all = [await origin.tab(), await origin.tab(), await origin.tab()];
    await Promise.all(all.map((tab, at) => tab.call('open', { cold, database: `racer-${at}` })));
    for (const key of KEYS.slice(0, ROUNDS)) {
      const said = await Promise.all(all.map((tab, at) => tab.call('setIfAbsent', key, `of ${at}`)));
      const winners = said.flatMap((one, at) => ('error' in one ? [] : [at]));
      assert.equal(winners.length, 1, `${winners.length} won ${key}`);
      for (const one of said) if ('error' in one) bad(one, 'conflict');
      for (const tab of all) assert.equal(good(await tab.call('get', key))?.[0], `of ${winners[0]}`);
    }
    for (const one of await Promise.all(all.map((tab) => tab.call('raise', 'count', ROUNDS)))) good(one);
    const [first] = all;
    await first?.call('dropUpper');
    assert.equal(good((await first?.call('get', 'count')) ?? assert.fail('there are tabs'))?.[0], all.length * ROUNDS);
  });

  test('another tab removes the database without waiting, and the storage goes on with a new one', async (t) => {
    const [tab, other] = await openPair(engine, t, { cold: await sharedCold() });
    assert.equal(await other.call('takeOver', 'remove', WAIT_MS), 'done');
    assert.deepEqual(good(await tab.call('get', 'key')), ['value', 'cold']);
    await expectWorks(tab);
    assert.deepEqual(await tab.call('told'), []);
  });

  test('another tab raises the version without waiting; the storage does without warm until that is gone', async (t) => {
    const [tab, other] = await openPair(engine, t, { cold: await sharedCold() });
    assert.equal(await other.call('takeOver', 'raise', WAIT_MS), 'done');
    assert.deepEqual(good(await tab.call('get', 'key')), ['value', 'cold']);
    assert.deepEqual(good(await tab.call('set', 'key', 'next')), ['cold']);
    const events = eventsOf(await tab.call('told'), 'tierFailed');
    assert.deepEqual(new Set(events.map(({ tier, kind }) => `${tier} ${kind}`)), new Set(['warm unavailable']));

    await other.call('letGo');
    assert.equal(await other.call('takeOver', 'remove', WAIT_MS), 'done');
    assert.deepEqual(good(await tab.call('get', 'key')), ['next', 'cold']);
    await expectWorks(tab);
  });

  test('a database that another tab does not let go of is given up after a time, and used once it is free', async (t) => {
    const origin = await engine.origin(t);
    const [tab, other] = [await origin.tab(), await origin.tab()];
    await other.call('hold');
    assert.equal(await other.call('takeOver', 'remove', 100), 'late');

    await tab.call('open', { cold: await sharedCold() });
    const first = await tab.call('set', 'key', 'value');
    assert.deepEqual(good(first), ['cold']);
    assert.ok(first.ms > OPEN_MS * 0.9 && first.ms < OPEN_MS * 1.5, `the first write took ${first.ms} ms`);
    const [{ tier, kind, isTimeout, message }] = eventsOf(await tab.call('told'), 'tierFailed');
    assert.deepEqual([tier, kind, isTimeout], ['warm', 'unavailable', true]);
    assert.match(message ?? '', /did not open within 10000 ms; another tab may hold it/);
    // Nobody waits as long again.
    for (const pause of [0, 1_500]) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      const next = await tab.call('get', 'key');
      assert.deepEqual(good(next), ['value', 'cold']);
      assert.ok(next.ms < WAIT_MS, `a read ${pause} ms after it took ${next.ms} ms`);
    }

    await other.call('letGo');
    await until(async () => (good(await tab.call('set', 'key', 'next')).includes('warm') ? true : undefined));
    assert.deepEqual(good(await tab.call('get', 'key')), ['next', 'warm']);
  });

  test('a connection that was closed, and nobody said so, is opened again', async (t) => {
    const tab = await (await engine.origin(t)).tab();
    await tab.call('open', { cold: await sharedCold(), factory: 'closable' });
    good(await tab.call('set', 'key', 'value'));
    for (const call of ['get', 'set', 'remove'] as const) {
      assert.equal(await tab.call('closeUnder'), 1);
      if (call === 'get') assert.deepEqual(good(await tab.call('get', 'key')), ['value', 'warm']);
      if (call === 'set') assert.deepEqual(good(await tab.call('set', 'key', 'next')), ['warm', 'cold']);
      if (call === 'remove') good(await tab.call('remove', 'key'));
    }
    assert.equal(good(await tab.call('get', 'key')), null);
    assert.deepEqual(await tab.call('told'), []);
  });

  test('what the browser removes under it is read from cold', { skip: engine.name !== 'Chromium' && 'it needs CDP' }, async (t) => {
    const origin = await engine.origin(t);
    const tab = await origin.tab();
    await tab.call('open', { cold: await sharedCold() });
    good(await tab.call('set', 'key', 'value'));
    const cdp = await engine.context.newCDPSession(tab.page);
    await cdp.send('Storage.clearDataForOrigin', { origin: origin.url, storageTypes: 'indexeddb' });
    assert.deepEqual(good(await tab.call('get', 'key')), ['value', 'cold']);
    await expectWorks(tab);
    assert.deepEqual(await tab.call('told'), []);
  });
}

/** A tab whose storage has an entry, and another of the same origin. */
async function openPair(engine: Engine, t: Parameters<Engine['origin']>[0], setup: Setup): Promise<[tab: Tab, other: Tab]> {
  const origin = await engine.origin(t);
  const [tab, other] = [await origin.tab(), await origin.tab()];
  await tab.call('open', setup);
  assert.deepEqual(good(await tab.call('set', 'key', 'value')), ['warm', 'cold']);
  assert.deepEqual(good(await tab.call('get', 'key')), ['value', 'warm']);
  return [tab, other];
}

async function expectWorks(tab: Tab): Promise<void> {
  assert.deepEqual(good(await tab.call('set', 'key', 'new')), ['warm', 'cold']);
  assert.deepEqual(good(await tab.call('get', 'key')), ['new', 'warm']);
}

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let turn = 0; turn < 100; turn++) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not come about');
}
