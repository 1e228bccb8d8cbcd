/** What browsers do to databases: closing, blocking, quota, private windows, several tabs, reloads and restarts. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import type { BrowserContext } from 'playwright-core';
import { launchProfile, openModule, type Opened } from '../lib/browser.js';

const FILE = 'conformance/indexed-db.page.ts';
const profile = await mkdtemp(join(tmpdir(), 'tiered-storage-'));
const context = await launchProfile(profile);
const opened = await openModule(context, FILE);
after(async () => {
  await opened.close();
  await context.close();
  await rm(profile, { recursive: true, force: true });
});

suite('one page', async () => {
  for (const name of await opened.call<string[]>('list')) {
    test(name, async () => {
      const failure = await opened.call<string | null>('run', name);
      assert.equal(failure, null, failure ?? '');
    });
  }
});

/** Another tab of the same site. */
async function tab(name: string, ...words: unknown[]): Promise<Opened['call']> {
  const page = await context.newPage();
  await page.goto(`${opened.site.origin}/`);
  const call: Opened['call'] = (name, ...words) =>
    page.evaluate(
      async ([name, words]) => {
        const path = '/module.js';
        const module = (await import(path)) as Record<string, (...words: unknown[]) => unknown>;
        return (await module[name]?.(...words)) as never;
      },
      [name, words] as const,
    );
  await call(name, ...words);
  return call;
}

const range = (from: number, to: number, name = 'k'): string[] =>
  Array.from({ length: to - from }, (_, at) => `${name}${from + at}`);

suite('several tabs', () => {
  test('tabs see what others wrote and removed', async () => {
    const [one, other] = [await tab('use', { name: 'tabs' }), await tab('use', { name: 'tabs' })];
    assert.equal(await one('writeAll', range(0, 20), 100), null);
    assert.equal(await one('writeAll', ['large'], 50_000), null);
    assert.deepEqual(await other('sizes', ['k0', 'k19', 'large', 'none']), [100, 100, 50_000, -1]);
    await other('remove', ['k0', 'large']);
    assert.equal(await other('writeAll', ['k1'], 7), null);
    assert.deepEqual(await one('sizes', ['k0', 'k1', 'large']), [-1, 7, -1]);
    assert.deepEqual(await one('sizes', ['large', 'k1']), [-1, 7]);
  });

  test('what tabs write at the same time is counted right', async () => {
    const tabs = await Promise.all([1, 2, 3].map(() => tab('use', { name: 'counted' })));
    // All write the same keys, and each some of its own, of different sizes.
    await Promise.all(tabs.map((call, at) => call('writeAll', [...range(0, 60), ...range(0, 20, `own${at}-`)], 100 * (at + 1))));
    await Promise.all(tabs.map((call, at) => call('remove', range(at * 10, at * 10 + 10))));
    await Promise.all(tabs.map((call, at) => call('writeAll', range(30, 40), 50 + at, false)));
    // Each tells the database what it owes before it answers.
    await Promise.all(tabs.map((call) => call('stats')));
    const [call] = tabs as [Opened['call']];
    const keys = await call<string[]>('keys');
    const sizes = await call<number[]>('sizes', keys);
    const { bytes, items } = await call<{ bytes: number; items: number }>('stats');
    assert.deepEqual({ bytes, items }, { bytes: sizes.reduce((sum, size) => sum + size, 0), items: keys.length });
    assert.equal(keys.length, 30 + 60);
  });

  test('a limit holds for all tabs together', async () => {
    const tabs = await Promise.all([1, 2].map(() => tab('use', { name: 'limited', maxItems: 40 })));
    for (let round = 0; round < 5; round++) {
      await Promise.all(tabs.map((call, at) => call('writeAll', range(0, 30, `${round}-${at}-`), 10, at === 0)));
    }
    let items = 0;
    for (const call of [...tabs, ...tabs]) ({ items } = await call<{ items: number }>('stats'));
    assert.ok(items <= 40 && items > 30, `there are ${items} entries`);
    assert.equal((await (tabs[1] as Opened['call'])<string[]>('keys')).length, items);
  });
});

suite('quota', () => {
  /** Limits what the site may store, in bytes, until the page is closed. */
  async function limit(opened: Opened, quotaSize: number): Promise<void> {
    const session = await context.newCDPSession(opened.page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: opened.site.origin, quotaSize });
  }

  /** A page of a site of its own. */
  async function site(): Promise<Opened> {
    return openModule(context, FILE);
  }

  test('when it is used up, entries are given up for new ones', async () => {
    const page = await site();
    await page.call('use', { name: 'quota' });
    await limit(page, 6_000_000);
    const names = range(0, 30);
    assert.equal(await page.call('writeAll', names, 500_000, false), null);
    assert.deepEqual(await page.call('sizes', ['k29']), [500_000]);
    assert.deepEqual(await page.call('sizes', ['k0']), [-1]);
    const { items, evictions } = await page.call<{ items: number; evictions: number }>('stats');
    assert.ok(items >= 3 && items < 14, `${items} entries of 500,000 bytes are there`);
    assert.equal(items + evictions, 30);
    assert.equal(await page.call('writeAll', range(30, 45), 500_000), null, 'several at once');
    await page.close();
  });

  test('what can never fit is full, and leaves a tier that works', async () => {
    const page = await site();
    await page.call('use', { name: 'quota' });
    await limit(page, 3_000_000);
    assert.equal(await page.call('writeAll', ['a'], 1_000), null);
    assert.equal(await page.call('writeAll', ['huge'], 8_000_000), 'full');
    assert.equal(await page.call('writeAll', ['b'], 1_000), null);
    assert.deepEqual(await page.call('sizes', ['b', 'huge']), [1_000, -1]);
    await page.close();
  });

  test('entries are given up for bodies in pieces; one that can never fit is full', async () => {
    const page = await site();
    await page.call('use', { name: 'quota' });
    await limit(page, 9_000_000);
    assert.equal(await page.call('writeAll', range(0, 12), 500_000, false), null);
    assert.equal(await page.call('writeInPieces', 'film', 4_000_000), null);
    assert.deepEqual(await page.call('sizes', ['film', 'k0']), [4_000_000, -1]);
    assert.equal(await page.call('writeInPieces', 'huge', 30_000_000), 'full');
    assert.deepEqual(await page.call('sizes', ['huge']), [-1]);
    assert.equal(await page.call('writeInPieces', 'next', 4_000_000), null, 'what fits comes in, once the other was given up');
    assert.deepEqual(await page.call('sizes', ['next']), [4_000_000]);
    await page.close();
  });

  test('what is pinned stays, and is what fills the quota at last', async () => {
    const page = await site();
    await page.call('usePinning', { name: 'quota' }, 'pin');
    await limit(page, 6_000_000);
    const pins = range(0, 3, 'pin');
    assert.equal(await page.call('writeAll', pins, 500_000, false), null);
    assert.equal(await page.call('writeAll', range(0, 20), 500_000, false), null);
    assert.deepEqual(await page.call('sizes', [...pins, 'k0', 'k19']), [500_000, 500_000, 500_000, -1, 500_000]);
    assert.equal(await page.call('writeAll', range(3, 30, 'pin'), 500_000, false), 'full');
    assert.deepEqual(await page.call('sizes', pins), [500_000, 500_000, 500_000]);
    await page.close();
  });

  test('parts go first, and what finds no room is not kept, which is no error', async () => {
    const page = await site();
    const MIB = 2 ** 20;
    await page.call('use', { name: 'quota' });
    await limit(page, 6_000_000);
    assert.equal(await page.call('writeAll', ['a', 'b'], 500_000), null);
    assert.deepEqual(await page.call('writePart', 'film', 40 * MIB, [MIB, 3 * MIB], [[MIB, 3 * MIB], [0, 9]]), [true, false]);
    assert.equal(await page.call('writeAll', ['c', 'd', 'e', 'f', 'g', 'h'], 500_000, false), null);
    assert.deepEqual(await page.call('keys'), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], 'the parts went');
    assert.deepEqual(await page.call('writePart', 'huge', 40 * MIB, [0, 12 * MIB], [[0, 9]]), [false]);
    await page.call('use', { name: 'quota-none', evictionPolicy: 'none' });
    assert.deepEqual(await page.call('writePart', 'huge', 40 * MIB, [0, 12 * MIB], [[0, 9]]), [false]);
    await page.close();
  });

  test('a tier that may give nothing up is full', async () => {
    const page = await site();
    await page.call('use', { name: 'quota', evictionPolicy: 'none' });
    await limit(page, 4_000_000);
    assert.equal(await page.call('writeAll', range(0, 20), 500_000, false), 'full');
    assert.deepEqual(await page.call('sizes', ['k0']), [500_000], 'what was there stays');
    await page.close();
  });
});

suite('private windows, reloads and restarts', () => {
  test('a page without IndexedDB keeps entries in memory, and says so', async () => {
    const page = await context.newPage();
    await page.addInitScript(() => Object.defineProperty(globalThis, 'indexedDB', { value: undefined }));
    await page.goto(`${opened.site.origin}/`);
    const failure = await page.evaluate(async () => {
      const path = '/module.js';
      return ((await import(path)) as { withoutDatabases(): Promise<string | null> }).withoutDatabases();
    });
    assert.equal(failure, null, failure ?? '');
    await page.close();
  });

  test('entries outlive a reload, right after they were written', async () => {
    const page = await openModule(context, FILE);
    await page.call('use', { name: 'reload' });
    assert.equal(await page.call('writeAll', range(0, 50), 1_000), null);
    assert.equal(await page.call('writeAll', ['large'], 100_000), null);
    const [part, ranges] = [2 ** 16, [[0, 9], [2 ** 17, 3 * 2 ** 16]]];
    assert.deepEqual(await page.call('writePart', 'film', 5 * part, [part, 3 * part], ranges), [false, true]);
    await page.page.reload();
    await page.call('use', { name: 'reload' });
    assert.deepEqual(await page.call('sizes', ['k0', 'k49', 'large', 'none']), [1_000, 1_000, 100_000, -1]);
    assert.deepEqual(await page.call('writePart', 'film', 5 * part, [0, part], [...ranges, [0, 3 * part]]), [true, true, true]);
    assert.deepEqual(await page.call('writePart', 'film', 5 * part, [3 * part, 5 * part], []), []);
    assert.deepEqual(await page.call('sizes', ['film']), [5 * part]);
    await page.close();
  });

  test('entries outlive the browser', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tiered-storage-'));
    const start = async (port: number): Promise<[BrowserContext, Opened]> => {
      const browser = await launchProfile(folder);
      return [browser, await openModule(browser, FILE, undefined, port)];
    };
    const [first, written] = await start(0);
    await written.call('use', { name: 'restart' });
    assert.equal(await written.call('writeAll', [...range(0, 20), 'a/b', 'A'], 3_000), null);
    await written.call('close');
    const { port } = written.site;
    await first.close();
    await written.site.close();
    const [second, read] = await start(port);
    await read.call('use', { name: 'restart' });
    assert.deepEqual(await read.call('sizes', ['k0', 'a/b', 'A', 'none']), [3_000, 3_000, 3_000, -1]);
    assert.deepEqual(await read.call('stats'), { bytes: 66_000, items: 22, evictions: 0 });
    await second.close();
    await read.site.close();
    await rm(folder, { recursive: true, force: true });
  });
});
