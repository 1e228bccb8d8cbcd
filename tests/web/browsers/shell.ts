/** An app that starts without a network, from what its service worker keeps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from './engine.js';
import { EMPTY_PAGE } from './engine.js';
import { files, register } from './unbundled.js';

export function shell(engine: Engine): void {
  test('an app starts and shows entries with its server gone, and a new version takes over when the page says so', async (t) => {
    const built = files({ '/sw.js': 'shell-sw.ts' });
    let version = '1';
    const origin = await engine.origin(t, (path, request) => {
      if (path === '/text.txt') return `text ${version}`;
      return path === '/' ? EMPTY_PAGE.replace('test', `version ${version}`) : built(path, request);
    });
    const { page } = await origin.tab();
    await page.evaluate(register, '/sw.js?version=1');
    await page.evaluate(store, '<script>parent.postMessage("ran", "*")</script><b>shown</b>');
    assert.deepEqual(await page.evaluate(cacheNames), ['app@1']);

    version = '2';
    assert.equal(await page.evaluate(textOf, '/text.txt'), '200 text 1');
    await page.evaluate(update);
    assert.deepEqual(await page.evaluate(cacheNames), ['app@2']);
    assert.equal(await page.evaluate(textOf, '/text.txt'), '200 text 2');

    await origin.stop();
    await page.goto(`${origin.url}/deep/link`);
    assert.equal(await page.title(), 'version 2');
    assert.match(await page.evaluate(textOf, '/media/a.html'), /^200 .*shown/);
    assert.match(await page.evaluate(textOf, '/media/none'), /^404 /);
    assert.equal(await page.evaluate(ran, '/media/a.html'), 'nothing ran');
  });
}

/** Stores an entry from the page, in the database that the worker reads. */
async function store(text: string): Promise<void> {
  const path = '/pkg/inline.js';
  const { IndexedDBStorageTier, TieredStorage } = (await import(path)) as typeof import('tiered-storage');
  const storage = await TieredStorage.open({ tiers: { cold: new IndexedDBStorageTier({ evictionPolicy: 'none' }) } });
  await storage.set('a.html', new TextEncoder().encode(text), { mimeType: 'text/html' });
  await storage.close();
}

/** Registers the next version, and has it take over as a page does it. */
async function update(): Promise<void> {
  const path = '/pkg/sw.js';
  const { activateWaiting } = (await import(path)) as typeof import('tiered-storage/sw');
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register('/sw.js?version=2', { type: 'module' });
  const worker = registration.installing as ServiceWorker;
  const reached = (state: ServiceWorkerState): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => (worker.state === state ? resolve() : void 0);
      worker.addEventListener('statechange', look);
      look();
    });
  await reached('installed');
  const changed = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve));
  if (!activateWaiting(registration)) throw new Error('no worker waits');
  await changed;
  await reached('activated');
}

async function cacheNames(): Promise<string[]> {
  return caches.keys();
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  return `${response.status} ${await response.text()}`;
}

/** Shows a document in a frame, and gives what it said. */
async function ran(url: string): Promise<string> {
  const frame = document.createElement('iframe');
  const said = new Promise<string>((resolve) => addEventListener('message', ({ data }) => resolve(String(data))));
  const loaded = new Promise<string>((resolve) => frame.addEventListener('load', () => resolve('nothing ran')));
  frame.src = url;
  document.body.append(frame);
  return Promise.race([said, loaded]);
}
