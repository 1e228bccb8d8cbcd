/** Changes that are made without a network: safe on the device, shown as waiting, and sent in order when it is back. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { S3StorageTier } from 'tiered-storage';
import { Engine } from '../browsers/engine.js';
import { complaints } from '../lib/axe.js';
import { PICTURE, text } from './files.js';
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

test('how much of an upload has left is shown in every tab', async (t) => {
  const { open, cold } = await world(t, engine, { 'in/a.txt': text('a') });
  const pages = [await open('#/browse/in/'), await open('#/browse/in/')] as const;
  for (const page of pages) {
    const session = await engine.context.newCDPSession(page);
    await session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400_000 });
  }
  const [page] = pages;
  const body = randomBytes(2_000_000);
  await page.getByTestId('upload').setInputFiles({ name: 'large.bin', mimeType: 'application/octet-stream', buffer: body });
  for (const one of pages) await one.getByTestId('pending').getByText(/^[1-9]\d?\s%$/).waitFor();
  const share = (): Promise<number> => page.getByRole('progressbar', { name: 'Sending large.bin' }).evaluate((bar) => (bar as HTMLProgressElement).value);
  const before = await share();
  await shoot(page, 'queue-sending');
  await page.waitForFunction((before) => (document.querySelector<HTMLProgressElement>('.sending progress')?.value ?? 0) > before, before);
  await page.getByTestId('pending').waitFor({ state: 'detached', timeout: 60_000 });
  assert.deepEqual(Buffer.from((await cold.get('in/large.bin')) ?? []), body);
});

test('what waits can be looked at, and is gone for good when it is deleted', async (t) => {
  const { open, cut, cold } = await world(t, engine, { 'in/a.txt': text('a') });
  const page = await open('#/browse/in/');
  const restore = cut();
  await page.getByTestId('upload').setInputFiles([
    { name: 'dot.png', mimeType: 'image/png', buffer: PICTURE },
    { name: 'drawing.svg', mimeType: '', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="window.ran=1"><script>window.ran=1</script></svg>') },
    { name: 'page.html', mimeType: 'text/html', buffer: Buffer.from('<script>window.ran=1</script>') },
  ]);
  await page.getByRole('link', { name: /dot\.png.*Waits to be sent/ }).locator('img.in').waitFor();
  await shoot(page, 'queue-preview');
  await page.getByRole('link', { name: /dot\.png/ }).click();
  const width = (): Promise<number | undefined> => page.evaluate(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth);
  await page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 2);
  await page.keyboard.press('ArrowRight');
  await page.getByRole('heading', { name: 'drawing.svg' }).waitFor();
  await page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 40);
  await page.keyboard.press('ArrowRight');
  await page.getByText('Waits to be sent', { exact: true }).first().waitFor();
  assert.equal(await width(), undefined, 'a page is not shown before it is in a sandbox');
  assert.equal(await page.evaluate(() => 'ran' in window), false);
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('page.html is on this device alone, and will be gone for good.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByTestId('pending').getByText('2 changes to be sent').waitFor();
  restore();
  await page.getByTestId('pending').waitFor({ state: 'detached', timeout: 60_000 });
  assert.deepEqual(await Promise.all(['in/dot.png', 'in/page.html'].map((key) => cold.exists(key))), [true, false]);
});

test('what somebody else changed is not deleted unseen', async (t) => {
  const { open, cut, put, cold } = await world(t, engine, { 'in/a.txt': text('seen'), 'in/b.txt': text('seen') });
  const page = await open();
  for (const name of ['a.txt', 'b.txt']) {
    await page.evaluate((name) => void (location.hash = `#/view/in/${name}`), name);
    await page.getByRole('heading', { name }).waitFor();
    await page.getByText('seen').waitFor();
    await page.locator('.facts').getByText('On this device', { exact: true }).waitFor();
  }
  const restore = cut();
  for (const name of ['a.txt', 'b.txt']) {
    await page.evaluate((name) => void (location.hash = `#/view/in/${name}`), name);
    await page.getByRole('heading', { name }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('link', { name: new RegExp(`${name}.*To be deleted`) }).waitFor();
  }
  await put({ 'in/a.txt': text('changed'), 'in/b.txt': text('changed') });
  restore();
  const pending = page.getByTestId('pending');
  await pending.getByText('Somebody changed it in the meantime.').nth(1).waitFor({ timeout: 60_000 });
  await shoot(page, 'queue-delete-conflict');
  await pending.getByRole('group', { name: 'What to do with a.txt' }).getByRole('button', { name: 'Keep it' }).click();
  await pending.getByRole('group', { name: 'What to do with b.txt' }).getByRole('button', { name: 'Delete it' }).click();
  await pending.waitFor({ state: 'detached' });
  assert.deepEqual([await stored(cold, 'in/a.txt'), await stored(cold, 'in/b.txt')], ['changed', null]);
});

test('on a narrow screen what waits is folded until it has a question', async (t) => {
  const { open, cut } = await world(t, engine, { 'in/a.txt': text('a') });
  const page = await open('#/browse/in/');
  await page.setViewportSize({ width: 390, height: 844 });
  const restore = cut();
  await choose(page, 'new.txt', 'x');
  const fold = page.getByRole('button', { name: '1 change to be sent' });
  await fold.waitFor();
  assert.equal(await page.getByRole('button', { name: 'Give up: new.txt' }).isVisible(), false);
  await fold.click();
  await page.getByRole('button', { name: 'Give up: new.txt' }).waitFor();
  assert.deepEqual(await complaints(page), []);
  await fold.click();
  restore();
  await page.getByTestId('pending').waitFor({ state: 'detached', timeout: 60_000 });
  await choose(page, 'a.txt', 'mine');
  const keep = page.getByRole('button', { name: 'Keep mine' });
  await keep.waitFor();
  await page.getByRole('button', { name: '1 change to be sent' }).click();
  await page.getByRole('button', { name: '1 change to be sent, 1 to be decided' }).click();
  await keep.click();
  await page.getByTestId('pending').waitFor({ state: 'detached' });
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
