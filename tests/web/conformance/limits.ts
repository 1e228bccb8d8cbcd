/** Cases about limits and about what is found when a tier is made again. */

import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { check, fails, same, sameBytes } from './check.js';
import { metadataOf, pattern, type Kind } from './subject.js';

type Case = (kind: Kind, name: string) => Promise<void>;

export const LIMIT_CASES: Record<string, Case> = {
  'there are never more entries than the limit': async (kind, name) => {
    const tier = kind.make(name, { maxItems: 5 });
    for (let at = 0; at < 20; at++) {
      await tier.set(`k${at}`, pattern(10), metadataOf(`k${at}`, pattern(10), at));
      const { items } = await tier.getStats();
      same(items, Math.min(at + 1, 5), `the items after ${at + 1} writes`);
      check(await tier.exists(`k${at}`), 'what was written last is there');
    }
    same((await tier.getStats()).evictions, 15, 'the entries given up');
    await Promise.all(Array.from({ length: 20 }, (_, at) => tier.set(`m${at}`, pattern(10), metadataOf(`m${at}`, pattern(10), at))));
    same((await tier.getStats()).items, 5, 'the items after many writes at once');
    await kind.release?.(tier);
  },

  'who listens is told which entries are given up': async (kind, name) => {
    const tier = kind.make(name, { maxItems: 5 });
    const storage = await TieredStorage.open({ tiers: { warm: tier, cold: new MemoryStorageTier() } });
    const gone: string[] = [];
    storage.on('evicted', ({ tier, key }) => gone.push(`${tier} ${key}`));
    const keys = Array.from({ length: 12 }, (_, at) => `k/\u00e9${at}`);
    for (const key of keys) await storage.set(key, pattern(10));
    const there = await Promise.all(keys.map((key) => tier.exists(key)));
    const missing = keys.filter((_, at) => !there[at]).map((key) => `warm ${key}`);
    check(missing.length >= 7, 'the limit holds');
    same(gone.sort().join(), missing.sort().join(), 'what was given up');
    await storage.close();
    await kind.release?.(tier);
  },

  'there are never more bytes than the limit, keys and metadata included': async (kind, name) => {
    const tier = kind.make(name, { maxSizeBytes: 10_000 });
    for (let at = 0; at < 12; at++) {
      await tier.set(`k${at}`, pattern(2_000), metadataOf(`k${at}`, pattern(2_000), at));
      const { bytes, items } = await tier.getStats();
      check(bytes <= 8_000 && items <= 4, `four entries of 2,000 bytes fit with their metadata; there are ${items} of ${bytes} bytes`);
      check(items >= Math.min(at + 1, 3), `there is room for more than ${items}`);
    }
    await kind.release?.(tier);
  },

  'an entry that can never fit is refused, and leaves the older one': async (kind, name) => {
    const tier = kind.make(name, { maxSizeBytes: 10_000 });
    await tier.set('k', pattern(3_000), metadataOf('k', pattern(3_000), 1));
    await tier.set('other', pattern(3_000), metadataOf('other', pattern(3_000), 1));
    await fails('full', () => tier.set('k', pattern(10_000), metadataOf('k', pattern(10_000), 2)), 'an entry that is too large');
    sameBytes(await tier.get('k'), pattern(3_000), 'the older entry');
    check(await tier.exists('other'), 'nothing was given up for it');
    await tier.set('k', pattern(9_000), metadataOf('k', pattern(9_000), 3));
    sameBytes(await tier.get('k'), pattern(9_000), 'an entry for which others went');
    check(!(await tier.exists('other')), 'the other one went');
    await kind.release?.(tier);
  },

  'limits that are none are refused': async (kind, name) => {
    for (const limit of [0, -1, 0.5, NaN, Infinity, '5' as unknown as number]) {
      await fails('invalid', () => kind.make(name, { maxItems: limit }), `maxItems: ${limit}`);
      await fails('invalid', () => kind.make(name, { maxSizeBytes: limit }), `maxSizeBytes: ${limit}`);
    }
  },
};

export const DURABLE_CASES: Record<string, Case> = {
  'a tier that is made again finds what was left': async (kind, name) => {
    const first = kind.make(name);
    await first.set('small', pattern(10), metadataOf('small', pattern(10), 1));
    await first.set('large', pattern(50_000), metadataOf('large', pattern(50_000), 2));
    await first.set('gone', pattern(10), metadataOf('gone', pattern(10), 3));
    await first.delete('gone');
    await kind.release?.(first);
    const second = kind.make(name);
    sameBytes(await second.get('small'), pattern(10), 'a small entry');
    sameBytes(await second.get('large'), pattern(50_000), 'a large entry');
    same(await second.getMetadata('large'), metadataOf('large', pattern(50_000), 2), 'its metadata');
    same(await second.get('gone'), null, 'what was removed');
    if (kind.canList) {
      const { bytes, items } = await second.getStats();
      same([bytes, items], [50_010, 2], 'bytes and items');
    }
    await kind.release?.(second);
  },
};
