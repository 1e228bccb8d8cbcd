/** Queued writes in Chromium: without a network, in several tabs, and in pages and browsers that die. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { callIn, launchProfile, watch } from '../lib/browser.js';
import { WEB, bundleForPage } from '../lib/bundle.mjs';
import { serve, type Site } from '../lib/serve.js';
import { Proxy, type Passing } from '../s3/proxy.js';
import { startServer, type RunningServer } from '../scenarios/server.js';
import type * as PageModule from './page.js';

type Calls = typeof PageModule;
type Call = <N extends keyof Calls>(name: N, ...words: Parameters<Calls[N]>) => Promise<Awaited<ReturnType<Calls[N]>>>;

const LATE_MS = 30_000;
const HTML = '<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">';

let files: Record<string, string>;
let server: RunningServer;
let profile: string;
let context: BrowserContext;
let site: Site;
let prefixes = 0;

before(async () => {
  const bundled = (name: string): Promise<string> => bundleForPage(resolve(WEB, `queue/${name}.ts`));
  files = { '/': HTML, '/module.js': await bundled('page'), '/sw.js': await bundled('sw') };
  site = await serve((path) => files[path]);
  server = await startServer(['bucket'], '*');
  profile = await mkdtemp(join(tmpdir(), 'tiered-storage-queue-'));
  context = await launchProfile(profile);
});
after(async () => {
  await context.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  await Promise.all([site.close(), server.close()]);
});

interface Tab {
  readonly page: Page;
  readonly call: Call;
}

/** A bucket of its own, behind a proxy, and tabs with a queue for it. */
async function world(t: TestContext, { origin }: Site = site) {
  const proxy = await Proxy.start(server.place.endpoint);
  t.after(() => proxy[Symbol.asyncDispose]());
  const { accessKeyId, secretAccessKey } = server.place;
  const place = { endpoint: proxy.endpoint, accessKeyId, secretAccessKey, prefix: `queue-${(prefixes += 1)}` };
  const tab = async (send: 'auto' | 'manual' = 'manual', limits = {}, first?: (page: Page) => Promise<void>): Promise<Tab> => {
    const page = await context.newPage();
    t.after(() => page.close());
    watch(page);
    await page.goto(`${origin}/`);
    await first?.(page);
    const call: Call = (name, ...words) => callIn(page, name, words);
    await call('open', place, send, limits);
    return { page, call };
  };
  const cut = (): void => void (proxy.answer = () => ({}));
  const mend = (): void => void (proxy.answer = () => undefined);
  return { proxy, place, tab, cut, mend };
}

const isPut = ({ method }: Passing): boolean => method === 'PUT';
const puts = (proxy: Proxy): string[] => proxy.take().filter((one) => one.startsWith('PUT'));

const moment = (): Promise<void> => new Promise((done) => setTimeout(done, 20));

/** Waits until a tab was told so much. */
async function told({ call }: Tab, count: number): Promise<string[]> {
  const all: string[] = [];
  const end = Date.now() + LATE_MS;
  while (all.push(...(await call('told'))) < count) {
    if (Date.now() > end) assert.fail(`only this was told: ${all.join()}; pending: ${JSON.stringify(await call('pending'))}`);
    await moment();
  }
  return all;
}

test('what is queued without a network outlives the browser, and is sent in order', async (t) => {
  const { proxy, tab, cut, mend } = await world(t);
  const first = await tab();
  await first.call('write', 'gone', 'old');
  const seen = await first.call('version', 'gone');
  cut();
  assert.equal(await first.call('set', 'a', 'one', { mimeType: 'text/x-note', metadata: { who: 'me' } }), 'ok');
  assert.equal(await first.call('fill', 'film', 3_000_000), 'ok');
  assert.equal(await first.call('set', 'a', { number: 2 }), 'ok');
  assert.equal(await first.call('remove', 'gone', seen), 'ok');
  assert.equal(await first.call('flush'), 'unavailable');
  assert.deepEqual(await first.call('body', 0), [5, 'text/x-note', '"one"']);
  assert.deepEqual((await first.call('body', 1))?.[0], 3_000_000);
  assert.equal(await first.call('body', 3), null);

  await context.close();
  context = await launchProfile(profile);
  mend();
  proxy.take();
  const next = await tab('auto');
  assert.deepEqual(await told(next, 4), ['sent a', 'sent film', 'sent a', 'sent gone']);
  assert.deepEqual(await next.call('pending'), []);
  assert.deepEqual([await next.call('read', 'a'), await next.call('read', 'film'), await next.call('read', 'gone')], [{ number: 2 }, 3_000_000, null]);
  assert.equal(await next.call('pieces', 'queue-1'), 0);
});

test('a conflict says what is there, holds up its key alone, and each choice is heeded', async (t) => {
  const choices = [
    ['mine', 'mine', null],
    ['theirs', 'theirs', null],
    [{ both: 'a (mine)' }, 'theirs', 'mine'],
  ] as const;
  for (const [choice, there, other] of choices) {
    const { tab } = await world(t);
    const [one, two] = [await tab(), await tab()];
    await one.call('write', 'a', 'old');
    await one.call('set', 'a', 'mine');
    await one.call('set', 'b', 'b');
    await one.call('write', 'a', 'theirs');
    assert.equal(await one.call('flush'), 'ok');
    const version = await one.call('version', 'a');
    for (const { call } of [one, two]) {
      assert.deepEqual(await call('pending'), [['a', 'conflict', version]]);
      assert.deepEqual(await call('told'), ['conflict a', 'sent b']);
    }
    assert.equal(await two.call('resolve', 0, { both: 'a' }), 'invalid');
    assert.equal(await two.call('resolve', 0, choice), 'ok');
    assert.equal(await two.call('flush'), 'ok');
    assert.deepEqual([await one.call('read', 'a'), await one.call('read', 'a (mine)')], [there, other]);
    assert.deepEqual(await one.call('pending'), []);
  }
});

test('two tabs share one queue, and one of them sends at a time', async (t) => {
  const { proxy, tab, cut, mend } = await world(t);
  const [one, two] = [await tab('auto'), await tab('auto')];
  cut();
  const keys = Array.from({ length: 10 }, (_, at) => `key-${at}`);
  for (const [at, key] of keys.entries()) assert.equal(await [one, two][at % 2]?.call('set', key, key, { ifAbsent: true }), 'ok');
  // What one of them is at, the other may see a moment later.
  for (const { call } of [one, two]) assert.deepEqual((await call('pending')).map(([key]) => key), keys);
  mend();
  proxy.take();
  let under = 0;
  let most = 0;
  proxy.answer = (passing) => {
    if (isPut(passing)) most = Math.max(most, (under += 1));
    return undefined;
  };
  proxy.headers = (headers, passing) => {
    if (isPut(passing)) under -= 1;
    return headers;
  };
  assert.equal(await two.call('flush'), 'ok');
  assert.deepEqual(await one.call('told'), keys.map((key) => `sent ${key}`));
  assert.deepEqual(await two.call('told'), keys.map((key) => `sent ${key}`));
  // Before the first of them, the tier tries out whether the server heeds conditions.
  const sent = puts(proxy).flatMap((put) => /key-\d/.exec(put)?.[0] ?? []);
  assert.deepEqual([sent, most], [keys, 1]);
});

test('a tab that is killed while it sends loses nothing and repeats nothing: another goes on', async (t) => {
  for (const isLost of [false, true]) {
    const { proxy, tab } = await world(t);
    let reached = (): void => undefined;
    const isReached = new Promise<void>((done) => (reached = done));
    let isFirst = true;
    // The first attempt never ends: before it had an effect, or after.
    const stop = (passing: Passing): boolean => {
      const isStopped = isFirst && isPut(passing) && passing.path.endsWith('/a');
      if (isStopped) isFirst = false;
      if (isStopped) reached();
      return isStopped;
    };
    if (isLost) proxy.hold = (passing) => (stop(passing) ? new Promise(() => undefined) : undefined);
    else proxy.answer = (passing) => (stop(passing) ? { never: true } : undefined);
    const one = await tab('auto');
    await one.call('set', 'a', 'mine', { ifAbsent: true });
    await isReached;
    const two = await tab('auto');
    await two.call('set', 'a', 'mine, again');
    await one.page.close();
    assert.deepEqual(await told(two, 2), ['sent a', 'sent a']);
    assert.equal(await two.call('read', 'a'), 'mine, again', `lost: ${isLost}`);
  }
});

test('a lost answer is no second write', async (t) => {
  const { proxy, tab } = await world(t);
  const { call } = await tab();
  await call('write', 'gone', 'old');
  await call('set', 'a', 'one');
  await call('fill', 'film', 3_000_000);
  await call('remove', 'gone');
  await call('set', 'a', 'two');
  let lost = 0;
  const seen = new Set<string>();
  // Every change is made once behind the queue's back.
  proxy.isLost = ({ method, path }) => {
    const name = `${method} ${path.split('?')[0]} ${path.includes('a') && seen.has('film')}`;
    const isNew = method !== 'GET' && method !== 'HEAD' && !seen.has(name);
    if (isNew) lost += 1;
    seen.add(name);
    return isNew;
  };
  for (let turns = 0; (await call('flush')) === 'unavailable'; turns++) assert.ok(turns < 20);
  assert.ok(lost >= 3, `${lost} answers were lost`);
  assert.deepEqual(await call('pending'), []);
  assert.deepEqual(await call('told'), ['sent a', 'sent film', 'sent gone', 'sent a']);
  assert.deepEqual([await call('read', 'a'), await call('read', 'film'), await call('read', 'gone')], ['two', 3_000_000, null]);
});

test('what fails for good holds up its key until it is tried again; what is cancelled in another tab is not sent', async (t) => {
  const { proxy, tab, mend } = await world(t);
  const [one, two] = [await tab(), await tab()];
  const body = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>';
  proxy.answer = (passing) => (isPut(passing) && passing.path.endsWith('/a') ? { status: 403, body, headers: { 'access-control-allow-origin': '*' } } : undefined);
  for (const [key, value] of [['a', '1'], ['a', '2'], ['b', '3'], ['c', '4']]) await one.call('set', key as string, value, { overwrite: true });
  assert.equal(await two.call('cancel', 2), true);
  assert.equal(await two.call('cancel', 9), false);
  assert.equal(await one.call('flush'), 'ok');
  assert.deepEqual(await two.call('told'), ['failed a', 'sent c']);
  assert.deepEqual(await two.call('pending'), [['a', 'failed', 'denied'], ['a', 'waiting', undefined]]);
  mend();
  assert.equal(await one.call('resolve', 0, 'mine'), 'ok');
  assert.equal(await one.call('flush'), 'ok');
  assert.deepEqual([await one.call('read', 'a'), await one.call('read', 'b')], ['2', null]);
});

test('a body that is not all there fails for good, and holds up nobody else', async (t) => {
  const { place, tab } = await world(t);
  const { call } = await tab();
  await call('fill', 'film', 3_000_000);
  await call('set', 'b', 'b');
  await call('lose', place.prefix);
  assert.equal(await call('flush'), 'ok');
  assert.deepEqual(await call('told'), ['failed film', 'sent b']);
  assert.deepEqual(await call('pending'), [['film', 'failed', 'corrupt']]);
  assert.equal(await call('cancel', 0), true);
});

test('what is cancelled in another tab while it is sent is given up, and the next goes on', async (t) => {
  const { proxy, tab } = await world(t);
  const [one, two] = [await tab(), await tab()];
  await one.call('set', 'a', '1', { overwrite: true });
  await one.call('set', 'b', '2', { overwrite: true });
  const isReached = new Promise<void>((done) => {
    proxy.answer = ({ method, path }) => {
      if (method !== 'PUT' || !path.endsWith('/a')) return undefined;
      done();
      return { never: true };
    };
  });
  const flushed = one.call('flush');
  await isReached;
  assert.deepEqual((await two.call('pending')).map(([, state]) => state), ['sending', 'waiting']);
  assert.equal(await two.call('cancel', 0), true);
  assert.equal(await flushed, 'ok');
  assert.deepEqual(await two.call('told'), ['sent b']);
});

test('without room nothing is half queued, and what a page leaves behind is swept', async (t) => {
  const own = await serve((path) => files[path]);
  t.after(() => own.close());
  const { place, tab } = await world(t, own);
  const { page, call } = await tab('manual', { maxWrites: 2 }, async (page) => {
    const cdp = await context.newCDPSession(page);
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: own.origin, quotaSize: 12_000_000 });
  });
  assert.equal(await call('fill', 'huge', 20_000_000), 'full');
  assert.deepEqual([await call('pending'), await call('pieces', place.prefix)], [[], 0]);
  assert.equal(await call('fill', 'a', 1_500_000), 'ok');
  assert.equal(await call('set', 'b', 'b'), 'ok');
  assert.equal(await call('fill', 'c', 1_500_000), 'full');
  assert.equal(await call('pieces', place.prefix), 3);
  await call('stall', 'd');
  while ((await call('pieces', place.prefix)) < 4) await moment();
  await call('stall', 'given up', { overwrite: true });
  await call('abort');
  assert.deepEqual(await told({ page, call }, 1), ['given up: invalid']);
  const closing = await tab();
  await closing.call('stall', 'closed', { overwrite: true });
  while ((await call('pieces', place.prefix)) < 5) await moment();
  await closing.call('close');
  assert.deepEqual(await told(closing, 1), ['closed: closed']);
  assert.equal(await call('pieces', place.prefix), 4);
  // A tab that is still at it is left alone.
  const other = await tab();
  assert.equal(await other.call('flush'), 'ok');
  assert.equal(await other.call('pieces', place.prefix), 1);
  // One that has swept would send in the place of the last one.
  await Promise.all([page.close(), other.page.close()]);
  const last = await tab();
  // What a page had goes a moment after it.
  while ((await last.call('entering', place.prefix)) > 0) await moment();
  await last.call('set', 'e', 'e');
  assert.equal(await last.call('flush'), 'ok');
  assert.equal(await last.call('pieces', place.prefix), 0);
});

test('what a database of the version before has is sent in order', async (t) => {
  const { place, tab } = await world(t);
  const first = await tab();
  await first.call('write', 'a', 'old');
  for (const [key, value] of [['a', '1'], ['b', '2'], ['a', '3']]) await first.call('set', key as string, value);
  await first.call('close');
  await first.call('makeOld', place.prefix);
  const { call } = await tab();
  assert.equal(await call('set', 'a', '4'), 'ok');
  assert.equal(await call('flush'), 'ok');
  assert.deepEqual(await call('told'), ['sent a', 'sent b', 'sent a', 'sent a']);
  assert.deepEqual([await call('read', 'a'), await call('read', 'b'), await call('pending')], ['4', '2', []]);
});

test('a flush ends although the tab that sent the last write is gone before it could tell', async (t) => {
  const { place, tab } = await world(t);
  const [one, two] = [await tab(), await tab()];
  await one.call('set', 'a', '1', { overwrite: true });
  await two.call('stand', `${place.prefix}/sender`);
  const flushed = one.call('flush');
  await two.call('empty', place.prefix);
  await two.page.close();
  assert.equal(await flushed, 'ok');
});

test('a service worker sends what is left when the browser says that the network is back', async (t) => {
  const { place, tab, cut, mend } = await world(t);
  const { page, call } = await tab();
  cut();
  await call('set', 'a', 'one', { ifAbsent: true });
  assert.equal(await call('flush'), 'unavailable');
  const cdp = await context.newCDPSession(page);
  const registered = new Promise<string>((done) => {
    cdp.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
      const active = versions.find(({ status }) => status === 'activated');
      if (active) done(active.registrationId);
    });
  });
  await cdp.send('ServiceWorker.enable');
  const script = `/sw.js?place=${encodeURIComponent(JSON.stringify(place))}`;
  await page.evaluate((script) => navigator.serviceWorker.register(script, { type: 'module' }), script);
  const registrationId = await registered;
  mend();
  await cdp.send('ServiceWorker.dispatchSyncEvent', { origin: site.origin, registrationId, tag: place.prefix, lastChance: false });
  assert.deepEqual(await told({ page, call }, 1), ['sent a']);
  assert.equal(await call('read', 'a'), 'one');
});
