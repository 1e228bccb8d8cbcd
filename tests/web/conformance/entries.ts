/** Cases about entries, by the contract's ten methods. */

import type { StorageMetadata, StorageTier } from 'tiered-storage';
import { check, fails, same, sameBytes } from './check.js';
import { bytesOf, CREATED, fullMetadata, gathered, metadataOf, pattern } from './subject.js';

type Case = (tier: StorageTier) => Promise<void>;

/** Expects the entry that was written. */
async function has(tier: StorageTier, key: string, body: Uint8Array, metadata: StorageMetadata): Promise<void> {
  sameBytes(await tier.get(key), body, `the bytes of ${JSON.stringify(key)}`);
  same(await tier.getMetadata(key), { ...metadata, key }, `the metadata of ${JSON.stringify(key)}`);
  check(await tier.exists(key), `${JSON.stringify(key)} exists`);
}

async function lacks(tier: StorageTier, key: string): Promise<void> {
  same(await tier.get(key), null, 'the bytes of what is not there');
  same(await tier.getMetadata(key), null, 'the metadata of what is not there');
  check(!(await tier.exists(key)), 'what is not there does not exist');
}

async function put(tier: StorageTier, key: string, text: string, write = 0): Promise<void> {
  const body = bytesOf(text);
  await tier.set(key, body, metadataOf(key, body, write));
}

const ODD_KEYS = [
  'a', 'A', 'a/b', 'a/b/c', 'a//b', 'a/', '/a', '/', '//', '.', '..', 'a/.', 'a/..', 'a/../b', './a', '../a', 'a.meta', 'a.tmp',
  'a b', ' a', 'a ', '  ', 'a+b', 'a%20b', 'a%2Fb', '%', '%25', 'a#b', 'a?b', 'a&b=c', 'a\\b', 'C:\\a', 'con', 'NUL.txt', 'a:b',
  'a*b', 'a|b', '<a>', '"a"', "'a'", 'a\nb', 'a\tb', '\0', 'a\x7f', '~a', '~', '=', ';', 'caf\u00e9', 'cafe\u0301', '\ud83d\ude00',
  '\ufeff', '\ufffd', '\udbff\udfff', '\u0131', '__proto__', 'constructor', 'a\u2028b', 'http://h/a', 'a'.repeat(255), 'a'.repeat(256),
];

export const ENTRY_CASES: Record<string, Case> = {
  'what was written is found, and what was not is missing': async (tier) => {
    await lacks(tier, 'a');
    const body = bytesOf('hello');
    await tier.set('a', body, metadataOf('a', body, 1));
    await has(tier, 'a', body, metadataOf('a', body, 1));
    await lacks(tier, 'b');
    await tier.delete('b');
    await tier.delete('a');
    await lacks(tier, 'a');
  },

  'metadata comes back in full, with dates that are dates': async (tier) => {
    const body = bytesOf('{"a":1}');
    await tier.set('full', body, fullMetadata('full', body));
    await has(tier, 'full', body, fullMetadata('full', body));
    const found = await tier.getMetadata('full');
    check(found?.createdAt instanceof Date && found.lastAccessed instanceof Date && found.ttl instanceof Date, 'times are dates');
    // The key is the one that was written under, whatever the metadata says.
    await tier.set('other', body, fullMetadata('full', body));
    same((await tier.getMetadata('other'))?.key, 'other', 'the key');
  },

  'bytes that are said to be gzip are stored as they are': async (tier) => {
    const body = Uint8Array.of(0x1f, 0x8b, 8, 0, 0xff);
    const metadata = { ...metadataOf('z', body), size: 400, compressed: true };
    await tier.set('z', body, metadata);
    sameBytes(await tier.get('z'), body, 'the bytes');
    const found = await tier.getMetadata('z');
    check(found?.compressed === true && found.size === 400, 'the metadata says gzip of 400 bytes');
  },

  'keys that would be taken for one another are entries of their own': async (tier) => {
    for (const [at, key] of ODD_KEYS.entries()) await put(tier, key, `body ${at}`, at);
    for (const [at, key] of ODD_KEYS.entries()) {
      await has(tier, key, bytesOf(`body ${at}`), metadataOf(key, bytesOf(`body ${at}`), at));
    }
    for (const [at, key] of ODD_KEYS.entries()) {
      await tier.delete(key);
      check(!(await tier.exists(key)), `${JSON.stringify(key)} is gone`);
      const next = ODD_KEYS[at + 1];
      if (next !== undefined) check(await tier.exists(next), `${JSON.stringify(next)} is still there`);
    }
  },

  'keys of 1,024 bytes work': async (tier) => {
    const keys = ['k'.repeat(1_024), 'k'.repeat(1_023), '\ud83d\ude00'.repeat(256), '%'.repeat(1_024), '/'.repeat(1_024), `${'s'.repeat(1_023)}/`];
    for (const [at, key] of keys.entries()) await put(tier, key, `body ${at}`, at);
    for (const [at, key] of keys.entries()) sameBytes(await tier.get(key), bytesOf(`body ${at}`), 'a long key');
  },

  'bodies of any size come back whole': async (tier) => {
    for (const size of [0, 1, 255, 4_096, 8_191, 8_192, 8_193, 32_769, 65_537, 1 << 20]) {
      const key = `${size}-bytes`;
      const body = pattern(size);
      await tier.set(key, body, metadataOf(key, body));
      await has(tier, key, body, metadataOf(key, body));
    }
  },

  'an overwrite replaces all of it, longer by shorter and back': async (tier) => {
    for (const [write, size] of [5, 100_000, 2, 9_000, 8_192, 70_000, 0].entries()) {
      const body = pattern(size, write);
      const metadata = write === 2 ? fullMetadata('k', body) : metadataOf('k', body, write);
      await tier.set('k', body, metadata);
      await has(tier, 'k', body, metadata);
    }
  },

  'bytes are copied on their way in and out': async (tier) => {
    for (const size of [10, 5_000, 100_000]) {
      const mine = pattern(size);
      const written = tier.set('k', mine, metadataOf('k', mine));
      mine.fill(0);
      await written;
      mine.fill(1);
      const found = await tier.get('k');
      sameBytes(found, pattern(size), 'the caller changed its buffer after `set`');
      found?.fill(2);
      sameBytes(await tier.get('k'), pattern(size), 'the caller changed the buffer that `get` gave it');
    }
  },

  'a change of the buffer while other writes are under way is not stored': async (tier) => {
    const sizes = [10, 100_000, 20, 50_000, 9_000];
    const writes = sizes.map((size, at) => {
      const mine = pattern(size, at);
      const written = tier.set(`k${at}`, mine, metadataOf(`k${at}`, mine));
      mine.fill(0);
      return written;
    });
    await Promise.all(writes);
    for (const [at, size] of sizes.entries()) sameBytes(await tier.get(`k${at}`), pattern(size, at), `body ${at}`);
  },

  'a view is stored without the rest of its buffer': async (tier) => {
    const buffer = pattern(300_000);
    for (const [from, to] of [[10, 20], [100, 50_100]] as const) {
      const view = buffer.subarray(from, to);
      await tier.set('view', view, metadataOf('view', view));
      const found = await tier.get('view');
      sameBytes(found, view, 'the view');
      check(found?.buffer.byteLength === to - from, `what comes back has a buffer of ${found?.buffer.byteLength} bytes`);
    }
  },

  'body and metadata are of one write, also while writers overlap': async (tier) => {
    const sizes = [20, 3_000, 70_000];
    const bodyOf = (write: number): Uint8Array => new Uint8Array((sizes[write % 3] ?? 0) + write).fill(write);
    await tier.set('torn', bodyOf(1), metadataOf('torn', bodyOf(1), 1));
    const isWhole = async (): Promise<void> => {
      const body = await tier.get('torn');
      check(body !== null && body.length > 0, 'a key that is being overwritten is found');
      sameBytes(body, bodyOf(body[0] ?? 0), 'the body is of one write');
      const size = (await tier.getMetadata('torn'))?.size ?? 0;
      check(sizes.some((base) => size >= base && size <= base + 40), `the size ${size} is of one write`);
    };
    for (let round = 0; round < 8; round++) {
      const writes = [1, 2, 3, 4, 5].map((at) => {
        const body = bodyOf(round * 5 + at);
        return tier.set('torn', body, metadataOf('torn', body, round * 5 + at));
      });
      await Promise.all([...writes, isWhole(), isWhole(), isWhole()]);
      await isWhole();
      const last = await tier.get('torn');
      await has(tier, 'torn', last as Uint8Array, metadataOf('torn', last as Uint8Array, last?.[0] ?? 0));
    }
  },

  'several entries are written, read and removed at once': async (tier) => {
    const keys = Array.from({ length: 300 }, (_, at) => `many/${at}`);
    const bodyOf = (at: number): Uint8Array => pattern(at % 7 === 0 ? 20_000 : 50 + at, at);
    await Promise.all(keys.map((key, at) => tier.set(key, bodyOf(at), metadataOf(key, bodyOf(at), at))));
    const found = await Promise.all(keys.map((key) => tier.get(key)));
    found.forEach((body, at) => sameBytes(body, bodyOf(at), `body ${at}`));
    const missing = await Promise.all(keys.map((key) => tier.get(`${key}x`)));
    check(missing.every((body) => body === null), 'keys between them are not there');
    const sparse = await Promise.all(keys.filter((_, at) => at % 9 === 0).map((key) => tier.getMetadata(key)));
    sparse.forEach((metadata, at) => same(metadata?.size, bodyOf(at * 9).length, `size ${at * 9}`));
    await tier.deleteMany([...keys.slice(0, 200), 'not there', 'many/0']);
    const left = await Promise.all(keys.map((key) => tier.exists(key)));
    same(left.map(Number).join(''), '0'.repeat(200) + '1'.repeat(100), 'what is left');
  },

  '`setMetadata` replaces metadata, leaves the body, and makes no entry': async (tier) => {
    const body = bytesOf('body');
    await tier.setMetadata('k', metadataOf('k', body));
    await lacks(tier, 'k');
    await tier.set('k', body, metadataOf('k', body, 1));
    const changed = { ...metadataOf('k', body, 1), ttl: new Date(CREATED + 5_000), accessCount: 3, lastAccessed: new Date(CREATED + 99) };
    await tier.setMetadata('k', changed);
    await has(tier, 'k', body, changed);
    await tier.setMetadata('k', metadataOf('k', body, 1));
    await has(tier, 'k', body, metadataOf('k', body, 1));
    // Metadata of another version is the caller's to give here.
    const other = { ...metadataOf('k', body, 2), customMetadata: { now: 'another' } };
    await tier.setMetadata('k', other);
    await has(tier, 'k', body, other);
  },

  'what is no key, no bytes or no metadata is refused': async (tier) => {
    const body = bytesOf('body');
    const good = metadataOf('k', body);
    const any = (value: unknown): never => value as never;
    const bad = ['', 'k'.repeat(1_025), '\u00e9'.repeat(513), '\ud800', 'a\udc00b', undefined, null, 1, {}, ['k'], Symbol('k')];
    for (const key of bad) {
      const words = `the key ${typeof key === 'string' ? JSON.stringify(key).slice(0, 20) : typeof key}`;
      await fails('invalid', () => tier.get(any(key)), `get of ${words}`);
      await fails('invalid', () => tier.set(any(key), body, good), `set of ${words}`);
      await fails('invalid', () => tier.delete(any(key)), `delete of ${words}`);
      await fails('invalid', () => tier.exists(any(key)), `exists of ${words}`);
      await fails('invalid', () => tier.deleteMany([any(key)]), `deleteMany of ${words}`);
      await fails('invalid', () => tier.getMetadata(any(key)), `getMetadata of ${words}`);
      await fails('invalid', () => tier.setMetadata(any(key), good), `setMetadata of ${words}`);
    }
    for (const data of [undefined, null, 'text', 1, [1], {}, new ArrayBuffer(2), new Uint16Array(2), new DataView(new ArrayBuffer(2))]) {
      await fails('invalid', () => tier.set('k', any(data), good), `data of type ${Object.prototype.toString.call(data)}`);
    }
    const wrong: [string, unknown][] = [
      ['none', undefined],
      ['null', null],
      ['a text', 'text'],
      ['nothing in it', {}],
      ['a size that is text', { ...good, size: '4' }],
      ['a negative size', { ...good, size: -1 }],
      ['a size that is NaN', { ...good, size: NaN }],
      ['a date that is text', { ...good, createdAt: '2026-01-01' }],
      ['a date that is none', { ...good, createdAt: new Date(NaN) }],
      ['a ttl that is a number', { ...good, ttl: 1_000 }],
      ['a count that is a fraction', { ...good, accessCount: 0.5 }],
      ['a flag that is text', { ...good, compressed: 'no' }],
      ['a checksum that is none', { ...good, checksum: 'abc' }],
      ['a field that is a number', { ...good, customMetadata: { a: 1 } }],
      ['fields that are a list', { ...good, customMetadata: ['a'] }],
      ['too many fields', { ...good, customMetadata: { long: 'x'.repeat(2_000) } }],
    ];
    for (const [words, metadata] of wrong) {
      await fails('invalid', () => tier.set('k', body, any(metadata)), `set with metadata: ${words}`);
      await fails('invalid', () => tier.setMetadata('k', any(metadata)), `setMetadata: ${words}`);
    }
    await fails('invalid', () => tier.deleteMany(any('keys')), 'deleteMany of a text');
    check(!(await tier.exists('k')), 'nothing was stored');
  },

  'a fresh tier is empty': async (tier) => {
    const { bytes, items } = await tier.getStats();
    same([bytes, items], [0, 0], 'bytes and items');
    same(await gathered(tier.listKeys()), [], 'the keys');
  },
};
