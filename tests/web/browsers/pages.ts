/** Pages as a site would have them: one under a strict policy, and one that a service worker serves. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { S3StorageTier } from 'tiered-storage';
import { WEB } from '../lib/bundle.mjs';
import type { Served } from '../lib/serve.js';
import { EMPTY_PAGE, type Engine } from './engine.js';
import { ownCold, sharedCold, type Cold } from './s3.js';
import { files, query, register } from './unbundled.js';

const SHOTS = join(WEB, '.out/browsers');
const NOTES = { '/app.js': 'app.ts', '/page.css': 'page.css' };

export function pages(engine: Engine): void {
  test('a page under a strict policy loads the package, both entries, and stores and reads notes', async (t) => {
    const cold = await sharedCold();
    const page = await openNotes(engine, t, cold, `script-src 'self' 'wasm-unsafe-eval'`);
    await isSaid(page, 'ready');
    for (const [name, text] of [['milk', 'two bottles'], ['bread', 'rye, sliced'], ['tea', 'Assam']] as const) {
      await page.fill('[name=name]', name);
      await page.fill('[name=text]', text);
      await page.click('button');
      await isSaid(page, `${name} is in hot, warm, cold`);
    }
    await page.waitForSelector('[data-name=tea][data-source=hot]');
    await page.reload();
    await isSaid(page, 'ready');
    const rows = await page.locator('tbody tr').allInnerTexts();
    assert.deepEqual(rows.map((row) => row.split('\t').slice(0, 3)), [
      ['bread', 'rye, sliced', 'warm'],
      ['milk', 'two bottles', 'warm'],
      ['tea', 'Assam', 'warm'],
    ]);
    assert.equal(await page.evaluate(roundTrip, '/pkg/url.js'), 'value');
    assert.deepEqual(await page.evaluate('violations'), []);
    // It puts styles of its own into the page.
    await mkdir(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `notes-${engine.name}.png`) });
  });

  test('a policy that forbids WebAssembly is told, as an error of the package', async (t) => {
    const page = await openNotes(engine, t, await sharedCold(), `script-src 'self'`);
    await isSaid(page, /^failed: unavailable: the WebAssembly module cannot be started/);
  });

  test('a frame without storage keeps entries in memory, and that is told', async (t) => {
    const origin = await engine.origin(t, (path, request) => {
      if (path === '/') return EMPTY_PAGE + `<iframe sandbox="allow-scripts" src="/frame"></iframe>`;
      if (path === '/frame') return EMPTY_PAGE;
      const served = files({})(path, request);
      return Promise.resolve(served).then((body) => body && forAll(body));
    });
    const { page } = await origin.tab();
    const frame = page.frames().find((frame) => frame.url().endsWith('/frame'));
    assert.ok(frame);
    const [fallbacks, tiers, source] = await frame.evaluate(storeInFrame, `${origin.url}/pkg/inline.js`);
    assert.deepEqual(tiers, ['warm', 'cold']);
    assert.equal(source, 'warm');
    assert.equal(fallbacks.length, 1);
    assert.match(fallbacks[0] ?? '', /^warm: the database tiered-storage cannot be opened: /);
  });

  test('a service worker answers from the storage, also offline and after a restart of the browser', async (t) => {
    const { cold, stop } = await ownCold(t);
    await upload(cold, { 'index.html': '<!doctype html><title>stored</title>', 'a b.txt': 'hello' });
    const origin = await engine.origin(t, files({ '/sw.js': 'sw.ts' }));
    const { page } = await origin.tab();
    await page.evaluate(register, `/sw.js${query(cold)}`);
    assert.deepEqual(await page.evaluate(ask, '/entries/a%20b.txt'), [200, 'text/plain', 'cold', 'hello']);
    await page.goto(`${origin.url}/any`);
    assert.equal(await page.title(), 'stored');
    await page.waitForFunction(async () => (await fetch('/entries/a%20b.txt')).headers.get('x-source') === 'warm');
    assert.equal((await page.evaluate(ask, '/entries/missing'))[0], 404);

    await stop();
    await origin.stop();
    await engine.restart();
    const { page: next } = await origin.tab('/any');
    assert.equal(await next.title(), 'stored');
    assert.deepEqual(await next.evaluate(ask, '/entries/a%20b.txt'), [200, 'text/plain', 'warm', 'hello']);
    assert.deepEqual((await next.evaluate(ask, '/entries/missing')).at(-1), 'unavailable');
  });
}

/** The page with the notes, under a policy. */
async function openNotes(engine: Engine, t: TestContext, cold: Cold, scripts: string): Promise<Page> {
  const policy = `default-src 'none'; ${scripts}; style-src 'self'; img-src data:; connect-src 'self' ${cold.endpoint}`;
  const served = files({ ...NOTES, '/': 'page.html' });
  const origin = await engine.origin(t, async (path, request) => {
    const body = await served(path, request);
    return path === '/' ? { body: body as string, headers: { 'content-security-policy': policy } } : body;
  });
  const { page } = await origin.tab(`/${query(cold)}`, () => {
    const violations: string[] = [];
    Object.assign(globalThis, { violations });
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      violations.push(`${violatedDirective} ${blockedURI}`);
    });
  });
  return page;
}

async function isSaid(page: Page, words: string | RegExp): Promise<void> {
  const status = page.locator('#status', { hasText: words });
  await status.waitFor({ timeout: 10_000 }).catch(async (error: unknown) => {
    throw new Error(`not ${words}, but ${await page.locator('#status').textContent()}`, { cause: error });
  });
}

/** Puts texts into S3, as another program would. */
async function upload({ prefix, bucket, endpoint, accessKeyId, secretAccessKey }: Cold, texts: Record<string, string>): Promise<void> {
  const tier = new S3StorageTier({ bucket, prefix, endpoint, credentials: { accessKeyId, secretAccessKey } });
  for (const [key, text] of Object.entries(texts)) {
    const now = new Date();
    const body = new TextEncoder().encode(text);
    const mimeType = key.endsWith('.html') ? 'text/html' : 'text/plain';
    await tier.set(key, body, { key, size: body.length, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum: '', mimeType });
  }
}

/** An answer for pages of every origin. */
function forAll(body: Served): Served {
  const headers = { 'access-control-allow-origin': '*' };
  return typeof body === 'string' || body instanceof Uint8Array ? { body, headers } : { ...body, headers };
}

type Entry = typeof import('tiered-storage');

async function roundTrip(url: string): Promise<unknown> {
  const { MemoryStorageTier, TieredStorage } = (await import(url)) as Entry;
  const storage = await TieredStorage.open({ tiers: { cold: new MemoryStorageTier() } });
  await storage.set('key', 'value');
  return storage.get('key');
}

async function storeInFrame(url: string): Promise<[fallbacks: string[], tiers: string[], source: string | undefined]> {
  const { IndexedDBStorageTier, MemoryStorageTier, TieredStorage } = (await import(url)) as Entry;
  const fallbacks: string[] = [];
  const storage = await TieredStorage.open({
    tiers: { warm: new IndexedDBStorageTier(), cold: new MemoryStorageTier() },
    // Nobody shares the origin of such a frame; it may be refused channels and locks.
    tabs: 'app',
    onEvent: (event) => {
      if (event.type === 'fallback') fallbacks.push(`${event.tier}: ${event.error.message}`);
    },
  });
  const { tiersWritten } = await storage.set('key', 'value');
  return [fallbacks, tiersWritten, (await storage.getWithMetadata('key'))?.source];
}

async function ask(path: string): Promise<[status: number, type: string | null, source: string | null, text: string]> {
  const response = await fetch(path);
  return [response.status, response.headers.get('content-type'), response.headers.get('x-source'), await response.text()];
}
