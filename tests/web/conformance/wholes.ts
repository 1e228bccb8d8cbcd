/** Cases about all entries together, by the contract's methods: only for tiers that can list. */

import type { StorageTier } from 'tiered-storage';
import { check, fails, same } from './check.js';
import { gathered, metadataOf, pattern } from './subject.js';

type Case = (tier: StorageTier) => Promise<void>;

async function put(tier: StorageTier, key: string, size = 3): Promise<void> {
  await tier.set(key, pattern(size), metadataOf(key, pattern(size)));
}

function byteOrder(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  const at = a.findIndex((byte, at) => byte !== b[at]);
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

const KEYS = [
  'a', 'a/', 'a/b', 'a/b/c', 'ab', 'A/b', 'b', 'a%2Fb', '%', '%a', 'a*', '[a]', 'caf\u00e9/x', 'caf\u00e8/x', '/a', '//a', '..',
  '\udbff\udfff', '\ud83d\ude00', '\ufffd', '\uffff', '\uffffa', '\ue000', '\ud7ff', 'a\uffff', 'a\uffffb', 'a\ud83d\ude00',
];

const PREFIXES = [
  '', 'a', 'a/', 'a/b', 'a/b/c', 'a/b/c/d', 'A', '%', 'a%', 'a*', '*', '[a', 'caf\u00e9', 'caf', '/', '//', 'z', '\udbff\udfff',
  '\uffff', 'a\uffff', '\ud83d\ude00', '.',
];

export const WHOLE_CASES: Record<string, Case> = {
  'keys are listed in byte order, by prefix': async (tier) => {
    for (const key of KEYS) await put(tier, key);
    for (const prefix of PREFIXES) {
      const expected = KEYS.filter((key) => key.startsWith(prefix)).sort(byteOrder);
      same(await gathered(tier.listKeys(prefix)), expected, `the keys under ${JSON.stringify(prefix)}`);
    }
    same(await gathered(tier.listKeys()), [...KEYS].sort(byteOrder), 'all keys');
  },

  'what no key starts with is refused': async (tier) => {
    for (const prefix of [1, null, {}, '\ud800', 'k'.repeat(1_025)]) {
      await fails('invalid', () => gathered(tier.listKeys(prefix as string)), `the prefix ${String(prefix).slice(0, 9)}`);
    }
  },

  'a listing of more than one page visits every key, also while keys are removed and added': async (tier) => {
    const keys = Array.from({ length: 2_200 }, (_, at) => `k/${String(at).padStart(5, '0')}`);
    for (let at = 0; at < keys.length; at += 200) await Promise.all(keys.slice(at, at + 200).map((key) => put(tier, key)));
    const seen: string[] = [];
    for await (const key of tier.listKeys('k/')) {
      seen.push(key);
      if (seen.length % 100 === 0) await tier.deleteMany(seen.slice(-100));
      if (seen.length === 1_500) await put(tier, 'k/00000');
    }
    same(seen.length, keys.length, 'the number of keys seen');
    same(new Set(seen).size, keys.length, 'the number of distinct keys seen');
    same(await gathered(tier.listKeys()), ['k/00000'], 'what is left');
  },

  'bytes and items are counted': async (tier) => {
    const counted = async (): Promise<number[]> => {
      const { bytes, items } = await tier.getStats();
      return [bytes, items];
    };
    await put(tier, 'a', 100);
    await put(tier, 'b', 20_000);
    same(await counted(), [20_100, 2], 'two entries');
    await put(tier, 'b', 50);
    await put(tier, 'a', 9_000);
    same(await counted(), [9_050, 2], 'after overwrites');
    await tier.setMetadata('a', { ...metadataOf('a', pattern(9_000)), accessCount: 5, mimeType: 'text/plain' });
    same(await counted(), [9_050, 2], 'after other metadata');
    await tier.delete('a');
    await tier.delete('a');
    same(await counted(), [50, 1], 'after a removal');
    await Promise.all(Array.from({ length: 50 }, (_, at) => put(tier, `many/${at}`, 10)));
    same(await counted(), [550, 51], 'after many at once');
    await tier.deleteMany(['many/0', 'many/1', 'b']);
    same(await counted(), [480, 48], 'after removals');
    await tier.clear();
    same(await counted(), [0, 0], 'after clearing');
    check(!(await tier.exists('many/5')), 'nothing is left');
    await put(tier, 'b', 7);
    same(await counted(), [7, 1], 'after clearing and a write');
  },
};
