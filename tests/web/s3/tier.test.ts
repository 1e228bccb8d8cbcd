/** The S3 tier over the `fetch` of Node, against the embedded server: strict signatures, real conditions. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { MemoryStorageTier, S3StorageTier, StorageError, TieredStorage, type S3Credentials, type S3Options } from 'tiered-storage';
import { type RunningServer, startServer } from '../scenarios/server.js';
import { bytes, fails, text } from '../storage/open.js';
import { Proxy as Between } from './proxy.js';

const ODD_KEYS = [
  'a',
  'a/b',
  'a.meta',
  'a//b',
  '/a',
  'a/../b',
  '.',
  '..',
  'A',
  'emoji \u{1f600}/\u00e9',
  ' ',
  '#?%&+=',
  '%2F',
  'tab\there',
  '~tiered-storage/x',
  'x'.repeat(1024),
  '../'.repeat(341),
];

let server: RunningServer;
let proxy: Between;

before(async () => {
  server = await startServer(['bucket', 'other'], '*');
  proxy = await Between.start(server.place.endpoint);
});

after(async () => {
  await proxy[Symbol.asyncDispose]();
  server.close();
});

beforeEach(() => {
  proxy.answer = () => undefined;
  proxy.headers = (headers) => headers;
  proxy.take();
});

let folders = 0;

/** A tier with a prefix of its own. */
function tierOf(options: Partial<S3Options> = {}): S3StorageTier {
  const { accessKeyId, secretAccessKey } = server.place;
  folders += 1;
  const own = { bucket: 'bucket', endpoint: proxy.endpoint, prefix: `test-${folders}`, credentials: { accessKeyId, secretAccessKey } };
  return new S3StorageTier({ ...own, ...options });
}

function metadataOf(key: string, body: Uint8Array) {
  const now = new Date(1_700_000_000_000);
  const checksum = '';
  return { key, size: body.length, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum };
}

async function put(tier: S3StorageTier, key: string, value = key): Promise<void> {
  const body = bytes(value);
  await tier.set(key, body, metadataOf(key, body));
}

async function listed(tier: S3StorageTier, prefix?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of tier.listKeys(prefix)) keys.push(key);
  return keys;
}

suite('entries', () => {
  test('every key keeps its own bytes', async () => {
    const tier = tierOf();
    await Promise.all(ODD_KEYS.map((key) => put(tier, key, `of ${key}`)));
    for (const key of ODD_KEYS) {
      assert.equal(text(await tier.get(key)), `of ${key}`, JSON.stringify(key));
      assert.equal((await tier.getMetadata(key))?.key, key);
    }
    assert.deepEqual((await listed(tier)).sort(), [...ODD_KEYS].sort());
    assert.deepEqual((await listed(tier, 'a/')).sort(), ['a/../b', 'a//b', 'a/b'].sort());
    assert.equal((await tier.getStats()).items, ODD_KEYS.length);
    await tier.deleteMany(ODD_KEYS);
    assert.deepEqual(await listed(tier), []);
    assert.equal(await tier.get('a'), null);
  });

  test('metadata comes back as it was given, and can be replaced', async () => {
    const tier = tierOf();
    const body = bytes('{"a":1}');
    const customMetadata = { city: 'Z\u00fcrich \u{1f3d4}', empty: '', 'odd name': 'a;b=c\n' };
    const metadata = { ...metadataOf('key', body), mimeType: 'application/json', ttl: new Date(4_102_444_800_000), customMetadata };
    await tier.set('key', body, metadata);
    assert.deepEqual(await tier.getMetadata('key'), metadata);
    proxy.take();
    await tier.setMetadata('key', { ...metadata, ttl: new Date(4_102_444_900_000) });
    assert.deepEqual((await tier.getMetadata('key'))?.ttl, new Date(4_102_444_900_000));
    assert.equal(text(await tier.get('key')), '{"a":1}');
    assert.equal(proxy.passed.filter(({ method }) => method === 'PUT').length, 1, 'the body stays where it is');
  });

  test('bytes are the caller\u2019s own, before and after', async () => {
    const tier = tierOf();
    await put(tier, 'key');
    const body = bytes('original');
    const done = tier.set('key', body, metadataOf('key', body));
    body.fill(0);
    await done;
    const got = await tier.get('key');
    assert.equal(text(got), 'original');
    got?.fill(0);
    assert.equal(text(await tier.get('key')), 'original');
  });

  test('an empty body and one of several MiB', async () => {
    const tier = tierOf();
    await put(tier, 'empty', '');
    assert.equal((await tier.get('empty'))?.length, 0);
    const large = new Uint8Array(5 << 20).map((_, at) => at * 7);
    await tier.set('large', large, metadataOf('large', large));
    assert.deepEqual(await tier.get('large'), large);
  });

  test('a listing of more than 1,000 keys has several pages, and so has a clearing', async () => {
    const tier = tierOf({ concurrency: 16 });
    const keys = Array.from({ length: 1_203 }, (_, at) => `k${String(at).padStart(4, '0')}`);
    await Promise.all(keys.map((key) => put(tier, key, '')));
    assert.deepEqual(await listed(tier), keys);
    proxy.take();
    await tier.clear();
    assert.ok(proxy.take().filter((line) => line.startsWith('POST')).length >= 2);
    assert.deepEqual(await listed(tier), []);
  });
});

suite('objects of other programs', () => {
  /** Reads an object that the server answers with, in a storage that has cold alone. */
  async function read(body: string | Uint8Array, headers: Record<string, string>) {
    proxy.once({ status: 200, body, headers: { etag: '"e"', 'content-length': `${body.length}`, ...headers } }, undefined, 9);
    const storage = await TieredStorage.open({ tiers: { cold: tierOf() } });
    const { data, metadata } = (await storage.getWithMetadata('page')) ?? assert.fail('there is an object');
    return { body: text(data), ...metadata };
  }

  test('are read with what the server says of them', async () => {
    const checksum = 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=';
    const page = await read('hello', { 'content-type': 'text/html', 'x-amz-meta-owner': 'ada', 'x-amz-checksum-sha256': checksum });
    assert.deepEqual([page.body, page.size, page.mimeType, page.customMetadata], ['hello', 5, 'text/html', { owner: 'ada' }]);
    assert.equal(page.checksum, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  });

  test('are what they decode to, where fetch decodes them', async () => {
    const packed = gzipSync('hello '.repeat(100));
    const headers = { 'content-encoding': 'gzip', 'x-amz-checksum-sha256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=' };
    const page = await read(packed, headers);
    assert.deepEqual([page.body.length, page.size, page.encoding, page.checksum], [600, 600, undefined, '']);
    const kept = await read('hello', { 'content-encoding': 'aws-chunked' });
    assert.deepEqual([kept.body, kept.size, kept.encoding], ['hello', 5, 'aws-chunked']);
  });
});

suite('credentials', () => {
  test('none, and anonymous: nothing is signed', async () => {
    for (const credentials of [undefined, 'anonymous'] as const) {
      const tier = tierOf({ credentials });
      await fails('denied', () => tier.get('key'));
      assert.equal(proxy.passed.at(-1)?.headers.authorization, undefined);
    }
  });

  test('wrong ones are denied, and a missing bucket is invalid', async () => {
    await fails('denied', () => tierOf({ credentials: { accessKeyId: 'access-key', secretAccessKey: 'wrong' } }).get('key'));
    await fails('denied', () => tierOf({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'secret-key' } }).get('key'));
    await fails('invalid', () => tierOf({ bucket: 'nowhere' }).get('key'), /nowhere/);
    assert.equal((await fails('invalid', () => tierOf({ bucket: 'nowhere' }).getMetadata('key'))).key, 'key');
  });

  test('a session token is sent and signed', async () => {
    const strict = await startServer(['bucket'], '*', ['--session-token', 'the-token']);
    const { endpoint, accessKeyId, secretAccessKey } = strict.place;
    const keys = { accessKeyId, secretAccessKey };
    try {
      await put(tierOf({ endpoint, credentials: { ...keys, sessionToken: 'the-token' } }), 'key');
      await fails('denied', () => tierOf({ endpoint, credentials: keys }).get('key'));
    } finally {
      strict.close();
    }
  });

  test('a function is asked once for all who wait, again before they expire, and after they were refused', async () => {
    const { accessKeyId, secretAccessKey } = server.place;
    const asked: S3Credentials[] = [];
    let lifetimeMs = 3_600_000;
    const credentials = async (): Promise<S3Credentials> => {
      const expiration = new Date(Date.now() + lifetimeMs);
      asked.push({ accessKeyId, secretAccessKey, expiration });
      await new Promise((done) => setTimeout(done, 5));
      return { accessKeyId, secretAccessKey, expiration };
    };
    const tier = tierOf({ credentials });
    await Promise.all(['a', 'b', 'c'].map((key) => tier.get(key)));
    assert.equal(asked.length, 1);
    proxy.once({ status: 400, body: '<Error><Code>ExpiredToken</Code></Error>' });
    lifetimeMs = 60_000;
    await tier.get('a');
    assert.equal(asked.length, 2, 'refused');
    await tier.get('a');
    assert.equal(asked.length, 2, 'they are good for a minute');
    const now = Date.now;
    try {
      Date.now = () => now() + 31_000;
      await tier.get('a');
    } finally {
      Date.now = now;
    }
    assert.equal(asked.length, 3, 'less than half of that is left');
  });

  test('a function that fails, gives nonsense or never answers', async () => {
    const secret = new Error('s3cr3t');
    const failing = await fails('unavailable', () => tierOf({ credentials: () => Promise.reject(secret) }).get('key'), /credentials/);
    assert.ok(!failing.message.includes('s3cr3t'));
    assert.equal(failing.cause, secret);
    const throwing = (): never => {
      throw new StorageError('denied', 'log in first');
    };
    await fails('denied', () => tierOf({ credentials: throwing }).get('key'), /log in first/);
    for (const given of [undefined, null, 1, {}, { accessKeyId: 'id' }, { accessKeyId: 'id', secretAccessKey: 7 }]) {
      await fails('invalid', () => tierOf({ credentials: () => given as never }).get('key'), /credentials\./);
    }
    const late = await fails('unavailable', () => tierOf({ timeout: 30, credentials: () => new Promise(() => {}) }).get('key'), /30 ms/);
    assert.equal(late.isTimeout, true);
    assert.deepEqual(proxy.take(), []);
  });
});

suite('failures', () => {
  const ERROR = (code: string) => `<Error><Code>${code}</Code><Message>m</Message></Error>`;

  test('what passes is tried again, and the rest is told', async () => {
    const tier = tierOf();
    await put(tier, 'key');
    proxy.take();
    proxy.once({ status: 503, body: ERROR('SlowDown') });
    assert.equal(text(await tier.get('key')), 'key');
    assert.equal(proxy.take().length, 2);
    proxy.once({ status: 503, body: ERROR('InternalError') }, undefined, 9);
    await fails('unavailable', () => tierOf({ attempts: 3 }).get('key'), /cannot answer now/);
    assert.equal(proxy.take().length, 3);
    proxy.once({}, undefined, 1);
    assert.equal(text(await tier.get('key')), 'key', 'a connection that is cut');
    proxy.once({ status: 507, body: ERROR('QuotaExceeded') });
    const full = await fails('full', () => put(tier, 'key'));
    assert.equal(full.key, 'key');
  });

  test('an attempt ends when its time is over, and its request with it', async () => {
    const ended: string[] = [];
    const tier = tierOf({
      timeout: 40,
      attempts: 2,
      fetch: (url, init) => {
        init.signal?.addEventListener('abort', () => ended.push(String(init.method)));
        return fetch(url, init);
      },
    });
    proxy.once({ never: true }, undefined, 9);
    const error = await fails('unavailable', () => tier.get('key'));
    assert.equal(error.isTimeout, true);
    assert.deepEqual(ended, ['GET', 'GET']);
  });

  test('a read that is given up aborts its request', async () => {
    let signal: AbortSignal | null | undefined;
    const cold = tierOf({
      fetch: (url, init) => {
        signal = init.signal;
        return fetch(url, init);
      },
    });
    const storage = await TieredStorage.open({ tiers: { cold } });
    proxy.once({ never: true }, undefined, 9);
    const controller = new AbortController();
    const read = storage.get('key', { signal: controller.signal });
    while (!signal) await new Promise((done) => setTimeout(done, 1));
    controller.abort(new Error('enough'));
    await assert.rejects(read, /enough/);
    proxy.answer = () => undefined;
    await storage.close();
  });

  test('the region that the server names is used from then on', async () => {
    const elsewhere = await startServer(['bucket'], '*', ['--region', 'eu-west-3']);
    try {
      const asked: string[] = [];
      const fetching = (url: string, init: RequestInit): Promise<Response> => {
        asked.push(/\d{8}\/([\w-]+)\/s3/.exec((init.headers as Record<string, string>)['authorization'] ?? '')?.[1] ?? '');
        return fetch(url, init);
      };
      const tier = tierOf({ endpoint: elsewhere.place.endpoint, fetch: fetching });
      await put(tier, 'key');
      assert.equal(text(await tier.get('key')), 'key');
      assert.deepEqual(asked, ['us-east-1', 'eu-west-3', 'eu-west-3']);
    } finally {
      elsewhere.close();
    }
  });

  test('a redirect is not followed', async () => {
    proxy.once({ status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '' }, undefined, 9);
    await fails('invalid', () => tierOf().get('key'), /another place/);
  });

  test('a clock that is wrong is corrected', async () => {
    const { now } = Date;
    try {
      Date.now = () => now() - 3_600_000;
      const tier = tierOf();
      await put(tier, 'key');
      assert.equal(text(await tier.get('key')), 'key');
    } finally {
      Date.now = now;
    }
  });

  test('a function in place of fetch that misbehaves is an error of the tier', async () => {
    const throwing = (): never => {
      throw new Error('hands off');
    };
    const traps = { get: throwing, has: throwing, getPrototypeOf: throwing, ownKeys: throwing };
    const hostile = new Proxy({}, traps);
    const answers: (() => unknown)[] = [
      () => undefined,
      () => 'text',
      () => ({}),
      () => ({ status: 200, headers: 7 }),
      () => ({ status: 200, headers: hostile, arrayBuffer: () => new ArrayBuffer(0) }),
      () => ({ status: 200, headers: new Headers(), arrayBuffer: () => hostile }),
      () => ({ status: 200, headers: [hostile, 'x', 7], arrayBuffer: () => new ArrayBuffer(0) }),
      () => hostile,
      () => ({ status: 200, headers: new Headers(), arrayBuffer: () => 'text' }),
      () => ({ status: 'ok' }),
      () => Response.error(),
      () => {
        throw new Error('no');
      },
      () => Promise.reject(undefined),
    ];
    for (const answer of answers) {
      const tier = tierOf({ attempts: 1, fetch: answer as never });
      await fails('unavailable', () => tier.get('key'));
    }
    assert.equal(await tierOf().get('key'), null, 'the module goes on');
  });
});

test('a request says what it must and no more', async () => {
  const inits: RequestInit[] = [];
  const tier = tierOf({ fetch: (url, init) => (inits.push(init), fetch(url, init)) });
  await put(tier, 'key');
  await tier.get('key');
  for (const init of inits) {
    const { cache, redirect, credentials } = init;
    assert.deepEqual({ cache, redirect, credentials }, { cache: 'no-store', redirect: 'manual', credentials: 'omit' });
    const names = Object.keys(init.headers as object);
    assert.ok(!names.some((name) => ['host', 'content-length', 'user-agent'].includes(name)), String(names));
  }
  assert.ok(inits[0]?.body instanceof Uint8Array);
  assert.equal(inits[1]?.body, undefined);
});

test('no timer is left behind, which would keep a process alive', async () => {
  const tier = tierOf();
  await put(tier, 'key');
  await fails('unavailable', () => tierOf({ endpoint: 'http://127.0.0.1:1', attempts: 1 }).get('key'));
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
  await Promise.all(Array.from({ length: 20 }, () => tier.get('key')));
  const left = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
  assert.ok(left.length < timers.length + 20, `${left.length} timers, ${timers.length} before`);
});

test('a storage over S3: through all tiers, compressed, and back', async () => {
  const cold = tierOf();
  const open = () => TieredStorage.open({ tiers: { hot: new MemoryStorageTier(), cold }, compression: true });
  const first = await open();
  const value = { text: 'compressible '.repeat(500), list: [1, 2, 3] };
  const { tiersWritten } = await first.set('value', value, { metadata: { note: '\u00fc' } });
  assert.deepEqual(tiersWritten, ['hot', 'cold']);
  await first.close();
  const second = await open();
  const got = await second.getWithMetadata('value');
  assert.deepEqual(got?.data, value);
  assert.equal(got?.source, 'cold');
  assert.equal(got?.metadata.compressed, true);
  assert.equal((await second.getStats()).cold.items, 1);
  await second.delete('value');
  assert.equal(await second.get('value'), null);
  await second.close();
});
