/** What unpacks the module where the runtime does not. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { constants, gzipSync } from 'node:zlib';
import { gunzip } from '../../../pkg/ts/entries/gunzip.js';
import { DIST } from '../lib/bundle.mjs';

const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;
const noise = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 2_654_435_761) >>> 13);
const text = new TextEncoder().encode('tiers of storage, stored in tiers; '.repeat(3_000));
const runs = new Uint8Array(100_000).fill(7);

test('every kind of block is unpacked', () => {
  for (const bytes of [new Uint8Array(), Uint8Array.of(1), noise, text, runs]) {
    for (const options of [{ level: 0 }, { level: 1 }, { level: 9 }, { strategy: Z_FIXED }, { strategy: Z_HUFFMAN_ONLY }, { strategy: Z_RLE }]) {
      assert.deepEqual(gunzip(gzipSync(bytes, options)), Uint8Array.from(bytes));
    }
  }
});

test('damaged input ends, with an error or with other bytes', () => {
  const packed = gzipSync(text);
  for (let at = 10; at < packed.length - 8; at += 1) {
    const damaged = Uint8Array.from(packed);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    try {
      assert.notDeepEqual(gunzip(damaged), text);
    } catch (error) {
      assert.ok(error instanceof RangeError || error instanceof assert.AssertionError, String(error));
    }
  }
});

test('the text of the package is its module, with the unpacker of the runtime and without', async () => {
  const module = await readFile(join(DIST, 'tiers.wasm'));
  const { unpacked } = (await import(pathToFileURL(join(DIST, 'text.js')).href)) as { unpacked(): Promise<ArrayBuffer> };
  assert.ok(module.equals(Buffer.from(await unpacked())));
  const { DecompressionStream } = globalThis;
  Reflect.deleteProperty(globalThis, 'DecompressionStream');
  try {
    assert.ok(module.equals(Buffer.from(await unpacked())));
  } finally {
    Object.assign(globalThis, { DecompressionStream });
  }
});
