/** S3 in a page: what the bucket's CORS rules show, and what is told where they hide it. */

import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { after, before, beforeEach, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { corsRules, type S3Options } from 'tiered-storage';
import { type Opened, launchChromium, openModule } from '../lib/browser.js';
import { type RunningServer, startServer } from '../scenarios/server.js';
import type { Told } from './page.js';
import { Proxy } from './proxy.js';

const VALUE = { text: 'compressible '.repeat(100) };
const KEYS = ['value', 'a b/\u00e9', '../..', 'x'.repeat(1024)];

let browser: Browser;
let page: Opened;
let server: RunningServer;
let proxy: Proxy;
let options: S3Options;

before(async () => {
  browser = await launchChromium();
  page = await openModule(await browser.newContext(), 's3/page.ts');
  server = await startServer(['bucket'], page.site.origin);
  proxy = await Proxy.start(server.place.endpoint);
  const { accessKeyId, secretAccessKey } = server.place;
  options = { bucket: 'bucket', endpoint: proxy.endpoint, attempts: 1, credentials: { accessKeyId, secretAccessKey } };
});

after(async () => {
  await page.close();
  await browser.close();
  await proxy[Symbol.asyncDispose]();
  server.close();
});

beforeEach(() => {
  proxy.answer = () => undefined;
  expose(...(corsRules(page.site.origin).CORSRules[0]?.ExposeHeaders ?? []));
});

/** Lets rules expose these headers and no others. */
function expose(...names: string[]): void {
  proxy.headers = ({ 'access-control-expose-headers': _, ...headers }: IncomingHttpHeaders) =>
    names.length ? { ...headers, 'access-control-expose-headers': names.join(', ') } : headers;
}

function call(name: 'store' | 'load' | 'read' | 'list' | 'remove', ...words: unknown[]): Promise<Told> {
  return page.call<Told>(name, options, ...words);
}

async function failsOfCors(answer: Promise<Told>, words = /CORS.*ETag.*x-amz-meta-tiered-storage.*corsRules/): Promise<void> {
  const told = await answer;
  assert.ok('kind' in told, JSON.stringify(told));
  assert.equal(told.kind, 'invalid', told.message);
  assert.match(told.message, words);
}

suite('with the rules of corsRules', () => {
  test('entries are stored, read, listed and removed', async () => {
    for (const key of KEYS) assert.deepEqual(await call('store', key, VALUE), { value: true }, key);
    for (const key of KEYS) assert.deepEqual(await call('load', key), { value: VALUE }, key);
    const listed = await call('list');
    assert.deepEqual('value' in listed && [...(listed.value as string[])].sort(), [...KEYS].sort());
    await call('remove', KEYS);
    assert.deepEqual(await call('load', 'value'), { value: null });
  });

  test('objects of other programs are read', async () => {
    await call('store', 'object', VALUE);
    proxy.answer = ({ method }) =>
      method === 'OPTIONS'
        ? undefined
        : {
            status: 200,
            body: 'plain',
            headers: {
              'access-control-allow-origin': page.site.origin,
              'access-control-expose-headers': 'ETag, Date, x-amz-meta-tiered-storage',
              'content-length': '5',
              'content-type': 'text/html',
              etag: '"e"',
            },
          };
    assert.deepEqual(await call('read', 'object'), { value: ['text/html', 5, 'plain'] });
  });
});

suite('where rules hide headers', () => {
  test('a compressed entry is never taken for an object of another program', async () => {
    assert.deepEqual(await call('store', 'entry', VALUE), { value: true });
    for (const exposed of [[], ['ETag'], ['ETag', 'x-amz-request-id'], ['Date', 'x-amz-request-id']]) {
      expose(...exposed);
      await failsOfCors(call('load', 'entry'));
      await failsOfCors(call('read', 'entry'));
    }
    expose('ETag', 'x-amz-meta-tiered-storage');
    assert.deepEqual(await call('load', 'entry'), { value: VALUE });
  });

  test('a write says so too', async () => {
    expose();
    await failsOfCors(call('store', 'written', VALUE));
  });
});

test('where no rule lets the page in, the error names CORS beside the network', async () => {
  proxy.headers = ({ 'access-control-allow-origin': _, ...headers }) => headers;
  const told = await call('load', 'entry');
  assert.ok('kind' in told);
  assert.equal(told.kind, 'unavailable');
  assert.match(told.message, /no connection to 127\.0\.0\.1:\d+.*CORS/);
});

test('a redirect, which a page is not told the end of, is an error that says so', async () => {
  const headers = { location: 'http://127.0.0.1:1/', 'access-control-allow-origin': page.site.origin };
  proxy.answer = () => ({ status: 307, headers });
  await failsOfCors(call('load', 'entry'), /elsewhere.*region and endpoint/);
});
