/** The app without a network: after one visit it opens, browses, shows what it has, and says what it lacks. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import { Engine } from '../browsers/engine.js';
import { FILM, PICTURE, film, filmType, text, tone } from './files.js';
import { seek } from './measures.js';
import { listed, shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

test('a first visit lists the bucket and shows what is in it', async (t) => {
  const { open } = await world(t, engine, { 'notes/read me.txt': text('hello there'), 'pictures/dot.png': PICTURE, 'b.svg': text('<svg/>') });
  const page = await open();
  await page.getByRole('link', { name: /notes/ }).first().click();
  await page.getByRole('link', { name: 'read me.txt' }).click();
  await page.getByText('hello there').waitFor();
  assert.equal(await page.title(), 'read me.txt \u2013 Library');
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'notes' }).waitFor();
  await page.goBack();
  await page.getByText('hello there').waitFor();
  await page.evaluate(() => void (location.hash = '#/view/pictures/dot.png'));
  await page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 2);
});

test('a second visit works with every server gone, also after a restart of the browser', async (t) => {
  const { open, stop, origin } = await world(t, engine, {
    'notes/kept.txt': text('still here'),
    'notes/never opened.txt': text('only in the bucket'),
  });
  const page = await open('#/view/notes/kept.txt');
  await page.getByText('still here').waitFor();
  await page.getByText('On this device', { exact: true }).last().waitFor();
  await page.close();
  await stop();
  await engine.restart();

  const { page: again } = await origin.tab();
  await again.getByTestId('offline').waitFor();
  await again.getByRole('link', { name: /notes/ }).first().click();
  await again.getByRole('link', { name: /kept\.txt.*On this device/ }).waitFor();
  await shoot(again, 'offline');
  await again.getByRole('link', { name: /kept\.txt/ }).click();
  await again.getByText('still here').waitFor();
  await again.keyboard.press('ArrowRight');
  await again.getByTestId('missing').waitFor();
  await shoot(again, 'offline-missing');
  const status = await again.evaluate(async () => {
    const id = (await indexedDB.databases()).map(({ name }) => /^library-(\w+)$/.exec(name ?? '')?.[1]).find(Boolean);
    return (await fetch(`/media/${id}/?key=${encodeURIComponent('notes/never opened.txt')}`)).status;
  });
  assert.equal(status, 503);
});

test('a film is sought in online and offline, by ranges', async (t) => {
  const { open, stop, asked } = await world(t, engine, { [FILM]: { bytes: film(), mimeType: filmType } });
  const page = await open(`#/view/${FILM}`);
  asked();
  assert.ok((await page.evaluate(seek, 0.9)) > 0, 'it plays near its end');
  const ranges = asked().filter((line) => line.startsWith('GET') && line.includes(FILM));
  assert.ok(ranges.length > 0, 'it came in parts');

  await page.evaluate(() => void (location.hash = '#/browse/films/'));
  await page.getByTestId('pin').click();
  await page.getByText('Kept offline').waitFor();
  await stop();
  await page.reload();
  await page.getByTestId('offline').waitFor();
  await page.evaluate((hash) => void (location.hash = hash), `#/view/${FILM}`);
  assert.ok((await page.evaluate(seek, 0.8)) > 0, 'it plays without a network');
  await shoot(page, 'film-offline');
});

test('a film of which parts were read is not called a copy, nor skipped when its folder is pinned', async (t) => {
  const { open, cut } = await world(t, engine, { [FILM]: { bytes: film(), mimeType: filmType }, 'films/b.txt': text('b') });
  const page = await open('#/view/films/b.txt');
  await page.locator('.facts').getByText('On this device', { exact: true }).waitFor();
  const part = (): Promise<number> => page.evaluate(readPart, FILM);
  assert.equal(await part(), 206);
  const restore = cut();
  assert.equal(await part(), 503, 'no part is kept');
  await page.evaluate(() => void (location.hash = '#/browse/films/'));
  await page.getByRole('link', { name: /b\.txt.*On this device/ }).waitFor();
  assert.equal(await page.getByRole('link', { name: /film\.webm.*On this device/ }).count(), 0);
  restore();
  await page.getByTestId('pin').click();
  await page.getByTestId('pin').getByText('Kept offline').waitFor();
  cut();
  assert.equal(await part(), 206);
});

/** Has the worker answer with a part of an entry from its middle; gives the status. */
async function readPart(key: string): Promise<number> {
  const id = (await indexedDB.databases()).map(({ name }) => /^library-(\w+)$/.exec(name ?? '')?.[1]).find(Boolean);
  const response = await fetch(`/media/${id}/?key=${encodeURIComponent(key)}`, { headers: { range: 'bytes=1000000-1999999' } });
  await response.arrayBuffer();
  return response.status;
}

test('a folder is pinned, stopped in the middle, goes on after a crash, and is removed again', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`folder/${String(at).padStart(3, '0')}.bin`, tone(20_000 + at)]));
  const { open, asked, hold, origin } = await world(t, engine, files);
  const page = await open('#/browse/folder/');
  const release = hold((line) => line.includes('030.bin'));
  await page.getByTestId('pin').click();
  await page.getByRole('progressbar').first().waitFor();
  await page.waitForFunction(() => (document.querySelector('progress')?.value ?? 0) >= 30);
  await page.getByTestId('pin').getByText('Stop').waitFor();
  await shoot(page, 'pin-running');
  await page.getByTestId('pin').click();
  await page.getByTestId('pin').getByText('Finish').waitFor();

  // Started again and cut off by the end of the browser, it goes on by itself.
  await page.getByTestId('pin').click();
  await page.getByTestId('pin').getByText('Stop').waitFor();
  await engine.crash();
  release();
  asked();
  const { page: again } = await origin.tab('/#/browse/folder/');
  await again.getByTestId('pin').getByText('Kept offline').waitFor();
  const reads = asked().filter((line) => line.startsWith('GET') && line.includes('.bin'));
  assert.ok(reads.length > 0 && reads.length < 40, `${reads.length} of 60 were read again`);

  await again.getByRole('button', { name: 'Manage' }).click();
  await shoot(again, 'device');
  await again.getByRole('button', { name: 'Remove folder from this device' }).click();
  await again.getByText('None yet.').waitFor();
  await again.getByText('0 items', { exact: true }).waitFor();
});

test('copies that no folder keeps are removed to make room, and the bucket keeps them', async (t) => {
  const { open, asked } = await world(t, engine, { 'a.txt': text('first'), 'kept/b.txt': text('second') });
  const page = await open('#/browse/kept/');
  await page.getByTestId('pin').click();
  await page.getByText('Kept offline').waitFor();
  await page.evaluate(() => void (location.hash = '#/view/a.txt'));
  await page.getByText('first').waitFor();
  await page.getByRole('button', { name: 'Manage' }).click();
  await page.getByTestId('free').getByText('Remove 1 other copy').click();
  await page.getByTestId('free').getByText('Remove 0 other copies').waitFor();
  await page.keyboard.press('Escape');
  asked();
  await page.reload();
  await listed(page);
  await page.getByText('first').waitFor();
  assert.ok(asked().some((line) => line.startsWith('GET /library/a.txt')), 'it was read from the bucket again');
});

test('a copy that was damaged on this device heals from the bucket', async (t) => {
  // Of a part of a body nobody can tell whether it is whole: a drawing is read from its beginning to its end.
  const drawing = text(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><!--${'x'.repeat(100_000)}--></svg>`);
  const { open, asked } = await world(t, engine, { 'a.svg': { bytes: drawing, mimeType: 'image/svg+xml' } });
  const isShown = (page: Page): Promise<unknown> =>
    page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 40);
  const page = await open('#/view/a.svg');
  await isShown(page);
  await page.getByText('On this device', { exact: true }).last().waitFor();
  assert.equal(await page.evaluate(damage), 1);
  asked();
  // Another worker has nothing in memory.
  await engine.restart();
  await isShown(await open('#/view/a.svg'));
  assert.ok(asked().some((line) => line.startsWith('GET /library/a.svg')), 'it was read from the bucket again');
});

/** Turns a byte of every stored body around; gives how many there are. */
async function damage(): Promise<number> {
  let count = 0;
  for (const { name = '' } of await indexedDB.databases()) {
    if (!/^library-\w+$/.test(name)) continue;
    const asked = indexedDB.open(name);
    const database = await new Promise<IDBDatabase>((resolve) => (asked.onsuccess = () => resolve(asked.result)));
    const changes = database.transaction('bodies', 'readwrite');
    const done = new Promise((resolve) => (changes.oncomplete = resolve));
    const cursor = changes.objectStore('bodies').openCursor();
    cursor.onsuccess = () => {
      const { result } = cursor;
      if (!result) return;
      const value = result.value as ArrayBuffer | Uint8Array;
      new Uint8Array(value instanceof ArrayBuffer ? value : value.buffer)[0]! ^= 1;
      result.update(value);
      count += 1;
      result.continue();
    };
    await done;
    database.close();
  }
  return count;
}
