/** Stores that speak S3's protocol, each with what it can do. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { S3StorageTier, type S3Options, TieredStorage } from 'tiered-storage';
import { type RunningServer, startServer } from '../scenarios/server.js';
import { fails } from '../storage/open.js';
import { Proxy } from './proxy.js';

let server: RunningServer;
let proxy: Proxy;

before(async () => {
  server = await startServer(['bucket'], '*');
  proxy = await Proxy.start(server.place.endpoint);
});

after(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.close();
});

let folders = 0;

beforeEach(() => {
  proxy.take();
  folders += 1;
});

function tierOf(provider: S3Options['provider'], options: Partial<S3Options> = {}): S3StorageTier {
  const { accessKeyId, secretAccessKey } = server.place;
  const own = { bucket: 'bucket', endpoint: proxy.endpoint, credentials: { accessKeyId, secretAccessKey } };
  return new S3StorageTier({ ...own, prefix: `provider-${folders}`, provider, ...options });
}

/** The region that the last request was signed for. */
function signedRegion(at = -1): string | undefined {
  return proxy.passed.at(at)?.headers['authorization']?.split('/')[2];
}

/** What came by while two entries were removed at once, and the condition of the removal of an expired one. */
async function removals(provider: S3Options['provider']): Promise<{ methods: string; ifMatch: string | undefined }> {
  const storage = await TieredStorage.open<string>({ tiers: { cold: tierOf(provider) } });
  await storage.set('a', 'a');
  await storage.set('b', 'b');
  proxy.passed.length = 0;
  await storage.invalidate('');
  const methods = proxy.passed.map(({ method }) => method).filter((method) => method !== 'GET');
  await storage.set('c', 'c', { ttl: 0 });
  while ((await storage.get('c')) !== null);
  await storage.settled();
  const { method, headers } = proxy.passed.at(-1) ?? assert.fail('something came by');
  assert.equal(method, 'DELETE');
  await storage.close();
  return { methods: methods.join(' '), ifMatch: headers['if-match'] };
}

suite('providers', () => {
  const regions = { aws: 'us-east-1', r2: 'auto', minio: 'us-east-1', gcs: 'auto', garage: 'garage', ceph: 'us-east-1' } as const;
  for (const [provider, region] of Object.entries(regions)) {
    test(`${provider} signs for ${region}, or for what it is told, and learns better`, async () => {
      const tier = tierOf(provider as keyof typeof regions);
      assert.equal(await tier.get('k'), null);
      assert.equal(signedRegion(0), region);
      assert.equal(signedRegion(), 'us-east-1');
      proxy.take();
      assert.equal(await tierOf(provider as keyof typeof regions, { region: 'x-1' }).get('k'), null);
      assert.equal(signedRegion(0), 'x-1');
    });
  }

  test('a store that removes one by one is not asked for more', async () => {
    assert.deepEqual(await removals('gcs'), { methods: 'DELETE DELETE', ifMatch: undefined });
    assert.equal((await removals({ removesMany: false })).methods, 'DELETE DELETE');
    assert.equal((await removals('minio')).methods, 'POST');
  });

  test('a version is removed as the store can', async () => {
    assert.match((await removals('aws')).ifMatch ?? '', /^".+"$/);
    assert.match((await removals(undefined)).ifMatch ?? '', /^".+"$/);
    assert.equal((await removals('r2')).ifMatch, undefined);
    assert.equal((await removals({ removesVersions: false, conditionalWrites: 'probe' })).ifMatch, undefined);
  });

  test('an ETag goes bare where the store wants that', async () => {
    const tier = tierOf({ bareIfMatch: true });
    const storage = await TieredStorage.open<string>({ tiers: { cold: tier } });
    await storage.set('k', 'v', { ttl: 0 });
    proxy.answer = ({ method }) => (method === 'DELETE' ? { status: 204 } : undefined);
    while ((await storage.get('k')) !== null);
    await storage.settled();
    proxy.answer = () => undefined;
    assert.match(proxy.passed.at(-1)?.headers['if-match'] ?? '', /^[^"]+$/);
    await storage.close();
  });

  test('what cannot be right is refused where the tier is made', async () => {
    const wrong = (options: unknown, words: RegExp) => fails('invalid', () => new S3StorageTier(options as S3Options), words);
    await wrong({ bucket: 'bucket', provider: 'r2' }, /'r2'.*`endpoint`/);
    await wrong({ bucket: 'bucket', provider: 'b2', endpoint: 'https://s3.us-west-004.example.org' }, /`region`/);
    await wrong({ bucket: 'bucket', provider: 'azure', endpoint: 'https://h.example' }, /`provider`.*'aws', 'r2'/);
    await wrong({ bucket: 'bucket', provider: { removesMany: 1 } }, /`removesMany`/);
    await wrong({ bucket: 'bucket', provider: { conditionalWrites: 'yes' } }, /`conditionalWrites`.*'probe'/);
    await wrong({ bucket: 'bucket', provider: { speed: 1 } }, /`speed`/);
  });
});
