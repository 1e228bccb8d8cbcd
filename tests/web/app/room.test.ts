/** A browser that gives no more room: what was kept stays, what cannot be kept is told, and nothing is lost. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { Engine } from '../browsers/engine.js';
import { complaints } from '../lib/axe.js';
import { text } from './files.js';
import { shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

/** What a site may store here, and what each file of the folder takes: bytes that no browser makes smaller. */
const QUOTA = 6_000_000;
const SIZE = 500_000;
const COUNT = 24;

test('at the quota a pinned folder says what it could not keep, and what was kept stays', async (t) => {
  const names = Array.from({ length: COUNT }, (_, at) => `${String(at).padStart(2, '0')}.bin`);
  const files = Object.fromEntries(names.map((name) => [`folder/${name}`, randomBytes(SIZE)]));
  const { openIn, stop, asked } = await world(t, engine, { ...files, 'loose/a.txt': text('looked at'), 'small/b.txt': text('small') });
  const page = await openIn(QUOTA, '#/browse/folder/');
  await page.getByTestId('pin').click();
  const told = page.getByRole('alert').filter({ hasText: 'This device has no room left.' });
  await told.waitFor();
  const kept = (): Promise<number> => page.getByRole('link', { name: /\.bin.*On this device/ }).count();
  const before = await kept();
  assert.ok(before >= 3 && before <= COUNT - 4, `${before} are kept`);
  assert.equal(await told.innerText(), `This device has no room left. ${COUNT - before} items could not be kept.`);
  const bodies = asked().filter((line) => line.startsWith('GET /library/folder/')).length;
  assert.ok(bodies < COUNT, `${bodies} were asked for, though no more fitted`);
  assert.deepEqual(await complaints(page), []);
  await shoot(page, 'quota');

  // What is looked at is shown, and takes no room from what is pinned.
  await page.evaluate(() => void (location.hash = '#/view/loose/a.txt'));
  await page.getByText('looked at').waitFor();
  await page.evaluate(() => void (location.hash = '#/browse/folder/'));
  await page.getByRole('link', { name: /00\.bin/ }).waitFor();
  assert.equal(await kept(), before);

  await stop();
  await page.reload();
  await page.getByTestId('offline').waitFor();
  await page.getByRole('link', { name: /\.bin.*Not on this device/ }).first().waitFor();
  assert.equal(await kept(), before);
});

test('an upload takes the room of copies that no folder keeps', async (t) => {
  const names = Array.from({ length: COUNT }, (_, at) => `${String(at).padStart(2, '0')}.svg`);
  const svg = (): Uint8Array => text(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--${randomBytes(SIZE).toString('hex')}--></svg>`);
  const { openIn, cut, cold } = await world(t, engine, Object.fromEntries(names.map((name) => [`pictures/${name}`, svg()])));
  const page = await openIn(QUOTA, '#/browse/pictures/');
  await page.locator('.card img.in').nth(12).waitFor();
  const restore = cut();
  const body = randomBytes(4_000_000);
  await page.getByTestId('upload').setInputFiles({ name: 'mine.bin', mimeType: 'application/octet-stream', buffer: body });
  await page.getByTestId('pending').getByText('1 change to be sent').waitFor();
  restore();
  await page.getByTestId('pending').waitFor({ state: 'detached', timeout: 60_000 });
  assert.deepEqual(Buffer.from((await cold.get('pictures/mine.bin')) ?? []), body);
});

test('an upload that can never fit is told, and the others of the same choice are taken', async (t) => {
  const { openIn, cold } = await world(t, engine, { 'in/a.txt': text('a') });
  const page = await openIn(QUOTA, '#/browse/in/');
  await page.getByTestId('upload').setInputFiles([
    { name: 'huge.bin', mimeType: 'application/octet-stream', buffer: randomBytes(9_000_000) },
    { name: 'small.txt', mimeType: 'text/plain', buffer: Buffer.from('small') },
  ]);
  await page.getByText('huge.bin is not uploaded: This device has no room left.').waitFor();
  await shoot(page, 'quota-upload');
  await page.getByTestId('pending').waitFor({ state: 'detached' });
  assert.equal(Buffer.from((await cold.get('in/small.txt')) ?? []).toString(), 'small');
  assert.equal(await cold.exists('in/huge.bin'), false);
});
