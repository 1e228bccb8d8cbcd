/** Two tabs over one bucket: how old what one of them reads may be, and what it costs to know. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type RunningServer, startServer } from '../scenarios/server.js';
import type { Engine, Tab } from './engine.js';
import { bad, good } from './expect.js';
import type { Setup } from './page.js';

const AFTER_MS = 60_000;
const STALE_MS = 180_000;
const NOW = Date.UTC(2026, 0, 1);
const KEYS = ['a', 'b', 'c'];
/** How many ask for each key at once. */
const READERS = 10;

/** What the tabs have above the bucket; `isShared`: one database for both. */
interface Layout {
  readonly isShared: boolean;
  readonly hasHot: boolean;
}

const LAYOUTS: Layout[] = [true, false].flatMap((isShared) => [true, false].map((hasHot) => ({ isShared, hasHot })));

export function revalidation(engine: Engine): void {
  // Firefox takes seconds for a pair of tabs; it gets the layouts that have least in common.
  const layouts = LAYOUTS.filter(({ isShared, hasHot }) => engine.name === 'Chromium' || isShared === hasHot);
  for (const layout of layouts) {
    const where = `${layout.isShared ? 'one database' : 'two databases'}${layout.hasHot ? ' and memory' : ''}`;

    test(`over ${where}, a tab sees what another wrote after revalidateAfter at the latest`, async (t) => {
      const [tab, other] = await openPair(engine, t, layout);
      const isAtOnce = layout.isShared && !layout.hasHot;
      await bothHave(tab, other, 'old');
      good(await tab.call('set', 'a', 'new'));
      good(await tab.call('remove', 'b'));
      await tab.call('asked');
      // Copies are believed for so long, and nobody asks.
      await advance(AFTER_MS, tab, other);
      if (!isAtOnce) assert.deepEqual(await valuesIn(other), ['old', 'old', 'old']);
      assert.deepEqual(isAtOnce ? [] : await other.call('asked'), []);

      await advance(1, tab, other);
      assert.deepEqual(await valuesIn(other), ['new', null, 'old']);
      await other.call('asked');
      assert.deepEqual(await valuesIn(other), ['new', null, 'old']);
      assert.deepEqual(await valuesIn(tab), ['new', null, 'old']);
    });

    test(`over ${where}, a period costs one request for each key that is read, however many read`, async (t) => {
      const [tab, other] = await openPair(engine, t, layout);
      await bothHave(tab, other, 'same');
      for (let period = 0; period < 3; period += 1) {
        await advance(AFTER_MS + 1, tab, other);
        assert.deepEqual(await valuesIn(other), ['same', 'same', 'same']);
        assert.deepEqual(await other.call('asked'), ['head', 'head', 'head']);
        await advance(AFTER_MS - 1, tab, other);
        assert.deepEqual(await valuesIn(other), ['same', 'same', 'same']);
        assert.deepEqual(await other.call('asked'), [], 'nothing is due');
      }
    });

    test(`over ${where}, what is due is served during an outage for staleIfUnavailable, and no longer`, async (t) => {
      const [tab, other, server] = await openPair(engine, t, layout);
      await bothHave(tab, other, 'kept');
      await server.obey({ order: 'stop' });
      await advance(AFTER_MS + 1, tab, other);
      for (const one of [tab, other]) assert.deepEqual(await valuesIn(one), ['kept', 'kept', 'kept']);
      await advance(STALE_MS - AFTER_MS - 1, tab, other);
      for (const one of [tab, other]) assert.deepEqual(await valuesIn(one), ['kept', 'kept', 'kept']);
      await advance(1, tab, other);
      for (const one of [tab, other]) assert.equal(bad(await one.call('get', 'a'), 'unavailable').tier, 'cold');

      await server.obey({ order: 'restart' });
      for (const one of [tab, other]) assert.deepEqual(await valuesIn(one), ['kept', 'kept', 'kept']);
    });
  }
}

async function openPair(engine: Engine, t: TestContext, { isShared, hasHot }: Layout): Promise<[tab: Tab, other: Tab, server: RunningServer]> {
  const server = await startServer(['bucket'], '*');
  t.after(() => server.close());
  const origin = await engine.origin(t);
  const pair: [Tab, Tab] = [await origin.tab(), await origin.tab()];
  const times = { now: NOW, revalidateAfter: AFTER_MS, staleIfUnavailable: STALE_MS };
  const setup: Setup = { cold: { ...server.place, bucket: 'bucket', prefix: 'tabs' }, hasHot, promotionStrategy: 'eager', times };
  for (const [at, tab] of pair.entries()) await tab.call('open', { ...setup, database: isShared ? 'shared' : `tab-${at}` });
  return [...pair, server];
}

/** One tab writes all keys, and both have copies of them. */
async function bothHave(tab: Tab, other: Tab, value: string): Promise<void> {
  for (const key of KEYS) good(await tab.call('set', key, value));
  // The second time they come from where they were promoted to.
  for (let turn = 0; turn < 2; turn += 1) assert.deepEqual(await valuesIn(other), [value, value, value]);
  for (const one of [tab, other]) await one.call('asked');
}

async function advance(ms: number, ...tabs: Tab[]): Promise<void> {
  await Promise.all(tabs.map((tab) => tab.call('advance', ms)));
}

/** The value of each key, on which all agree who ask at once. */
async function valuesIn(tab: Tab): Promise<unknown[]> {
  const said = await tab.call('getMany', KEYS, READERS);
  const values = said.map((one) => good(one)?.[0] ?? null);
  return KEYS.map((key, at) => {
    const [first, ...others] = values.slice(at * READERS, (at + 1) * READERS);
    assert.ok(others.every((other) => other === first), `${key} is read as ${[first, ...others].join()}`);
    return first;
  });
}
