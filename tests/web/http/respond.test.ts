/** Entries as answers to requests: the cases of every host, in Node and Chromium, and what only this one has. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { AwsClient } from 'aws4fetch';
import { MemoryStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';
import { respond, type RespondOptions } from 'tiered-storage/http';
import { launchChromium, openModule } from '../lib/browser.js';
import { ROOT } from '../lib/bundle.mjs';
import { long } from '../pieces/tier.js';
import { startServer } from '../scenarios/server.js';
import { bytes, caught, fails, openMemory, plainTier, text } from '../storage/open.js';
import { answered, answers, type Table } from './cases.js';

const table = JSON.parse(await readFile(join(ROOT, 'tests/assets/respond.json'), 'utf8')) as Table;
const browser = await launchChromium();
after(() => browser.close());

async function inChromium(): ReturnType<typeof answers> {
  const page = await openModule(await browser.newContext(), 'http/cases.ts');
  return page.call('answers', table).finally(() => page.close()) as ReturnType<typeof answers>;
}

for (const [host, run] of [['Node', () => answers(table)], ['Chromium', inChromium]] as const) {
  suite(host, async () => {
    const found = await run();
    for (const place of ['hot', 'cold'] as const) {
      table.cases.forEach(({ name, expect }, at) => {
        test(`${name}, from ${place}`, () => assert.deepEqual(found[place][at], { body: '', ...expect }));
      });
    }
  });
}

const request = (path: string, headers: Record<string, string> = {}, method = 'GET'): Request =>
  new Request(`http://localhost${path}`, { method, headers });

/** In Node, the signal of a request that was collected told nothing any more, whoever still read its answer. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise((done) => setImmediate(done));
    collect();
  }
}

suite('a key', () => {
  test('is the path, decoded, or what is given in its place', async () => {
    const { storage } = await openMemory();
    for (const key of ['a.txt', 'a b/\u{1f600}?.txt', '/a', 'a//b', '100%']) {
      await storage.set(key, bytes(key));
      const path = key.split('/').map(encodeURIComponent).join('/');
      assert.equal(await (await respond(storage, request(`/${path}?query#part`))).text(), key);
      assert.equal(await (await respond(storage, request('/other'), { key })).text(), key);
    }
    await storage.close();
  });

  test('that cannot be one is not found, if it is of a path, and else told', async () => {
    const { storage } = await openMemory();
    for (const path of ['/', '/%', '/%ff', `/${'x'.repeat(1025)}`]) {
      const { status, headers, body } = await answered(await respond(storage, request(path)));
      assert.deepEqual([status, headers, body], [404, { 'content-length': '0' }, ''], path);
    }
    for (const key of ['', 'x'.repeat(1025), '\ud800']) await fails('invalid', () => respond(storage, request('/a'), { key }), /key/);
    await storage.close();
  });
});

suite('failures', () => {
  test('of a tier are errors and not answers', async () => {
    const cold = plainTier();
    const storage = await TieredStorage.open({ tiers: { cold } });
    const fail = () => Promise.reject(new Error('down'));
    Object.assign(cold, { get: fail, getMetadata: fail });
    for (const method of ['GET', 'HEAD']) await fails('unavailable', () => respond(storage, request('/a', {}, method)), /down/);
    await storage.close();
    await fails('closed', () => respond(storage, request('/a')));
  });

  test('of a caller say what to do', async () => {
    const { storage } = await openMemory();
    const misuse = (...words: unknown[]) => (respond as (...words: unknown[]) => Promise<Response>)(...words);
    for (const words of [[], [storage], [storage, '/a'], [storage, null], [{}, request('/a')]]) {
      await fails('invalid', () => misuse(...words), /^`respond` takes a TieredStorage and a Request/);
    }
    const options: [RespondOptions, RegExp][] = [
      [{ cacheControl: 'a\r\nb: c' }, /^`cacheControl` in the options of `respond` must be the value of a header/],
      [{ cacheControl: '' }, /^`cacheControl`/],
      [{ key: 5 as unknown as string }, /^`key` in the options of `respond` must be a string/],
      [{ keys: 'a' } as RespondOptions, /no option `keys`/],
    ];
    for (const [given, words] of options) await fails('invalid', () => respond(storage, request('/a'), given), words);
    await storage.close();
  });

  test('that the request was given up is one', async () => {
    const cold = plainTier();
    cold.get = () => new Promise(() => undefined);
    const storage = await TieredStorage.open({ tiers: { cold } });
    const abort = new AbortController();
    const answer = respond(storage, new Request('http://localhost/a', { signal: abort.signal }));
    await collectGarbage();
    abort.abort(new Error('gone'));
    assert.equal(((await caught(() => answer)) as Error).message, 'gone');
  });
});

suite('a body', () => {
  test('is not read for an answer that has none', async () => {
    const cold = plainTier();
    let reads = 0;
    const { get } = cold;
    cold.get = (key) => {
      reads += 1;
      return get(key);
    };
    const storage = await TieredStorage.open({ tiers: { cold } });
    await storage.set('a', bytes('0123456789'));
    const readsFor = async (headers: Record<string, string>, method = 'GET', path = '/a'): Promise<[number, number]> => {
      reads = 0;
      const { status } = await respond(storage, request(path, headers, method));
      return [status, reads];
    };
    const etag = (await respond(storage, request('/a', {}, 'HEAD'))).headers.get('etag') ?? '';
    assert.deepEqual(await readsFor({}, 'HEAD'), [200, 0]);
    assert.deepEqual(await readsFor({}, 'PUT'), [405, 0]);
    assert.deepEqual(await readsFor({ 'if-none-match': etag }), [304, 0]);
    assert.deepEqual(await readsFor({ 'if-match': '"other"' }), [412, 0]);
    assert.deepEqual(await readsFor({ range: 'bytes=10-' }), [416, 0]);
    assert.deepEqual(await readsFor({ range: 'bytes=9-' }), [206, 1]);
    assert.deepEqual(await readsFor({ 'if-none-match': '"other"' }), [200, 1]);
    assert.deepEqual(await readsFor({}), [200, 1]);

    // Whether `fetch` decoded what another program encoded shows only with the bytes.
    const now = new Date();
    const stored = { key: 'b', size: 1, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum: '' };
    await cold.set('b', bytes('b'), { ...stored, encoding: 'br' });
    assert.deepEqual(await readsFor({}, 'HEAD', '/b'), [200, 1]);
    assert.deepEqual(await readsFor({ 'if-none-match': '*' }, 'GET', '/b'), [304, 0]);
    await storage.close();
  });

  test('is of its own, and not the stored bytes', async () => {
    const { storage } = await openMemory();
    await storage.set('a', bytes('0123456789'));
    for (const headers of [{}, { range: 'bytes=2-' }] as Record<string, string>[]) {
      const response = await respond(storage, request('/a', headers));
      new Uint8Array(await response.arrayBuffer()).fill(0);
      assert.equal(text(await storage.get('a')), '0123456789');
    }
    await storage.close();
  });

  test('is what a serializer made', async () => {
    const serialization = { serialize: async () => bytes('made'), deserialize: async () => 'value' };
    const { storage } = await openMemory({ serialization });
    await storage.set('a', 'value');
    assert.equal(await (await respond(storage, request('/a'))).text(), 'made');
    await storage.close();
  });
});

test('what another program encoded is decoded by fetch, and its headers are those of the decoded bytes', async () => {
  const server = await startServer(['bucket'], '*');
  try {
    const { endpoint, accessKeyId, secretAccessKey } = server.place;
    const cold = new S3StorageTier({ bucket: 'bucket', endpoint, credentials: { accessKeyId, secretAccessKey } });
    const program = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region: 'us-east-1' });
    const headers = { 'content-encoding': 'gzip', 'content-type': 'text/plain' };
    const put = await program.fetch(`${endpoint}/bucket/a.txt`, { method: 'PUT', headers, body: gzipSync('hello '.repeat(100)) });
    assert.equal(put.status, 200);
    const storage = await TieredStorage.open({ tiers: { hot: new MemoryStorageTier(), cold }, promotionStrategy: 'lazy' });
    const got = await answered(await respond(storage, request('/a.txt')));
    assert.equal(got.body, 'hello '.repeat(100));
    assert.deepEqual([got.headers['content-length'], got.headers['content-encoding']], ['600', undefined]);
    const head = await answered(await respond(storage, request('/a.txt', {}, 'HEAD')));
    assert.deepEqual(head.headers, got.headers);
    const part = await answered(await respond(storage, request('/a.txt', { range: 'bytes=594-', 'if-range': got.headers['etag'] ?? '' })));
    assert.deepEqual([part.status, part.headers['content-range'], part.body], [206, 'bytes 594-599/600', 'hello ']);
    const known = await respond(storage, request('/a.txt', { 'if-none-match': got.headers['etag'] ?? '' }));
    assert.equal(known.status, 304);
    await storage.close();
  } finally {
    await server.close();
  }
});

test('a large body comes in pieces, and of a range only its bytes', async () => {
  const server = await startServer(['bucket'], '*');
  try {
    const { endpoint, accessKeyId, secretAccessKey } = server.place;
    const cold = new S3StorageTier({ bucket: 'bucket', endpoint, credentials: { accessKeyId, secretAccessKey } });
    const storage = await TieredStorage.open<unknown>({ tiers: { cold } });
    const body = long(12_000_000);
    await storage.set('film.mp4', body);
    const received = async (): Promise<number> => {
      const { cold } = await storage.getStats();
      return cold.requests?.operations?.get?.bytesReceived ?? NaN;
    };
    const whole = await respond(storage, request('/film.mp4'));
    assert.equal(whole.headers.get('content-length'), '12000000');
    assert.deepEqual(new Uint8Array(await whole.arrayBuffer()), body);
    const before = await received();
    const part = await respond(storage, request('/film.mp4', { range: 'bytes=6000000-11999999' }));
    assert.equal(part.status, 206);
    assert.deepEqual(new Uint8Array(await part.arrayBuffer()), body.slice(6_000_000));
    assert.equal(await received(), before + 6_000_000);
    const given = await respond(storage, request('/film.mp4'));
    await given.body?.cancel();
    assert.ok((await received()) < before + 16_000_000, 'what is cancelled is read no further');
    const abort = new AbortController();
    const stopped = await respond(storage, new Request('https://app.test/film.mp4', { signal: abort.signal }));
    await collectGarbage();
    abort.abort(new Error('enough'));
    await assert.rejects(stopped.arrayBuffer(), /enough/);
    await storage.close();
  } finally {
    await server.close();
  }
});
