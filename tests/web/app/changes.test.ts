/** What changes: files that come and go, other tabs, other buckets, and the app itself. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import { Engine } from '../browsers/engine.js';
import { text } from './files.js';
import { shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

const go = (page: Page, hash: string): Promise<void> => page.evaluate((hash) => void (location.hash = hash), hash);

test('files are uploaded by choice and by dropping, seen in another tab at once, linked to, and deleted', async (t) => {
  const { open, cold } = await world(t, engine, { 'inbox/old.txt': text('old') });
  const page = await open('#/browse/inbox/');
  const other = await open('#/browse/inbox/');
  await page.getByTestId('upload').setInputFiles({ name: 'new.txt', mimeType: 'text/plain', buffer: Buffer.from('chosen') });
  await page.getByRole('link', { name: /new\.txt/ }).waitFor();
  await other.getByRole('link', { name: /new\.txt/ }).waitFor();
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
    return data;
  });
  await page.dispatchEvent('main', 'dragover', { dataTransfer: transfer });
  await page.getByText('Drop to upload into inbox').waitFor();
  await shoot(page, 'drop');
  await page.dispatchEvent('main', 'drop', { dataTransfer: transfer });
  await other.getByRole('link', { name: /dropped\.txt/ }).waitFor();
  await page.getByTestId('pending').waitFor({ state: 'detached' });
  assert.equal(Buffer.from((await cold.get('inbox/dropped.txt')) ?? []).toString(), 'dropped');

  await engine.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await go(page, '#/view/inbox/new.txt');
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('Link copied').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await (await fetch(link)).text(), 'chosen');

  await page.getByRole('button', { name: 'Delete' }).click();
  await shoot(page, 'delete');
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.ok(await cold.exists('inbox/new.txt'));
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await other.getByRole('link', { name: /new\.txt/ }).waitFor({ state: 'detached' });
  await page.getByTestId('pending').waitFor({ state: 'detached' });
  assert.equal(await cold.exists('inbox/new.txt'), false);
});

test('a bucket that refuses is told and not opened, and keys are kept only if they are to be', async (t) => {
  const { open, config } = await world(t, engine, { 'a.txt': text('a') });
  const page = await open();
  const fill = async (secret: string, isKept: boolean): Promise<void> => {
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByLabel('With a key').check();
    await page.getByLabel('Access key').fill(config.accessKeyId);
    await page.getByLabel('Secret key').fill(secret);
    await page.getByLabel('Keep the key on this device').setChecked(isKept);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
  };
  const isStored = (): Promise<boolean> => page.evaluate(holds, config.secretAccessKey);
  await fill('wrong', false);
  await page.getByText('The bucket refuses access').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: /a\.txt/ }).waitFor();
  await fill(config.secretAccessKey, false);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await isStored(), false);
  await fill(config.secretAccessKey, true);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await isStored(), true);
});

test('a new version of the app takes over when the user says so', async (t) => {
  const { open, change } = await world(t, engine);
  const page = await open();
  const before = await page.evaluate(() => caches.keys());
  change('/', (page) => page.replace('A media library', 'The next media library'));
  change('/sw.js', (worker) => worker.replace(/"version":"\w+"/, '"version":"next"'));
  await page.reload();
  await page.getByText('A new version of this app is here.').waitFor();
  await shoot(page, 'update');
  const description = (): Promise<string> => page.evaluate(() => document.querySelector<HTMLMetaElement>('meta[name=description]')?.content ?? '');
  assert.match(await description(), /^A media library/);
  const loaded = page.waitForEvent('load');
  await page.getByRole('button', { name: 'Use it' }).click();
  await loaded;
  await page.waitForFunction(() => document.querySelector<HTMLMetaElement>('meta[name=description]')?.content.startsWith('The next'));
  await page.waitForFunction(async () => (await caches.keys()).join() === 'library@next');
  assert.notDeepEqual(before, ['library@next']);
});

test('it can be installed, and asks the browser to keep what it stored when somebody clicks', async (t) => {
  const { open } = await world(t, engine, { 'a.txt': text('a') });
  const page = await open();
  const session = await engine.context.newCDPSession(page);
  assert.deepEqual((await session.send('Page.getInstallabilityErrors')).installabilityErrors, []);
  await page.evaluate(() => {
    Object.assign(window, { asked: 0 });
    navigator.storage.persist = () => Promise.resolve(((window as unknown as { asked: number }).asked += 1) > 0);
    navigator.storage.persisted = () => Promise.resolve((window as unknown as { asked: number }).asked > 0);
  });
  const asked = (): Promise<number> => page.evaluate(() => (window as unknown as { asked: number }).asked);
  await page.getByRole('button', { name: 'Manage' }).click();
  assert.equal(await asked(), 0);
  await page.getByRole('button', { name: 'Protect from cleaning' }).click();
  await page.getByText('The browser will not remove these copies by itself.').waitFor();
  await page.getByRole('button', { name: 'Protected from cleaning' }).waitFor();
  assert.equal(await asked(), 1);
});

test('two tabs pin a folder together: each entry comes once, and both see it come and go', async (t) => {
  const names = Array.from({ length: 30 }, (_, at) => `folder/${String(at).padStart(2, '0')}.bin`);
  const { open, asked, hold } = await world(t, engine, Object.fromEntries(names.map((name) => [name, text(name)])));
  const [one, other] = [await open('#/browse/folder/'), await open('#/browse/folder/')];
  const release = hold((line) => line.includes('20.bin'));
  await one.getByTestId('pin').click();
  await other.getByTestId('pin').getByText('Stop').waitFor();
  // The tab that brings them is closed in the middle, and the other goes on.
  await other.waitForFunction(() => (document.querySelector('progress')?.value ?? 0) >= 20);
  await one.close();
  release();
  await other.getByTestId('pin').getByText('Kept offline').waitFor();
  const reads = asked().filter((line) => line.startsWith('GET /library/folder/'));
  assert.ok(reads.length < names.length + 5, `${reads.length} reads`);
  const third = await open('#/browse/folder/');
  await third.getByTestId('pin').getByText('Kept offline').waitFor();
  await third.getByRole('button', { name: 'Manage' }).click();
  await third.getByRole('button', { name: 'Remove folder from this device' }).click();
  await other.getByTestId('pin').getByText('Keep offline').waitFor();
});

/** Whether any database of the page has this text somewhere. */
async function holds(text: string): Promise<boolean> {
  const found: unknown[] = [];
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const asked = indexedDB.open(name);
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    for (const store of database.objectStoreNames) {
      found.push(...(await new Promise<unknown[]>((resolve) => {
        const asked = database.transaction(store).objectStore(store).getAll();
        asked.onsuccess = () => resolve(asked.result);
      })));
    }
    database.close();
  }
  const decoder = new TextDecoder('latin1');
  const readable = async (value: unknown): Promise<string> => {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      const bytes = new Uint8Array((value instanceof ArrayBuffer ? value : value.buffer) as ArrayBuffer);
      const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
      const stream = new Blob([bytes]).stream();
      return decoder.decode(isPacked ? await new Response(stream.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer() : bytes);
    }
    if (typeof value === 'object' && value !== null) return (await Promise.all(Object.values(value).map(readable))).join();
    return String(value);
  };
  return (await Promise.all(found.map(readable))).some((one) => one.includes(text));
}
