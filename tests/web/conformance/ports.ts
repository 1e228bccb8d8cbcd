/** Cases about what the core calls. */

import type { Port } from '../../../pkg/ts/port.js';
import { check, fails, same, sameBytes } from './check.js';
import { CREATED, inscribed, listed, metadataOf, pattern, write } from './subject.js';

type Case = (port: Port) => Promise<void>;

/** Expects this entry. */
async function has(port: Port, key: string, body: Uint8Array, line: string): Promise<void> {
  const found = await port.read(key, undefined);
  check(found !== null && found !== true, `${key} is found`);
  sameBytes(found.body, body, `the body of ${key}`);
  same(found.line, line, `the line of ${key}`);
  same(await port.head(key), line, `the head of ${key}`);
}

export const PORT_CASES: Record<string, Case> = {
  'an entry is read as it was written': async (port) => {
    same(await port.read('k', undefined), null, 'what is not there');
    same(await port.read('k', '"etag"'), null, 'what is not there, by a version');
    same(await port.head('k'), null, 'the head of what is not there');
    for (const size of [0, 10, 8_192, 8_193, 200_000]) {
      const [line] = await write(port, 'k', pattern(size), size);
      await has(port, 'k', pattern(size), line);
    }
    check((await port.read('k', '"another"')) !== true, 'an entry is not of a version that it was never given');
  },

  'a patch replaces the line of the same version, and makes no entry': async (port) => {
    for (const size of [10, 20_000]) {
      const body = pattern(size);
      const [touched, later] = await inscribed({ ...metadataOf('k', body, 1), ttl: new Date(CREATED + 60_000), accessCount: 3 });
      same(await port.patch('k', touched, later), null, 'a patch of what is not there');
      same(await port.head('k'), null, 'the patched key');
      await write(port, 'k', body, 1);
      check((await port.patch('k', touched, later)) !== null, 'a patch of what is there');
      await has(port, 'k', body, touched);
      const [other, foreign] = await inscribed(metadataOf('k', body, 2));
      await fails('conflict', async () => port.patch('k', other, foreign), 'a patch of another version');
      await has(port, 'k', body, touched);
      await port.remove(['k']);
    }
  },

  'a version is removed while it is the version': async (port) => {
    const [line, facts] = await write(port, 'k', pattern(10), 1);
    const [other, foreign] = await inscribed(metadataOf('k', pattern(10), 2));
    same(await port.removeVersion('k', other, foreign.version), false, 'removing another version');
    same(await port.removeVersion('gone', line, facts.version), false, 'removing what is not there');
    await has(port, 'k', pattern(10), line);
    same(await port.removeVersion('k', line, facts.version), true, 'removing the version');
    same(await port.head('k'), null, 'the removed entry');
    await write(port, 'k', pattern(9_999), 3);
    same(await port.removeVersion('k', line, facts.version), false, 'removing a version that was overwritten');
  },

  'a copy that is announced is not found any more': async (port) => {
    await write(port, 'k', pattern(10), 1);
    await write(port, 'large', pattern(20_000), 1);
    await write(port, 'other', pattern(10), 1);
    if (port.traits.announced !== true) return;
    await port.announce('k');
    await port.announce('large');
    await port.announce('not there');
    same(await port.head('k'), null, 'the announced entry');
    same(await port.read('large', undefined), null, 'the announced large entry');
    check((await port.head('other')) !== null, 'other entries stay');
  },

  'a thousand keys are removed at once': async (port) => {
    const keys = Array.from({ length: 1_000 }, (_, at) => `r/${at}`);
    for (let at = 0; at < 60; at++) await write(port, `r/${at * 7}`, pattern(at % 2 ? 10 : 9_000), at);
    await write(port, 'kept', pattern(10), 1);
    await port.remove(keys);
    await port.remove([]);
    const left = await Promise.all(keys.map(async (key) => port.head(key)));
    check(left.every((line) => line === null), 'all are gone');
    check((await port.head('kept')) !== null, 'others stay');
  },

  'no accesses are told that were not counted': async (port) => {
    await write(port, 'k', pattern(10), 1);
    await port.read('k', undefined);
    same(port.accesses(10), [], 'what the core asked for it knows');
  },

  'a port that was closed can be used again': async (port) => {
    const [line] = await write(port, 'k', pattern(10), 1);
    await port.close();
    await has(port, 'k', pattern(10), line);
    await port.close();
    await port.close();
  },
};

/** For ports that can list. */
export const LIST_CASES: Record<string, Case> = {
  'following the pages visits every key once, whatever the limit': async (port) => {
    const keys = Array.from({ length: 25 }, (_, at) => `page/${String(at).padStart(2, '0')}`);
    for (const key of keys) await write(port, key, pattern(3));
    await write(port, 'pagf', pattern(3));
    await write(port, 'pagd', pattern(3));
    for (const limit of [1, 5, 24, 25, 26, 1_000]) {
      same(await listed(port, 'page/', limit), keys, `pages of ${limit}`);
      same((await listed(port, '', limit)).length, 27, `pages of ${limit} over everything`);
    }
    same(await port.list('page/', 'page/24', 10), { keys: [] }, 'after the last key');
    same(await port.list('page/', 'zzz', 10), { keys: [] }, 'after everything');
    same((await port.list('page/', 'a', 3)).keys, keys.slice(0, 3), 'after what comes before');
    same((await port.list('page/', 'page/07x', 2)).keys, keys.slice(8, 10), 'after a key that is not there');
  },

  'keys that are removed between two pages do not hide others': async (port) => {
    const keys = Array.from({ length: 30 }, (_, at) => `page/${String(at).padStart(2, '0')}`);
    for (const key of keys) await write(port, key, pattern(3));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await port.list('page/', after, 4);
      seen.push(...page.keys);
      await port.remove(page.keys);
      after = page.next;
    } while (after !== undefined);
    same(seen, keys, 'all keys');
    same((await port.usage()).items, 0, 'nothing is left');
  },

  'usage counts bodies': async (port) => {
    await write(port, 'a', pattern(100));
    await write(port, 'b', pattern(20_000));
    const { bytes, items } = await port.usage();
    same([bytes, items], [20_100, 2], 'bytes and items');
    await port.clear();
    const after = await port.usage();
    same([after.bytes, after.items], [0, 0], 'after clearing');
    same(await port.head('a'), null, 'an entry after clearing');
  },
};
