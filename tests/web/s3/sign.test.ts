/** URLs that are presigned, and requests that a function signs, against the embedded server. */

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, before, beforeEach, suite, test } from 'node:test';
import {
  MemoryStorageTier,
  S3StorageTier,
  StorageError,
  TieredStorage,
  type PresignOptions,
  type S3Headers,
  type S3Options,
  type S3UnsignedRequest,
} from 'tiered-storage';
import { type RunningServer, startServer } from '../scenarios/server.js';
import { bytes, fails, text } from '../storage/open.js';
import { Proxy as Between } from './proxy.js';

let server: RunningServer;
let proxy: Between;

before(async () => {
  server = await startServer(['bucket'], '*');
  proxy = await Between.start(server.place.endpoint);
});

after(async () => {
  await proxy[Symbol.asyncDispose]();
  server.close();
});

beforeEach(() => {
  proxy.answer = () => undefined;
  proxy.take();
});

function tierOf(options: Partial<S3Options> = {}): S3StorageTier {
  const { accessKeyId, secretAccessKey } = server.place;
  const credentials = options.sign ? undefined : { accessKeyId, secretAccessKey };
  return new S3StorageTier({ bucket: 'bucket', endpoint: proxy.endpoint, credentials, ...options });
}

suite('presigned URLs', () => {
  const MINUTE = 60_000;

  test('each does what it is for, with any key', async () => {
    const storage = await TieredStorage.open({ tiers: { cold: tierOf({ prefix: 'p' }) } });
    for (const key of ['a b', 'a/../b', '#?%&+=', '~tiered-storage/x', '\u{1f600}']) {
      const url = (method: PresignOptions['method']) => storage.presign(key, { method, expires: MINUTE });
      proxy.take();
      const urls = { PUT: await url('PUT'), HEAD: await url('HEAD'), GET: await url(undefined), DELETE: await url('DELETE') };
      assert.deepEqual(proxy.take(), [], 'nothing is sent');
      assert.equal((await fetch(urls.PUT, { method: 'PUT', body: `of ${key}` })).status, 200, urls.PUT);
      assert.equal((await fetch(urls.HEAD, { method: 'HEAD' })).headers.get('content-length'), `${bytes(`of ${key}`).length}`);
      assert.equal(await (await fetch(urls.GET)).text(), `of ${key}`);
      assert.equal(text((await storage.get(key)) as Uint8Array), `of ${key}`, 'it is an entry');
      assert.equal((await fetch(urls.GET, { method: 'DELETE' })).status, 403, 'the method is signed');
      assert.equal((await fetch(urls.DELETE, { method: 'DELETE' })).status, 204);
      assert.equal((await fetch(urls.GET)).status, 404);
    }
    await storage.close();
    await fails('closed', () => storage.presign('a', { expires: MINUTE }));
  });

  test('a session token is in the URL, and the time in seconds', async () => {
    const { accessKeyId, secretAccessKey } = server.place;
    const credentials = { accessKeyId, secretAccessKey, sessionToken: 'a+token/=' };
    const parameters = new URL(await tierOf({ credentials }).presign('k', { expires: 2_999 })).searchParams;
    assert.equal(parameters.get('X-Amz-Security-Token'), 'a+token/=');
    assert.equal(parameters.get('X-Amz-Expires'), '2');
    assert.equal(parameters.get('X-Amz-SignedHeaders'), 'host');
  });

  test('what cannot be presigned is refused', async () => {
    const tier = tierOf();
    for (const expires of [999, 604_800_001, 0, -1, 1000.5, NaN, '1000', undefined]) {
      await fails('invalid', () => tier.presign('k', { expires: expires as number }), /`expires`/);
    }
    assert.ok(await tier.presign('k', { expires: 604_800_000 }));
    await fails('invalid', () => tier.presign('k', undefined as never), /`expires`/);
    await fails('invalid', () => tier.presign('k', { expires: 1000, method: 'POST' as 'PUT' }), /`method`/);
    await fails('invalid', () => tier.presign('', { expires: 1000 }), /key/);
    await fails('invalid', () => tierOf({ credentials: 'anonymous' }).presign('k', { expires: 1000 }), /anonymous/);
    const long = await fails('invalid', () => tierOf({ prefix: 'p' }).presign('k'.repeat(1024), { expires: 1000 }), /key/);
    assert.equal(long.key?.length, 1024);
    const storage = await TieredStorage.open({ tiers: { cold: new MemoryStorageTier() } });
    const error = await fails('unsupported', () => storage.presign('k', { expires: 1000 }), /S3StorageTier/);
    assert.deepEqual([error.tier, error.key], ['cold', 'k']);
    await fails('invalid', () => storage.presign('', { expires: 1000 }), /key/);
  });
});

/** What a host that has the keys answers: Signature Version 4 over all that it is told. */
function signed({ method, url, headers, payloadHash, region }: S3UnsignedRequest): Record<string, string> {
  const { host, pathname, searchParams } = new URL(url);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const added = { 'x-amz-date': date, 'x-amz-content-sha256': payloadHash };
  const all = Object.entries({ ...headers, ...added, host }).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = all.map(([name]) => name).join(';');
  const query = [...searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort().join('&');
  const lines = [method, pathname, query, ...all.map(([name, value]) => `${name}:${value}`), '', names, payloadHash];
  const scope = [date.slice(0, 8), region, 's3', 'aws4_request'];
  const hash = createHash('sha256').update(lines.join('\n')).digest('hex');
  const start = Buffer.from(`AWS4${server.place.secretAccessKey}`);
  const key = scope.reduce((key, part) => createHmac('sha256', key).update(part).digest(), start);
  const signature = createHmac('sha256', key).update(['AWS4-HMAC-SHA256', date, scope.join('/'), hash].join('\n')).digest('hex');
  const credential = `${server.place.accessKeyId}/${scope.join('/')}`;
  return { ...added, Authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}` };
}

suite('a function that signs', () => {
  test('stands for credentials in every call, and signs every attempt anew', async () => {
    const asked: S3UnsignedRequest[] = [];
    const sign = async (request: S3UnsignedRequest): Promise<S3Headers> => {
      asked.push(request);
      return asked.length % 2 ? signed(request) : new Headers(signed(request));
    };
    const storage = await TieredStorage.open<string>({ tiers: { cold: tierOf({ sign, prefix: 'sign' }) } });
    await storage.set('a b', 'value');
    proxy.once({ status: 503, body: '<Error><Code>SlowDown</Code></Error>' });
    proxy.take();
    assert.equal(await storage.get('a b'), 'value');
    assert.equal(proxy.take().length, 2);
    await storage.touch('a b', 60_000);
    const keys: string[] = [];
    for await (const key of storage.listKeys()) keys.push(key);
    assert.deepEqual(keys, ['a b']);
    await storage.clear();
    assert.deepEqual([...new Set(asked.map(({ method }) => method))].sort(), ['DELETE', 'GET', 'HEAD', 'PUT']);
    const [put, , again] = asked;
    assert.equal(put?.url, `${proxy.endpoint}/bucket/sign/a%20b`);
    assert.equal(put?.payloadHash, createHash('sha256').update('"value"').digest('hex'));
    assert.deepEqual([put?.region, put?.headers['content-type']], ['us-east-1', 'application/octet-stream']);
    assert.equal(put?.headers['authorization'], undefined);
    assert.deepEqual([again?.method, again?.headers['x-amz-checksum-mode']], ['GET', 'ENABLED']);
  });

  test('that fails, gives nonsense or never answers is an error that tells no secret', async () => {
    const secret = new Error('s3cr3t');
    const failing = await fails('unavailable', () => tierOf({ sign: () => Promise.reject(secret) }).get('k'), /signs failed/);
    assert.ok(!failing.message.includes('s3cr3t'));
    assert.equal(failing.cause, secret);
    const throwing = (): never => {
      throw new StorageError('denied', 'log in first');
    };
    await fails('denied', () => tierOf({ sign: throwing }).get('k'), /log in first/);
    const nonsense = [undefined, null, 's3cr3t', {}, [], { a: 1 }, { 'a b': 's3cr3t' }, { a: 's3cr3t\n' }, [['a']], { '': 's3cr3t' }];
    for (const given of nonsense) {
      const error = await fails('invalid', () => tierOf({ sign: () => given as never }).get('k'), /must give headers/);
      assert.ok(!error.message.includes('s3cr3t'), error.message);
    }
    const late = await fails('unavailable', () => tierOf({ timeout: 30, sign: () => new Promise(() => {}) }).get('k'), /30 ms/);
    assert.equal(late.isTimeout, true);
    assert.deepEqual(proxy.take(), []);
    await fails('denied', () => tierOf({ sign: (request) => ({ ...signed(request), 'x-amz-meta-a': 'unsigned' }) }).get('k'));
  });

  test('presigns no URLs', async () => {
    await fails('invalid', () => tierOf({ sign: signed }).presign('k', { expires: 1000 }), /a function signs/);
  });
});
