/** What an S3 tier takes as options, and that no secret leaves it. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { S3StorageTier, StorageError, corsRules } from 'tiered-storage';
import { fails } from '../storage/open.js';

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 's3cr3t' };

/** What is wrong with options, and the words that tell it. */
const WRONG: Record<string, [unknown, RegExp]> = {
  'no options': [undefined, /bucket/],
  'a text': ['bucket', /bucket/],
  'no bucket': [{}, /`bucket`/],
  'an empty bucket': [{ bucket: '' }, /`bucket`/],
  'a bucket of capitals': [{ bucket: 'Bucket' }, /`bucket`/],
  'a bucket with a path': [{ bucket: 'bucket/key', endpoint: 'http://h' }, /`bucket`/],
  'two dots': [{ bucket: 'a..b' }, /`bucket`/],
  'an unknown option': [{ bucket: 'bucket', speed: 1 }, /`speed`/],
  'a region with a space': [{ bucket: 'bucket', region: 'eu central' }, /`region`/],
  'an endpoint without a scheme': [{ bucket: 'bucket', endpoint: 's3.example.org' }, /`endpoint`/],
  'an endpoint with a path': [{ bucket: 'bucket', endpoint: 'https://s3.example.org/x' }, /`endpoint`/],
  'an endpoint with a password': [{ bucket: 'bucket', endpoint: 'https://ada:s3cr3t@s3.example.org' }, /`endpoint`/],
  'another protocol': [{ bucket: 'bucket', endpoint: 'ftp://s3.example.org' }, /`endpoint`/],
  'an address behind a bucket': [{ bucket: 'bucket', endpoint: 'http://127.0.0.1:9000', addressing: 'virtual-host' }, /addressing/],
  'the same for SDKs': [{ bucket: 'bucket', endpoint: 'http://[::1]:9000', forcePathStyle: false }, /addressing/],
  'another addressing': [{ bucket: 'bucket', addressing: 'host' }, /`addressing`/],
  'a prefix with a slash in front': [{ bucket: 'bucket', prefix: '/a' }, /`prefix`.*slash/],
  'a prefix with dots': [{ bucket: 'bucket', prefix: 'a/../b' }, /`prefix`.*segment/],
  'a prefix with a line break': [{ bucket: 'bucket', prefix: 'a\nb' }, /`prefix`.*control/],
  'a prefix that is kept': [{ bucket: 'bucket', prefix: 'a/~tiered-storage' }, /`prefix`.*keeps/],
  'a long prefix': [{ bucket: 'bucket', prefix: '\u00e9'.repeat(256) }, /`prefix`.*512/],
  'half a character': [{ bucket: 'bucket', prefix: '\ud800' }, /surrogate/],
  'a concurrency of nothing': [{ bucket: 'bucket', concurrency: 0 }, /`concurrency`/],
  'a timeout as text': [{ bucket: 'bucket', timeout: '1s' }, /`timeout`/],
  'half an attempt': [{ bucket: 'bucket', attempts: 0.5 }, /`attempts`/],
  'a fetch that is none': [{ bucket: 'bucket', fetch: {} }, /`fetch`/],
  'a signer that is none': [{ bucket: 'bucket', sign: {} }, /`sign`/],
  'a signer beside credentials': [{ bucket: 'bucket', sign: () => ({}), credentials: KEYS }, /`sign`/],
  'credentials as text': [{ bucket: 'bucket', credentials: 's3cr3t' }, /`credentials`/],
  'no id': [{ bucket: 'bucket', credentials: { secretAccessKey: 's3cr3t' } }, /`credentials.accessKeyId`/],
  'no secret': [{ bucket: 'bucket', credentials: { accessKeyId: 'id' } }, /`credentials.secretAccessKey`/],
  'a token that no header takes': [{ bucket: 'bucket', credentials: { ...KEYS, sessionToken: 's3cr3t\n' } }, /`credentials.sessionToken`/],
  'an expiry as text': [{ bucket: 'bucket', credentials: { ...KEYS, expiration: '2030-01-01' } }, /`credentials.expiration`/],
  'credentials that throw': [
    {
      bucket: 'bucket',
      credentials: {
        get accessKeyId() {
          throw new Error('s3cr3t');
        },
      },
    },
    /`credentials` cannot be read/,
  ],
};

suite('options', () => {
  for (const [name, [options, words]] of Object.entries(WRONG)) {
    test(`${name}: refused where the tier is made`, async () => {
      const error = await fails('invalid', () => new S3StorageTier(options as never), words);
      assert.ok(!error.message.includes('s3cr3t'), error.message);
    });
  }

  test('what is right is taken, and nothing is sent', () => {
    const fetch = (): never => assert.fail('a request was sent');
    for (const options of [
      { bucket: 'my.bucket-1', region: 'auto' },
      { bucket: 'My_Bucket', endpoint: 'HTTPS://S3.example.org:8443/' },
      { bucket: 'bucket', endpoint: 'http://[::1]:9000', prefix: 'a/b' },
      { bucket: 'bucket', addressing: 'virtual-host', endpoint: 'https://s3.example.org' } as const,
      { bucket: 'bucket', credentials: { ...KEYS, sessionToken: 'token', expiration: new Date() } },
      { bucket: 'bucket', credentials: 'anonymous', concurrency: 1, timeout: 1, attempts: 1 } as const,
      { bucket: 'bucket', region: undefined, credentials: undefined },
    ]) {
      new S3StorageTier({ ...options, fetch });
    }
  });
});

test('no secret is seen from outside', async () => {
  const credentials = { ...KEYS, sessionToken: 's3ss10n' };
  const tier = new S3StorageTier({ bucket: 'bucket', endpoint: 'http://127.0.0.1:1', attempts: 1, credentials });
  const error = await fails('unavailable', () => tier.get('key'), /127\.0\.0\.1:1.*CORS/);
  const seen = [inspect(tier, { depth: 9, showHidden: true }), JSON.stringify(tier), inspect(error, { depth: 9, showHidden: true })];
  for (const text of seen) assert.ok(!/s3cr3t|s3ss10n/.test(text), text);
});

test('the rules of CORS are what PutBucketCors takes', async () => {
  const { CORSRules } = corsRules('https://app.example.org');
  assert.equal(CORSRules.length, 1);
  const [rule] = CORSRules;
  assert.deepEqual(rule?.AllowedOrigins, ['https://app.example.org']);
  assert.deepEqual([...(rule?.AllowedMethods ?? [])].sort(), ['DELETE', 'GET', 'HEAD', 'POST', 'PUT']);
  for (const name of ['ETag', 'Date', 'Content-Range', 'x-amz-meta-tiered-storage', 'x-amz-checksum-sha256']) {
    assert.ok(rule?.ExposeHeaders.includes(name), name);
  }
  assert.deepEqual(corsRules(['http://localhost:5173', '*']).CORSRules[0]?.AllowedOrigins, ['http://localhost:5173', '*']);
  for (const origin of ['', 'app.example.org', 'https://app.example.org/', [], [1], undefined]) {
    await fails('invalid', () => corsRules(origin as string), /origin/);
  }
  assert.ok(StorageError.prototype instanceof Error);
});
