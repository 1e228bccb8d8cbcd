/** Tabs that know of each other: what one changes, the others see at once; what one brings, no other asks for again. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Proxy, type Passing } from '../s3/proxy.js';
import type { Engine, Origin, Tab } from './engine.js';
import { good } from './expect.js';
import type { Setup } from './page.js';
import { sharedCold } from './s3.js';
import { files, query, register } from './unbundled.js';

/** How long after it was acknowledged a change may be unknown to the others. */
const SEEN_MS = 100;
const HOUR_MS = 3_600_000;
/** What nobody who is waited for takes. */
const LONG_MS = 5_000;

export function neighbours(engine: Engine): void {
  test('what one tab writes, removes or invalidates is gone from the memory of the others at once', async (t) => {
    const { tabs } = await open(engine, t, 3);
    const [writer, ...others] = tabs;
    const lags: number[] = [];
    const changes = [
      ['setAt', 'a/key', 'new'],
      ['touchAt', 'a/key', 60_000],
      ['invalidateAt', 'a/'],
      ['removeAt', 'a/key'],
    ] as const;
    for (const [change, ...words] of changes) {
      good(await writer.call('set', 'a/key', 'old'));
      for (const tab of others) await fill(tab, 'a/key', 'old');
      const watching = others.map((tab) => tab.call('unseen', 'a/key', 'old', LONG_MS));
      const acknowledged = await writer.call(change, ...(words as [string, never]));
      for (const [value, at] of await Promise.all(watching)) {
        assert.ok(value === null || value === undefined || value === 'new', `${change}: ${String(value)}`);
        lags.push(at - acknowledged);
      }
    }
    const worst = Math.max(...lags);
    t.diagnostic(`a change was seen at most ${worst.toFixed(1)} ms after it was acknowledged`);
    assert.ok(worst < SEEN_MS, `${worst} ms`);
  });

  test('an event tells which key or prefix another tab has changed', async (t) => {
    const { tabs } = await open(engine, t, 2);
    const [writer, other] = tabs as [Tab, Tab];
    good(await writer.call('set', 'a/key', 'value'));
    good(await writer.call('invalidate', 'a/'));
    await writer.call('clear');
    await until(async () => (await other.call('heard')).length === 3);
    assert.deepEqual(await other.call('heard'), ['a/key', 'a/*', '*']);
    assert.deepEqual(await writer.call('heard'), []);
  });

  test('misses of three tabs at the same time cost one GET', async (t) => {
    const { tabs, proxy } = await open(engine, t, 3);
    good(await tabs[0].call('set', 'key', 'value'));
    await tabs[0].call('dropUpper');
    const release = hold(proxy, 'GET');
    proxy.take();
    const reads = tabs.map((tab) => tab.call('get', 'key'));
    await until(async () => gets(proxy) === 1);
    await pause(300);
    release();
    const found = (await Promise.all(reads)).map(good);
    assert.deepEqual(found.map((entry) => entry?.[0]), ['value', 'value', 'value']);
    assert.deepEqual(found.map((entry) => entry?.[1]).sort(), ['cold', 'warm', 'warm']);
    assert.equal(gets(proxy), 1);
  });

  // Without `tabs` it shows what they are for.
  for (const name of ['app', undefined]) {
    const title = name ? 'no copy of an older version lands after the write of another tab' : 'without `tabs`, such a copy may land';
    test(title, async (t) => {
      const { origin, tabs, proxy, setup } = await open(engine, t, 2, { tabs: name, hasHot: false });
      const [writer, reader] = tabs as [Tab, Tab];
      good(await writer.call('set', 'key', 'old'));
      await writer.call('dropUpper');
      const release = hold(proxy, 'GET');
      proxy.take();
      const reading = reader.call('get', 'key');
      await until(async () => gets(proxy) === 1);
      const writing = writer.call('set', 'key', 'new');
      if (!name) good(await writing);
      await pause(300);
      assert.equal(proxy.take().some((request) => request.startsWith('PUT')), !name, 'a reader that may copy has the key');
      release();
      assert.deepEqual(good(await reading), ['old', 'cold']);
      good(await writing);
      await Promise.all(tabs.map((tab) => tab.call('told')));
      const third = await origin.tab();
      await third.call('open', setup);
      assert.deepEqual(good(await third.call('get', 'key')), [name ? 'new' : 'old', 'warm']);
    });
  }

  test('an invalidation waits for the copies of older reads under its prefix, and for nothing else', async (t) => {
    const { tabs, proxy } = await open(engine, t, 3);
    const [writer, reader, bystander] = tabs as [Tab, Tab, Tab];
    for (const key of ['a/key', 'b/key']) good(await writer.call('set', key, 'value'));
    await writer.call('dropUpper');
    // Lists are answered: nothing but the reader's claim is in the way.
    const release = holdBeside(proxy, '/a/key');
    const releaseOther = holdBeside(proxy, '/b/key');
    proxy.take();
    const [reading, other] = [reader.call('get', 'a/key'), bystander.call('get', 'b/key')];
    await until(async () => gets(proxy) === 2);
    const invalidating = writer.call('invalidate', 'a/');
    await pause(300);
    assert.deepEqual(proxy.take().filter((request) => /^(POST|DELETE)/.test(request)), [], 'a reader that may copy has the key');
    // What begins under the prefix meanwhile waits for nobody, and copies nothing.
    const late = bystander.call('get', 'a/key');
    release();
    assert.deepEqual(good(await reading), ['value', 'cold']);
    assert.equal(good(await invalidating), 1);
    await late;
    await Promise.all([writer, reader].map((tab) => tab.call('told')));
    for (const tab of [writer, reader]) assert.equal(good(await tab.call('get', 'a/key')), null);
    releaseOther();
    assert.deepEqual(good(await other), ['value', 'cold']);
    await bystander.call('told');
    assert.equal(good(await bystander.call('get', 'a/key')), null);
    assert.deepEqual(good(await bystander.call('get', 'b/key')), ['value', 'hot']);
  });

  test('a tab that is closed while it reads or writes keeps nobody waiting', async (t) => {
    const { origin, tabs, proxy, setup } = await open(engine, t, 1);
    const [tab] = tabs as [Tab];
    good(await tab.call('set', 'key', 'value'));
    for (const method of ['GET', 'PUT']) {
      await tab.call('dropUpper');
      const doomed = await origin.tab();
      await doomed.call('open', setup);
      proxy.once({ never: true }, (passing) => passing.method === method);
      const going = method === 'GET' ? doomed.call('get', 'key') : doomed.call('set', 'key', 'lost');
      going.catch(() => undefined);
      proxy.take();
      await until(async () => proxy.passed.some((passing) => passing.method === method));
      const waiting = tab.call('get', 'key');
      await pause(200);
      await doomed.close();
      const found = await waiting;
      assert.deepEqual(good(found), ['value', 'cold']);
      assert.ok(found.ms < LONG_MS, `${found.ms} ms`);
      good(await tab.call('set', 'key', 'value'));
    }
  });

  test('what a tab was writing when it died is nowhere as it was before', async (t) => {
    const { origin, tabs, proxy, setup } = await open(engine, t, 1);
    const [tab] = tabs as [Tab];
    good(await tab.call('set', 'key', 'old'));
    await fill(tab, 'key', 'old');
    const doomed = await origin.tab();
    await doomed.call('open', setup);
    // It has taken effect, and nobody hears of that.
    const written = new Promise<void>((resolve) => {
      proxy.hold = ({ method }) => {
        if (method !== 'PUT') return undefined;
        resolve();
        return new Promise(() => undefined);
      };
    });
    doomed.call('set', 'key', 'new').catch(() => undefined);
    await written;
    await doomed.close();
    await until(async () => good(await tab.call('get', 'key'))?.[0] === 'new');
  });

  test('whom a tab keeps waiting for too long goes on without it, and that is told', async (t) => {
    const { origin, tabs, proxy, setup } = await open(engine, t, 1);
    const [slow] = tabs as [Tab];
    good(await slow.call('set', 'key', 'value'));
    await slow.call('dropUpper');
    const release = hold(proxy, 'GET', 1);
    proxy.take();
    const reading = slow.call('get', 'key');
    await until(async () => gets(proxy) === 1);
    const hasty = await origin.tab();
    await hasty.call('open', { ...setup, tierTimeout: 300 });
    const found = await hasty.call('get', 'key');
    assert.deepEqual(good(found), ['value', 'cold']);
    assert.ok(found.ms >= 300 && found.ms < LONG_MS, `${found.ms} ms`);
    good(await hasty.call('set', 'key', 'new'));
    const told = await hasty.call('told');
    assert.deepEqual(told.filter(({ type }) => type !== 'promoted').map(({ type, scope }) => [type, scope]), [
      ['claimTimedOut', 'key'],
      ['claimTimedOut', 'key'],
    ]);
    release();
    assert.deepEqual(good(await reading), ['value', 'cold']);
    await slow.call('told');
    assert.deepEqual(good(await hasty.call('get', 'key')), ['new', 'hot']);
  });

  test('one tab keeps up what is shared, and another does when it is closed', async (t) => {
    const { origin, tabs, setup } = await open(engine, t, 2, { flushInterval: HOUR_MS });
    const [first, second] = tabs as [Tab, Tab];
    assert.deepEqual(await Promise.all(tabs.map((tab) => tab.call('keepsUp', 'app'))), [true, false]);
    good(await first.call('set', 'key', 'value'));
    for (let turn = 0; turn < 3; turn++) good(await second.call('get', 'key'));
    await second.call('told');
    assert.equal(await second.call('warmAccesses', 'key'), 0, 'it is the other one that writes');
    await until(async () => {
      await first.call('told');
      return (await first.call('warmAccesses', 'key')) === 3;
    });
    await first.close();
    await until(() => second.call('keepsUp', 'app'));
    good(await second.call('get', 'key'));
    await second.call('told');
    assert.equal(await second.call('warmAccesses', 'key'), 4);
    const third = await origin.tab();
    await third.call('open', setup);
    assert.equal(await third.call('keepsUp', 'app'), false);
    await second.call('close');
    await until(() => third.call('keepsUp', 'app'));
  });

  test('a service worker sees what a page writes, at once', async (t) => {
    const cold = await sharedCold();
    const origin = await engine.origin(t, files({ '/sw.js': 'sw.ts' }));
    const tab = await origin.tab();
    await tab.call('open', { cold, hasHot: true, promotionStrategy: 'eager', tabs: 'app' });
    good(await tab.call('set', 'key', 'old'));
    await tab.page.evaluate(register, `/sw.js${query(cold)}&tabs=app`);
    const ask = (): Promise<[string | null, string]> =>
      tab.page.evaluate(async () => {
        const answer = await fetch('/entries/key');
        return [answer.headers.get('x-source'), await answer.text()];
      });
    await until(async () => (await ask())[0] === 'hot');
    good(await tab.call('set', 'key', 'new'));
    await until(async () => (await ask())[1].includes('new'), SEEN_MS);
  });
}

interface Opened {
  readonly origin: Origin;
  readonly tabs: [Tab, ...Tab[]];
  readonly proxy: Proxy;
  readonly setup: Setup;
}

/** So many tabs with storages over one database and one bucket. */
async function open(engine: Engine, t: TestContext, count: number, more: Setup = {}): Promise<Opened> {
  const cold = await sharedCold();
  const proxy = await Proxy.start(cold.endpoint);
  t.after(() => proxy[Symbol.asyncDispose]());
  const setup: Setup = { cold: { ...cold, endpoint: proxy.endpoint }, hasHot: true, promotionStrategy: 'eager', tabs: 'app', ...more };
  const origin = await engine.origin(t);
  const tabs: Tab[] = [];
  for (let at = 0; at < count; at++) {
    const tab = await origin.tab();
    await tab.call('open', setup);
    tabs.push(tab);
  }
  return { origin, tabs: tabs as [Tab, ...Tab[]], proxy, setup };
}

/** Has a tab hold the key in memory. */
async function fill(tab: Tab, key: string, value: string): Promise<void> {
  await until(async () => {
    assert.equal(good(await tab.call('get', key))?.[0], value);
    await tab.call('told');
    return (await tab.call('peek', key)) === value;
  });
}

/** Holds the answers to these requests back until the function that this returns is called. */
function hold(proxy: Proxy, method: string, times = Infinity): () => void {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  let left = times;
  proxy.hold = (passing: Passing) => (passing.method === method && left-- > 0 ? released : undefined);
  return release;
}

/** The same for what is under this path, whatever else is held. */
function holdBeside(proxy: Proxy, path: string): () => void {
  const others = proxy.hold;
  const release = hold(proxy, 'GET');
  const these = proxy.hold;
  proxy.hold = (passing) => (passing.path.includes(path) ? these(passing) : others(passing));
  return release;
}

function gets(proxy: Proxy): number {
  return proxy.passed.filter(({ method }) => method === 'GET').length;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(isSo: () => Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, 'it did not come about');
    await pause(20);
  }
}
