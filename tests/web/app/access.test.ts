/** Who may do what in a bucket: everyone, whoever has the key, and who had it and was not to keep it. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import { Engine } from '../browsers/engine.js';
import { complaints } from '../lib/axe.js';
import { PICTURE, text } from './files.js';
import { shoot, world, type World } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

const go = (page: Page, hash: string): Promise<void> => page.evaluate((hash) => void (location.hash = hash), hash);
const upload = (page: Page, name: string): Promise<void> =>
  page.getByTestId('upload').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(name) });
/** Has the dialog open the place with the key of the tests. */
const unlock = async (page: Page, { accessKeyId, secretAccessKey }: World['config']): Promise<void> => {
  await page.getByLabel('Access key').fill(accessKeyId);
  await page.getByLabel('Secret key').fill(secretAccessKey);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
};

test('a public bucket is browsed and shown without a key, and takes changes only with one', async (t) => {
  const { open, cold, config, asked } = await world(t, engine, { 'in/a.txt': text('for everyone'), 'in/dot.png': PICTURE }, 'public');
  const page = await open('#/browse/in/');
  await page.getByRole('link', { name: /dot\.png/ }).locator('img.in').waitFor();
  await go(page, '#/view/in/a.txt');
  await page.getByText('for everyone').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Copy link' }).count(), 0, 'a link takes a key');
  assert.ok(asked().some((line) => line.startsWith('GET /library/in/a.txt')));

  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'in', exact: true }).waitFor();
  await upload(page, 'mine.txt');
  const pending = page.getByTestId('pending');
  await pending.getByText('This bucket takes changes only with a key.').nth(1).waitFor();
  assert.deepEqual(await complaints(page), []);
  await shoot(page, 'public-refused');
  assert.deepEqual(await Promise.all(['in/a.txt', 'in/mine.txt'].map((key) => cold.exists(key))), [true, false]);

  // With a key, what was refused goes by itself.
  await pending.getByRole('button', { name: 'Enter a key' }).first().click();
  await unlock(page, config);
  await pending.waitFor({ state: 'detached' });
  assert.deepEqual(await Promise.all(['in/a.txt', 'in/mine.txt'].map((key) => cold.exists(key))), [false, true]);
});

test('a bucket that is not public lets nobody in without a key, and says so', async (t) => {
  const { open } = await world(t, engine, { 'a.txt': text('a') });
  const page = await open();
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Anonymous').check();
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByText('The bucket lets nobody in without a key.').waitFor();
});

test('a key that was not kept goes with the last tab, and what waits is held until it is entered again', async (t) => {
  const { open, cut, cold, config, origin, asked } = await world(t, engine, { 'in/a.txt': text('seen'), 'in/b.txt': text('never seen') });
  const page = await open('#/view/in/a.txt');
  await page.getByText('seen').waitFor();
  await page.locator('.facts').getByText('On this device', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('With a key').check();
  await unlock(page, config);
  // Another tab is given it, and takes it from nobody.
  const other = await open('#/browse/in/');
  await go(page, '#/browse/in/');
  const restore = cut();
  await upload(page, 'mine.txt');
  await other.getByRole('link', { name: /mine\.txt.*Waits to be sent/ }).waitFor();
  await page.getByTestId('pending').getByText('Waits for the network').waitFor();

  await engine.crash();
  restore();
  asked();
  const { page: again } = await origin.tab('/#/browse/in/');
  await again.getByTestId('locked').waitFor();
  await again.getByTestId('pending').getByText('Waits for the key').waitFor();
  assert.deepEqual(await complaints(again), []);
  await shoot(again, 'locked');
  await go(again, '#/view/in/a.txt');
  await again.getByText('seen').waitFor();
  await go(again, '#/view/in/b.txt');
  await again.getByText('Enter the key of the bucket to see it.').waitFor();
  await again.getByRole('button', { name: 'Enter the key' }).click();
  await again.locator('[name=accessKeyId]:focus').waitFor();
  assert.deepEqual(asked(), [], 'nothing is asked without the key');
  await unlock(again, config);
  await again.getByTestId('pending').waitFor({ state: 'detached' });
  await again.getByText('never seen').waitFor();
  assert.equal(await cold.exists('in/mine.txt'), true);
});
