/** Entries that the native library wrote are read by the npm package, and the other way round: the same stored bytes. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { S3StorageTier, TieredStorage } from 'tiered-storage';
import { type RunningServer, builtProgram, startServer } from '../scenarios/server.js';
import { bytes, text } from '../storage/open.js';
import { Proxy } from './proxy.js';

interface Order {
  key: string;
  text?: string;
  mimeType?: string;
  custom?: Record<string, string>;
  compression?: boolean;
}

interface Told {
  text: string;
  mimeType: string | null;
  custom: Record<string, string>;
  compressed: boolean;
  size: number;
  checksum: string;
}

const LONG = 'compressible \u{1f600} '.repeat(60);
const ENTRIES: Record<string, Order & { text: string }> = {
  'as it is': { key: 'plain.txt', text: 'hello' },
  'compressed': { key: 'long.txt', text: LONG, compression: true },
  'not worth compressing': { key: 'short.txt', text: 'short', compression: true },
  'empty': { key: 'empty', text: '' },
  'with Unicode in key, type and fields': {
    key: '\u00fc/\u{1f4e6} %2F/../x',
    text: LONG,
    compression: true,
    mimeType: 'text/x-\u00fcbung',
    custom: { 'city;=': 'Z\u00fcrich \u{1f3d4}\n', 'line\r\n': '', 'plain': 'a~b' },
  },
  'under a key without a name of its own': { key: '../'.repeat(341), text: LONG, custom: { plain: 'x' } },
};

let server: RunningServer;
let proxy: Proxy;
let child: ChildProcess;
let native: (order: Order) => Promise<Told | null>;
let tier: S3StorageTier;

before(async () => {
  server = await startServer(['bucket'], '*');
  proxy = await Proxy.start(server.place.endpoint);
  const { accessKeyId, secretAccessKey } = server.place;
  child = spawn(await builtProgram('s3-entry'), [proxy.endpoint, 'bucket', accessKeyId, secretAccessKey], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout ?? assert.fail('a pipe') })[Symbol.asyncIterator]();
  native = async (order) => {
    child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('the native program went away');
    return JSON.parse(value) as Told | null;
  };
  const credentials = { accessKeyId, secretAccessKey };
  tier = new S3StorageTier({ bucket: 'bucket', endpoint: proxy.endpoint, credentials });
});

after(async () => {
  child.kill();
  await proxy[Symbol.asyncDispose]();
  server.close();
});

async function ours({ key, text: value, mimeType, custom, compression = false }: Order): Promise<Told | null> {
  const storage = await TieredStorage.open<Uint8Array>({ tiers: { cold: tier }, compression });
  if (value !== undefined) await storage.set(key, bytes(value), { ...(mimeType && { mimeType }), metadata: custom ?? {} });
  const found = await storage.getWithMetadata(key);
  await storage.close();
  if (!found) return null;
  const { metadata } = found;
  return {
    text: text(found.data),
    mimeType: metadata.mimeType ?? null,
    custom: metadata.customMetadata ?? {},
    compressed: metadata.compressed,
    size: metadata.size,
    checksum: metadata.checksum,
  };
}

/** The stored form of the metadata of the last write, without what differs between any two writes: time and write id. */
function lastLine(): string {
  const line = proxy.passed.findLast(({ method }) => method === 'PUT')?.headers['x-amz-meta-tiered-storage'];
  assert.ok(typeof line === 'string' && /;c=\d+/.test(line) && /;w=\w+/.test(line), String(line));
  return line.replace(/;c=\d+/, ';c=').replace(/;w=[^;]+/, ';w=');
}

suite('the same stored bytes', () => {
  for (const [name, entry] of Object.entries(ENTRIES)) {
    test(name, async () => {
      const written = await native(entry);
      const nativeLine = lastLine();
      assert.equal(written?.text, entry.text);
      assert.deepEqual(await ours({ key: entry.key }), written, 'written natively');

      const mine = await ours(entry);
      assert.equal(lastLine(), nativeLine);
      assert.deepEqual(mine, written);
      assert.deepEqual(await native({ key: entry.key }), written, 'written by the npm package');
    });
  }

  test('JSON is bytes for the native library', async () => {
    const storage = await TieredStorage.open({ tiers: { cold: tier } });
    await storage.set('value', { a: ['\u00fc', 1] });
    assert.equal((await native({ key: 'value' }))?.text, '{"a":["\u00fc",1]}');
    await storage.close();
  });
});
