/** What unpacks the module where an entry brings it along. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { unpack } from '../../../pkg/ts/entries/unpack.js';
import { DIST } from '../lib/bundle.mjs';

const TEXT = new TextEncoder().encode('tiers of storage, stored in tiers; '.repeat(3_000));
const SQUARES = Array.from({ length: 64 }, (_, at) => ((at * at) >> 4) & 255);
/** Bytes, and what liblzma makes of them: a bare stream with `lc` 3, behind their number. */
const PACKED: readonly (readonly [Uint8Array, string])[] = [
  [new Uint8Array(), 'AAAAAACD//v//8AAAAA='],
  [Uint8Array.of(1), 'AQAAAAAAw+zv///hAIAA'],
  [
    TEXT,
    'KJoBAAA6GxwMWc+DeL+NOnL32Ifcavir64K5qhOkb9weeQ3A4u5+I1H0lc2MSnbHx+SYE1OQJE2KAYCfdWrZKKDXqUvWVnXK5oum+V+itoIaYQvSOzlUSqPHVmV+SPTQNRPXJ0v///fYAAA=',
  ],
  [new Uint8Array(100_000).fill(7), 'oIYBAAAD8HvB/q6PoUATvVM2nbQYY2uh7nH35o17fWX51jF9IJgwCNCqY3RZD6Uryerd4nkIfN6omlhVIaTRdK2JVp0Xz///YFQAAA=='],
  [
    Uint8Array.of(...SQUARES, ...new Uint8Array(5_000), ...SQUARES),
    'CBQAAAAAaTrGgxKEFgZ8IGDWX9llj9hAypJQxStbGgxN79jzmh6I5HBBgO7AdssWvis6u3xXTyQYG7QLLh81z6Q6uztixD0biP9VXgqX3mBrmksDFF1JxaQVr3YKYmM8uBO6Y///q+YEAA==',
  ],
];

test('what liblzma packed is unpacked', () => {
  for (const [plain, packed] of PACKED) assert.deepEqual(unpack(Buffer.from(packed, 'base64')), Uint8Array.from(plain));
});

test('damaged input ends, with other bytes', () => {
  const packed = Buffer.from(PACKED[2]?.[1] ?? '', 'base64');
  for (let at = 5; at < packed.length - 12; at += 1) {
    const damaged = Uint8Array.from(packed);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    assert.notDeepEqual(unpack(damaged), TEXT, `byte ${at}`);
  }
});

test('the text of the package is its module', async () => {
  const module = await readFile(join(DIST, 'tiers.wasm'));
  const { unpacked } = (await import(pathToFileURL(join(DIST, 'text.js')).href)) as { unpacked(): Uint8Array };
  assert.ok(module.equals(unpacked()));
});
