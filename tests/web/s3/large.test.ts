/** Other metadata for an object that S3 does not copy with one request: in parts, and only over the version that was seen. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3StorageTier, TieredStorage } from 'tiered-storage';
import { fails } from '../storage/open.js';

const SIZE = 6 * 2 ** 30;
const LINE = 'x-amz-meta-tiered-storage';

/** A bucket that holds one object of 6 GiB, of which nobody asks for a byte. */
class Bucket {
  etag = '"e0"';
  line = `1;s=${SIZE};c=1000;w=0000000000000007`;
  /** What was copied, and from which version. */
  readonly copied: [range: string, etag: string][] = [];
  readonly #heedsConditions: boolean;
  #begun = '';

  constructor(heedsConditions: boolean) {
    this.#heedsConditions = heedsConditions;
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { pathname, searchParams } = new URL(url);
    const header = (name: string): string => new Headers(init.headers).get(name) ?? '';
    const isFilm = pathname === '/bucket/film';
    const what = `${init.method} ${[...searchParams.keys()].filter((name) => name !== 'x-id').sort().join(' ')}`.trim();
    if (what === 'DELETE' || what === 'DELETE uploadId') return new Response(null, { status: 204 });
    if (what === 'HEAD' && isFilm) {
      return new Response(null, { headers: { etag: this.etag, [LINE]: this.line, 'content-length': String(SIZE) } });
    }
    if (what === 'POST uploads') {
      if (isFilm) this.#begun = header(LINE);
      return answer('InitiateMultipartUploadResult', '<UploadId>U</UploadId>');
    }
    if (what === 'PUT partNumber uploadId' && isFilm) {
      this.copied.push([header('x-amz-copy-source-range'), header('x-amz-copy-source-if-match')]);
      return answer('CopyPartResult', '<ETag>&quot;p&quot;</ETag>');
    }
    if (what === 'POST uploadId') {
      const isSo = header('if-match') === (isFilm ? this.etag : '');
      if (this.#heedsConditions && (!isSo || header('if-none-match'))) return answer('Error', '<Code>PreconditionFailed</Code>', 412);
      if (isFilm) [this.etag, this.line] = ['"e1"', this.#begun];
      return answer('CompleteMultipartUploadResult', '<ETag>&quot;e1&quot;</ETag>');
    }
    if (what.startsWith('PUT') && !isFilm) return new Response(null, { headers: { etag: '"scratch"' } });
    return answer('Error', '<Code>EntityTooLarge</Code>', 400);
  };
}

function answer(name: string, inner: string, status = 200): Response {
  return new Response(`<?xml version="1.0"?><${name}>${inner}</${name}>`, { status });
}

function open({ fetch }: Bucket): Promise<TieredStorage> {
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint: 'http://s3.test', credentials, fetch });
  return TieredStorage.open({ tiers: { cold } });
}

test('an object of 6 GiB is given a new life, and none of its bytes moves', async (t) => {
  const bucket = new Bucket(true);
  const storage = await open(bucket);
  t.after(() => storage.close());
  await storage.touch('film', 60_000);
  const ranges = bucket.copied.map(([range]) => range.replace('bytes=', '').split('-').map(Number) as [number, number]);
  ranges.sort(([one], [other]) => one - other);
  let end = 0;
  for (const [first, last] of ranges) {
    assert.equal(first, end);
    end = last + 1;
  }
  assert.equal(end, SIZE);
  assert.ok(bucket.copied.every(([, etag]) => etag === '"e0"'));
  const metadata = await storage.getMetadata('film');
  assert.ok((metadata?.ttl?.getTime() ?? 0) > Date.now());
  assert.equal(metadata?.size, SIZE);
});

test('where a store passes over conditions it is refused, since what another writes could be lost', async (t) => {
  const bucket = new Bucket(false);
  const storage = await open(bucket);
  t.after(() => storage.close());
  await fails('unsupported', () => storage.touch('film', 60_000), /anew/);
  assert.deepEqual(bucket.copied, []);
});
