/** Each kind of file is shown as what it is, or offered where the browser cannot show it. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { Engine } from '../browsers/engine.js';
import { tone } from '../browsers/media.js';
import { complaints } from '../lib/axe.js';
import { WEB } from '../lib/bundle.mjs';
import { pdf, text } from './files.js';
import { shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

test('a sound plays, and is sought in by ranges', async (t) => {
  const { open, asked } = await world(t, engine, { 'sounds/tone.wav': { bytes: tone(), mimeType: 'audio/wav' } });
  const page = await open('#/view/sounds/tone.wav');
  await page.waitForFunction(() => (document.querySelector('audio')?.readyState ?? 0) >= 1);
  asked();
  const at = await page.evaluate(async () => {
    const audio = document.querySelector('audio') as HTMLAudioElement;
    const sought = new Promise((done) => audio.addEventListener('seeked', done, { once: true }));
    audio.currentTime = audio.duration - 5;
    await sought;
    return [audio.duration, audio.currentTime];
  });
  assert.deepEqual(at, [60, 55]);
  assert.ok(asked().some((line) => line.startsWith('GET') && line.includes('tone.wav')), 'it came in parts');
  assert.deepEqual(await complaints(page), []);
  await shoot(page, 'sound');
});

test('a font is shown in its own letters', async (t) => {
  const folder = join(WEB, 'node_modules/playwright-core');
  const name = (await readdir(folder, { recursive: true })).find((name) => name.endsWith('.ttf'));
  assert.ok(name, 'there is a font in a package of the tests');
  const { open } = await world(t, engine, { 'fonts/some.ttf': { bytes: await readFile(join(folder, name)), mimeType: 'font/ttf' }, 'fonts/torn.ttf': text('no font') });
  const page = await open('#/view/fonts/some.ttf');
  await page.getByTestId('specimen').waitFor();
  assert.equal(await page.evaluate(() => [...document.fonts].filter(({ status }) => status === 'loaded').length), 1);
  await shoot(page, 'font');
  await page.evaluate(() => void (location.hash = '#/view/fonts/torn.ttf'));
  await page.getByText('This browser does not know how to show it, or it is damaged.').waitFor();
});

test('a PDF is shown by the viewer of the browser, and offered where there is none', async (t) => {
  const { open } = await world(t, engine, { 'papers/one.pdf': { bytes: pdf('Hello from a PDF'), mimeType: 'application/pdf' } });
  const page = await open('#/view/papers/one.pdf');
  if (await page.evaluate(() => navigator.pdfViewerEnabled)) {
    const frame = page.locator('iframe.page');
    await frame.waitFor();
    await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('one.pdf')));
    const answer = await page.evaluate(async () => {
      const { src } = document.querySelector('iframe.page') as HTMLIFrameElement;
      const { headers } = await fetch(src);
      return [headers.get('content-type'), headers.get('x-content-type-options')];
    });
    assert.deepEqual(answer, ['application/pdf', 'nosniff']);
    while (!page.frames().some((frame) => frame.url().startsWith('chrome-extension://'))) await page.waitForEvent('framenavigated');
    await shoot(page, 'pdf');
  }
  await page.addInitScript(() => Object.defineProperty(navigator, 'pdfViewerEnabled', { value: false }));
  await page.reload();
  await page.getByText('It cannot be shown here, but it can be downloaded.').waitFor();
  const [name, bytes] = await downloaded(page, page.locator('.stage'));
  assert.equal(name, 'one.pdf');
  assert.deepEqual(bytes, Buffer.from(pdf('Hello from a PDF')));
  await shoot(page, 'pdf-without-viewer');
});

test('files are downloaded as they are and by their names, also without a network; a failure is told', async (t) => {
  const files = { "it's (1)*;%.html": text('<b>page</b>'), 'notes/\u00fcber.txt': text('words'), 'z.bin': text('not opened') };
  const { open, cut, refuse } = await world(t, engine, files);
  const page = await open('#/view/notes/%C3%BCber.txt');
  await page.locator('.facts').getByText('On this device', { exact: true }).waitFor();
  await page.evaluate(() => void (location.hash = `#/view/${encodeURIComponent("it's (1)*;%.html")}`));
  const head = page.locator('.viewer-actions');
  await page.getByRole('heading', { name: "it's (1)*;%.html" }).waitFor();
  const [name, bytes] = await downloaded(page, head);
  // Characters that files may not have there, browsers replace.
  assert.match(name, /^it's \(1\).;%\.html$/);
  assert.equal(bytes.toString(), '<b>page</b>');
  await page.evaluate(() => void (location.hash = '#/view/z.bin'));
  await page.getByRole('heading', { name: 'z.bin' }).waitFor();
  refuse((line) => line.includes('z.bin'));
  await head.getByRole('link', { name: 'Download' }).click();
  await page.getByText('It cannot be downloaded: The storage refuses access to this entry.').waitFor();
  const restore = cut();
  await page.evaluate(() => void (location.hash = '#/view/notes/%C3%BCber.txt'));
  await page.getByRole('heading', { name: '\u00fcber.txt' }).waitFor();
  assert.deepEqual(await downloaded(page, head), ['\u00fcber.txt', Buffer.from('words')]);
  restore();
});

async function downloaded(page: Page, place: Locator): Promise<[name: string, bytes: Buffer]> {
  const begun = page.waitForEvent('download');
  await place.getByRole('link', { name: 'Download' }).click();
  const download = await begun;
  return [download.suggestedFilename(), await readFile(await download.path())];
}
