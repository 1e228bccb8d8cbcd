/** What people see and use: without barriers, in light and dark, on wide and narrow screens; and how soon and how smoothly. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { CDPSession } from 'playwright-core';
import { Engine } from '../browsers/engine.js';
import { complaints } from '../lib/axe.js';
import { ROOT } from '../lib/bundle.mjs';
import { PICTURE, text } from './files.js';
import { fits, shifts } from './measures.js';
import { listed, shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

const BUNDLE_BYTES_MAX = 60 * 1024;
const READY_MS_MAX = 1_000;
const ROUNDS_MAX = 12;
/** What a frame may take of the processor, for thirty of them to fit into a second. */
const FRAME_MS_MAX = 33;
const DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3" fill="teal"/></svg>';
const FILES = {
  'drawings/circle.svg': { bytes: text(DRAWING), mimeType: 'image/svg+xml' },
  'notes/a long name that does not fit into a card at all, so that it has to be cut.txt': text('hello '.repeat(400)),
  'notes/b.txt': text('b'),
  'pictures/dot.png': PICTURE,
  'readme.md': text('# Read me'),
};

for (const [name, colorScheme, width] of [
  ['light', 'light', 1280],
  ['dark', 'dark', 1280],
  ['narrow', 'light', 390],
  ['narrow-dark', 'dark', 390],
] as const) {
  test(`axe finds nothing to complain of: ${name}`, async (t) => {
    const { open, stop } = await world(t, engine, FILES);
    const page = await open();
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 844 });
    const look = async (what: string): Promise<void> => {
      assert.deepEqual(await complaints(page), [], what);
      assert.ok(await fits(page), `${what} is as wide as the page`);
      await shoot(page, `${what}-${name}`);
    };
    const go = (hash: string): Promise<void> => page.evaluate((hash) => void (location.hash = hash), hash);
    await look('folder');
    await go('#/browse/notes/');
    await page.getByRole('heading', { name: 'notes' }).waitFor();
    await page.getByRole('button', { name: 'Show as a list' }).click();
    await page.getByText('2.4 kB').waitFor();
    await look('list');
    await page.getByRole('button', { name: 'Show as a grid' }).click();
    await go('#/view/drawings/circle.svg');
    await page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.complete);
    await look('drawing');
    await go('#/view/readme.md');
    await page.getByText('# Read me').waitFor();
    await look('text');
    await go('#/inside');
    await page.getByText('of 16.0 MiB').waitFor();
    await look('inside');
    await go('#/browse/');
    await page.getByRole('button', { name: 'Settings' }).click();
    await look('settings');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: width < 860 ? 'On this device' : 'Manage' }).click();
    await look('device');
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox').fill('circle');
    await page.getByRole('link', { name: /circle\.svg/ }).waitFor();
    await look('search');
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText('Nothing found').waitFor();
    await look('nothing');
    await page.getByRole('searchbox').fill('');
    await stop();
    await page.reload();
    await page.getByTestId('offline').waitFor();
    // What was looked at is on its folder.
    await page.locator('.card.folder', { hasText: 'drawings' }).locator('.covers img').waitFor();
    await look('offline');
  });
}

test('all can be done with a keyboard', async (t) => {
  const { open } = await world(t, engine, FILES);
  const page = await open();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the contents');
  await page.keyboard.press('/');
  await page.keyboard.type('b.txt');
  await page.getByRole('link', { name: /b\.txt/ }).waitFor();
  await page.getByRole('searchbox').fill('');
  await page.locator('.cell').nth(3).waitFor();
  await page.locator('.cell a[tabindex="0"]').focus();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.activeElement?.textContent?.startsWith('notes'));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'notes' }).waitFor();
  await page.locator('.cell a[tabindex="0"]').focus();
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('b.txt'));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1' && document.activeElement.textContent === 'b.txt');
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('heading', { name: /a long name/ }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'notes' }).waitFor();
});

suite('budgets', { concurrency: false }, () => {
  test('the app without the library is small', async (t) => {
    const folder = join(ROOT, 'www/dist');
    const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(js|css|html)$/.test(name) && !name.includes('tiered-storage-'));
    const sizes = await Promise.all(names.map(async (name) => gzipSync(await readFile(join(folder, name)), { level: 9 }).length));
    const size = sizes.reduce((sum, one) => sum + one, 0);
    t.diagnostic(`${(size / 1024).toFixed(1)} KiB of gzip in ${names.length} files`);
    assert.ok(names.length >= 4 && size < BUNDLE_BYTES_MAX, `${size} bytes`);
  });

  test('it can be used within a second, and nothing moves while it gets there', async (t) => {
    const { open } = await world(t, engine, FILES);
    const page = await open();
    const times: number[] = [];
    // What else the machine does only makes it later.
    while (times.length < 5 || (Math.min(...times) >= READY_MS_MAX && times.length < ROUNDS_MAX)) {
      await page.goto('about:blank');
      await page.goBack({ waitUntil: 'commit' });
      await page.getByRole('link', { name: /notes/ }).first().waitFor();
      times.push(await page.evaluate(() => performance.now()));
      await listed(page);
      assert.ok((await shifts(page)) < 0.01, 'nothing moves');
    }
    const best = Math.min(...times);
    t.diagnostic(`${times.map((time) => time.toFixed(0)).join(', ')} ms until the folders can be opened`);
    assert.ok(best < READY_MS_MAX, `${best} ms`);
  });

  test('the first visit can be used within a second, too', async (t) => {
    const times: number[] = [];
    while (times.length < 3 || (Math.min(...times) >= READY_MS_MAX && times.length < ROUNDS_MAX)) {
      // Of an origin of its own, of which the browser has nothing.
      const { origin } = await world(t, engine, FILES);
      const { page } = await origin.tab();
      await page.getByRole('link', { name: /notes/ }).first().waitFor();
      times.push(await page.evaluate(() => performance.now()));
      await page.close();
    }
    t.diagnostic(`${times.map((time) => time.toFixed(0)).join(', ')} ms until the folders can be opened`);
    assert.ok(Math.min(...times) < READY_MS_MAX, `${Math.min(...times)} ms`);
  });

  test('5,000 items are scrolled through smoothly, and few of them are in the page', async (t) => {
    const files = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`many/${String(at).padStart(5, '0')}.dat`, text('x')]));
    const { open } = await world(t, engine, files);
    const page = await open('#/browse/many/');
    await page.getByText('5,000 items').waitFor();
    const session = await engine.context.newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const before = await worked(session);
    const { frames, most } = await page.evaluate(scroll);
    const work = (await worked(session) - before) / frames.length;
    frames.sort((left, right) => left - right);
    const [median = NaN, late = NaN] = [frames[frames.length >> 1], frames[Math.floor(frames.length * 0.95)]];
    t.diagnostic(`frames of ${median.toFixed(1)} ms (median), ${late.toFixed(1)} ms (95 of 100); ${work.toFixed(1)} ms of work in each; ${most} items in the page`);
    assert.ok(most < 200, `${most} items`);
    // Frames come late on a busy machine, whatever the page does; what it works itself is its own.
    assert.ok(work < FRAME_MS_MAX, `${work} ms`);
    await page.getByRole('link', { name: '04999.dat' }).waitFor();
  });

  test('a picture that was seen is painted without a request', async (t) => {
    const { open, asked, served } = await world(t, engine, FILES);
    const page = await open('#/view/pictures/dot.png');
    const isPainted = (): Promise<unknown> => page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 2);
    await isPainted();
    await page.locator('.facts').getByText('On this device', { exact: true }).waitFor();
    assert.equal(asked().filter((line) => line.startsWith('GET') && line.includes('dot.png')).length, 1);
    served();
    await page.reload();
    await listed(page);
    await isPainted();
    await page.evaluate(() => void (location.hash = '#/browse/pictures/'));
    await page.getByRole('link', { name: /dot\.png/ }).locator('img.in').waitFor();
    assert.deepEqual(asked().filter((line) => line.includes('dot.png')), []);
    assert.deepEqual(served().filter((path) => path.startsWith('/media/')), [], 'nor was the server of the app asked');
  });
});

/** How long the page has worked so far: time of the processor, in milliseconds. */
async function worked(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN) * 1_000;
}

/** Scrolls from the top to the end, a row or so in each frame; gives how long frames took. */
async function scroll(): Promise<{ frames: number[]; most: number }> {
  const scroller = document.querySelector('.scroller') as HTMLElement;
  const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
  const frames: number[] = [];
  let most = 0;
  let before = await frame();
  const step = scroller.scrollHeight / 240;
  for (let top = 0; top < scroller.scrollHeight; top += step) {
    scroller.scrollTop = top;
    scroller.dispatchEvent(new Event('scroll'));
    const now = await frame();
    frames.push(now - before);
    before = now;
    most = Math.max(most, document.querySelectorAll('.cell').length);
  }
  return { frames, most };
}
