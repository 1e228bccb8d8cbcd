/** Changes that are made without a network: safe on the device, shown as waiting, and sent in order when it is back. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { S3StorageTier } from 'tiered-storage';
import { Engine } from '../browsers/engine.js';
import { complaints } from '../lib/axe.js';
import { text } from './files.js';
import { shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

const choose = (page: Page, name: string, content: string): Promise<void> =>
  page.getByTestId('upload').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(content) });
const stored = async (cold: S3StorageTier, key: string): Promise<string | null> => {
  const found = await cold.get(key);
  return found && Buffer.from(found).toString();
};

test('what is uploaded and deleted offline outlives a killed browser, and is sent when the network is back', async (t) => {
  const { open, cut, cold, origin } = await world(t, engine, { 'inbox/old.txt': text('old'), 'inbox/stays.txt': text('stays') });
  const page = await open('#/browse/inbox/');
  const other = await open('#/browse/inbox/');
  const restore = cut();
  await choose(page, 'first.txt', 'one');
  await choose(page, 'second.txt', 'two');
  await page.getByRole('link', { name: /first\.txt.*Waits to be sent/ }).waitFor();
  await other.getByRole('link', { name: /second\.txt.*Waits to be sent/ }).waitFor();
  await page.evaluate(() => void (location.hash = '#/view/inbox/old.txt'));
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('link', { name: /old\.txt.*To be deleted/ }).waitFor();
  await page.getByTestId('pending').getByText('3 changes to be sent').waitFor();
  assert.deepEqual(await complaints(page), []);
  await shoot(page, 'queue-offline');
  assert.equal(await stored(cold, 'inbox/old.txt'), 'old');

  await engine.crash();
  const { page: again } = await origin.tab('/#/browse/inbox/');
  await again.getByTestId('pending').getByText('3 changes to be sent').waitFor();
  restore();
  await again.getByTestId('pending').waitFor({ state: 'detached', timeout: 60_000 });
  await again.getByRole('link', { name: /old\.txt/ }).waitFor({ state: 'detached' });
  await again.getByRole('link', { name: /second\.txt/ }).waitFor();
  assert.deepEqual(await Promise.all(['inbox/first.txt', 'inbox/second.txt', 'inbox/old.txt'].map((key) => stored(cold, key))), ['one', 'two', null]);
});

test('where somebody else was quicker, the user chooses: mine, theirs or both', async (t) => {
  const names = ['mine.txt', 'theirs.txt', 'both.txt'];
  const { open, put, cold } = await world(t, engine, Object.fromEntries(names.map((name) => [`in/${name}`, text('theirs')])));
  const page = await open('#/browse/in/');
  for (const name of names) await choose(page, name, 'mine');
  const pending = page.getByTestId('pending');
  await pending.getByText('The bucket has another one of this name.').nth(2).waitFor();
  assert.deepEqual(await complaints(page), []);
  await shoot(page, 'queue-conflict');
  await put({ 'in/other.txt': text('x') });
  for (const [name, label] of [['mine.txt', 'Keep mine'], ['theirs.txt', 'Keep theirs'], ['both.txt', 'Keep both']] as const) {
    await pending.getByRole('group', { name: `What to do with ${name}` }).getByRole('button', { name: label }).click();
  }
  await pending.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'both (2).txt' }).waitFor();
  const found = await Promise.all([...names, 'both (2).txt'].map((name) => stored(cold, `in/${name}`)));
  assert.deepEqual(found, ['mine', 'theirs', 'theirs', 'mine']);
});

test('what waits can be given up', async (t) => {
  const { open, cut, cold } = await world(t, engine, { 'a.txt': text('a') });
  const page = await open();
  const restore = cut();
  await choose(page, 'unwanted.txt', 'x');
  await page.getByRole('link', { name: /unwanted\.txt.*Waits to be sent/ }).waitFor();
  await page.getByRole('button', { name: 'Give up: unwanted.txt' }).click();
  await page.getByTestId('pending').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: /unwanted\.txt/ }).waitFor({ state: 'detached' });
  restore();
  await page.getByTestId('reach').getByText('Online').waitFor();
  assert.equal(await cold.exists('unwanted.txt'), false);
});
