/** Misuse is a `StorageError` of the kind `invalid`, with a sentence, thrown where the call was made. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  CacheApiStorageTier,
  corsRules,
  DiskStorageTier,
  IndexedDBStorageTier,
  MemoryStorageTier,
  S3StorageTier,
  StorageError,
  type StorageTier,
  TieredStorage,
} from 'tiered-storage';
import { caught, fails, openMemory, plainTier } from './open.js';

const cold = new MemoryStorageTier();
const controller = new AbortController();

/** What is wrong with a config, and the words that tell it. */
const CONFIGS: Record<string, [unknown, RegExp]> = {
  'no config': [undefined, /tiers/],
  'a null': [null, /tiers/],
  'a text': ['cold', /tiers/],
  'an empty config': [{}, /cold/],
  'no tiers': [{ tiers: undefined }, /cold/],
  'tiers that are a list': [{ tiers: [cold] }, /`tiers`/],
  'no cold tier': [{ tiers: { hot: cold } }, /cold/],
  'a null for cold': [{ tiers: { cold: null } }, /cold/],
  'a tier that is none': [{ tiers: { cold: {} } }, /`cold`.*method|`cold`.*tier/],
  'a tier of nine methods': [{ tiers: { cold: { ...plainTier(), getStats: undefined } } }, /getStats/],
  'a class in place of a tier': [{ tiers: { cold: MemoryStorageTier } }, /`cold`/],
  'a hot tier that is none': [{ tiers: { hot: 'memory', cold } }, /`hot`/],
  'a tier too many': [{ tiers: { cold, lukewarm: cold } }, /lukewarm/],
  'one tier in two places': [{ tiers: { hot: cold, cold } }, /two places/],
  'an unknown option': [{ tiers: { cold }, speed: 1 }, /`speed`/],
  'an option by another case': [{ tiers: { cold }, defaultTtl: 1 }, /`defaultTtl`/],
  'an option called `toString`': [{ tiers: { cold }, toString: 1 }, /`toString`/],
  'compression as a word': [{ tiers: { cold }, compression: 'gzip' }, /`compression`.*true or false/],
  'a negative time to live': [{ tiers: { cold }, defaultTTL: -1 }, /`defaultTTL`/],
  'a time to live that is NaN': [{ tiers: { cold }, defaultTTL: NaN }, /`defaultTTL`/],
  'a time to live as text': [{ tiers: { cold }, defaultTTL: '1000' }, /`defaultTTL`/],
  'another strategy': [{ tiers: { cold }, promotionStrategy: 'hungry' }, /`promotionStrategy`.*lazy/],
  'half a serialization': [{ tiers: { cold }, serialization: { serialize() {} } }, /`serialization`.*deserialize/],
  'rules that are no list': [{ tiers: { cold }, placementRules: {} }, /`placementRules`/],
  'a rule without tiers': [{ tiers: { cold }, placementRules: [{ pattern: '*' }] }, /`placementRules`/],
  'a rule of a fourth tier': [{ tiers: { cold }, placementRules: [{ pattern: '*', tiers: ['x'] }] }, /`placementRules`/],
  'a rule with an option too many': [{ tiers: { cold }, placementRules: [{ pattern: '*', tiers: [], a: 1 }] }, /`a`/],
  'a pattern that is none': [{ tiers: { cold }, placementRules: [{ pattern: '{a', tiers: ['cold'] }] }, /pattern/],
  'chunks of parts that are text': [{ tiers: { cold }, rangeCaching: '65536' }, /`rangeCaching`/],
  'chunks of parts that are too small': [{ tiers: { cold }, rangeCaching: 1_000 }, /64 KiB to 64 MiB/],
  'a size that is infinite': [{ tiers: { cold }, hotPromotionMaxBytes: Infinity }, /`hotPromotionMaxBytes`/],
  'another mode': [{ tiers: { cold }, verify: 'sometimes' }, /`verify`/],
  'another end': [{ tiers: { cold }, expiredCold: 'burn' }, /`expiredCold`/],
  'an age as text': [{ tiers: { cold }, revalidateAfter: '1' }, /`revalidateAfter`/],
  'a fraction of a millisecond': [{ tiers: { cold }, staleIfUnavailable: 0.5 }, /`staleIfUnavailable`/],
  'an interval of nothing': [{ tiers: { cold }, statistics: { flushInterval: 0 } }, /`flushInterval`/],
  'an unknown statistic': [{ tiers: { cold }, statistics: { every: 1 } }, /`every`/],
  'a limit of nothing': [{ tiers: { cold }, tierTimeout: 0 }, /`tierTimeout`/],
  'half a clock': [{ tiers: { cold }, clock: { now: () => 0 } }, /`clock`.*sleep/],
  'a listener that is none': [{ tiers: { cold }, onEvent: {} }, /`onEvent`/],
  'a config that throws': [
    {
      get tiers() {
        throw new Error('hands off');
      },
    },
    /hands off|cannot be read/,
  ],
};

suite('configs', () => {
  for (const [name, [config, words]] of Object.entries(CONFIGS)) {
    test(`${name} is refused`, async () => {
      const theCaller = async (): Promise<unknown> => await TieredStorage.open(config as { tiers: { cold: StorageTier } });
      const error = await fails('invalid', theCaller, words);
      assert.match(error.stack ?? '', /theCaller/);
    });
  }

  test('options that are undefined are as if they were not there', async () => {
    const storage = await TieredStorage.open({
      tiers: { hot: undefined, warm: undefined, cold: new MemoryStorageTier() },
      compression: undefined,
      placementRules: undefined,
      statistics: { flushInterval: undefined },
      clock: undefined,
      onEvent: undefined,
    } as never);
    await storage.set('k', 'v', { ttl: undefined, metadata: undefined, signal: undefined } as never);
    assert.equal(await storage.get('k', { borrow: undefined, signal: undefined }), 'v');
  });
});

type Call = (storage: TieredStorage<unknown>) => unknown;

const long = 'x'.repeat(1_025);
const BAD_KEYS: [string, unknown][] = [
  ['no key', undefined],
  ['an empty key', ''],
  ['a key of 1,025 bytes', long],
  ['a key of 1,026 bytes in 513 characters', '\u00e9'.repeat(513)],
  ['half a character', 'a\ud800'],
  ['a number for a key', 42],
  ['an object for a key', { toString: () => 'k' }],
  ['a symbol for a key', Symbol('k')],
];

const BY_KEY: [string, (storage: TieredStorage<unknown>, key: string) => unknown][] = [
  ['get', (storage, key) => storage.get(key)],
  ['getWithMetadata', (storage, key) => storage.getWithMetadata(key)],
  ['set', (storage, key) => storage.set(key, 'v')],
  ['delete', (storage, key) => storage.delete(key)],
  ['exists', (storage, key) => storage.exists(key)],
  ['getMetadata', (storage, key) => storage.getMetadata(key)],
  ['touch', (storage, key) => storage.touch(key, 1)],
];

const CALLS: [string, Call, RegExp][] = [
  ['set: nothing', (storage) => storage.set('k', undefined), /undefined/],
  ['set: options as a number', (storage) => storage.set('k', 1, 5 as never), /options/],
  ['set: an unknown option', (storage) => storage.set('k', 1, { tty: 1 } as never), /`tty`/],
  ['set: a negative life', (storage) => storage.set('k', 1, { ttl: -1 }), /`ttl`/],
  ['set: a life as text', (storage) => storage.set('k', 1, { ttl: '5' as never }), /`ttl`/],
  ['set: metadata that are no texts', (storage) => storage.set('k', 1, { metadata: { a: 1 as never } }), /`metadata`/],
  ['set: metadata as a list', (storage) => storage.set('k', 1, { metadata: ['a'] as never }), /`metadata`/],
  ['set: too much metadata', (storage) => storage.set('k', 1, { metadata: { a: 'x'.repeat(2_000) } }), /metadata/],
  ['set: cold skipped', (storage) => storage.set('k', 1, { skipTiers: ['cold' as never] }), /`skipTiers`/],
  ['set: tiers as text', (storage) => storage.set('k', 1, { onlyTiers: 'hot' as never }), /`onlyTiers`/],
  ['set: a MIME type that is none', (storage) => storage.set('k', 1, { mimeType: 7 as never }), /`mimeType`/],
  ['set: a signal that is none', (storage) => storage.set('k', 1, { signal: controller as never }), /`signal`/],
  ['get: an unknown option', (storage) => storage.get('k', { fast: true } as never), /`fast`/],
  ['get: borrow as text', (storage) => storage.get('k', { borrow: 'yes' as never }), /`borrow`/],
  ['get: options as a text', (storage) => storage.get('k', 'fast' as never), /options/],
  ['delete: an unknown option', (storage) => storage.delete('k', { fast: true } as never), /`fast`/],
  ['touch: a negative life', (storage) => storage.touch('k', -1), /`ttl`/],
  ['touch: no number', (storage) => storage.touch('k', NaN), /`ttl`/],
  ['invalidate: a number', (storage) => storage.invalidate(7 as never), /prefix/],
  ['invalidate: a long prefix', (storage) => storage.invalidate(long), /prefix|key/],
  ['invalidateUpperCaches: null', (storage) => storage.invalidateUpperCaches(null as never), /prefix/],
  ['listKeys: a number', (storage) => storage.listKeys(7 as never).next(), /prefix/],
  ['clearTier: a fourth', (storage) => storage.clearTier('lukewarm' as never), /hot/],
  ['bootstrapHot: a fraction', (storage) => storage.bootstrapHot(1.5), /`limit`/],
  ['bootstrapWarm: a number', (storage) => storage.bootstrapWarm(5 as never), /options/],
  ['bootstrapWarm: no date', (storage) => storage.bootstrapWarm({ sinceDate: 'monday' as never }), /`sinceDate`/],
  ['bootstrapWarm: a broken date', (storage) => storage.bootstrapWarm({ sinceDate: new Date(NaN) }), /`sinceDate`/],
  ['on: no event', (storage) => storage.on(undefined as never, () => undefined), /event/],
  ['on: no listener', (storage) => storage.on('promoted', undefined as never), /function/],
  ['on: an unknown event', (storage) => storage.on('demoted' as never, () => undefined), /event/],
];

suite('calls', () => {
  for (const [what, key] of BAD_KEYS) {
    for (const [name, call] of BY_KEY) {
      test(`${name}: ${what}`, async () => {
        const { storage, cold } = await openMemory();
        const theCaller = async (): Promise<unknown> => await call(storage, key as string);
        const error = await fails('invalid', theCaller, /key/);
        assert.match(error.stack ?? '', /theCaller/);
        assert.equal((await cold.getStats()).items, 0);
      });
    }
  }

  for (const [name, call, words] of CALLS) {
    test(name, async () => {
      const { storage, cold } = await openMemory();
      const theCaller = async (): Promise<unknown> => await call(storage);
      const error = await fails('invalid', theCaller, words);
      assert.match(error.stack ?? '', /theCaller/);
      assert.equal((await cold.getStats()).items, 0);
    });
  }

  test('a bad argument is refused whether the key is hot or not', async () => {
    const { storage } = await openMemory();
    await storage.set('k', 'v');
    await fails('invalid', () => storage.get('k', { fast: true } as never), /`fast`/);
    await fails('invalid', () => storage.get('k', 'fast' as never), /options/);
    await fails('invalid', () => storage.getWithMetadata('k', { borrow: 1 as never }), /`borrow`/);
    await fails('invalid', () => storage.get('k', { signal: {} as never }), /`signal`/);
  });

  test('`peek` says nothing of what it cannot find', async () => {
    const { storage } = await openMemory();
    for (const [, key] of BAD_KEYS) assert.equal(storage.peek(key as string), undefined);
  });

  test('keys at the limit are keys', async () => {
    const { storage } = await openMemory();
    for (const key of ['x'.repeat(1_024), '\u00e9'.repeat(512), '.', '..', 'a//b', '\u{1f600}', '__proto__', ' ']) {
      await storage.set(key, key);
      assert.equal(await storage.get(key), key);
      await storage.clearTier('hot');
      assert.equal(await storage.get(key), key);
    }
  });
});

suite('tiers of the package', () => {
  const classes: [new (options: never) => StorageTier, object][] = [
    [MemoryStorageTier, {}],
    [IndexedDBStorageTier, {}],
    [DiskStorageTier, { directory: 'entries' }],
  ];
  for (const [Class, needed] of classes) {
    const options: [string, unknown, RegExp][] = [
      ['a size as text', { ...needed, maxSizeBytes: '1' }, /`maxSizeBytes`/],
      ['items that are negative', { ...needed, maxItems: -1 }, /`maxItems`/],
      ['another policy', { ...needed, evictionPolicy: 'random' }, /`evictionPolicy`.*lru/],
      ['an unknown option', { ...needed, size: 5 }, /`size`.*maxItems/],
      ['a null', null, /./],
      ['a number', 5, /./],
    ];
    for (const [name, given, words] of options) {
      test(`${Class.name}: ${name}`, async () => {
        const theCaller = (): StorageTier => new Class(given as never);
        const error = await fails('invalid', theCaller, words);
        assert.match(error.stack ?? '', /theCaller/);
      });
    }
  }

  const others: [string, () => unknown, RegExp][] = [
    ['DiskStorageTier: no directory', () => new DiskStorageTier({} as never), /`directory`/],
    ['DiskStorageTier: another durability', () => new DiskStorageTier({ directory: 'd', durability: 'some' as never }), /`durability`/],
    ['IndexedDBStorageTier: no name', () => new IndexedDBStorageTier({ name: '' }), /`name`/],
    ['IndexedDBStorageTier: no factory', () => new IndexedDBStorageTier({ indexedDB: {} as never }), /`indexedDB`/],
    ['CacheApiStorageTier: a name that is none', () => new CacheApiStorageTier({ name: 5 as never }), /`name`/],
    ['CacheApiStorageTier: an unknown option', () => new CacheApiStorageTier({ size: 5 } as never), /`size`/],
    ['S3StorageTier: no bucket', () => new S3StorageTier({} as never), /`bucket`/],
    ['S3StorageTier: an unknown option', () => new S3StorageTier({ bucket: 'b', size: 5 } as never), /`size`/],
    ['corsRules: no origin', () => corsRules(undefined as never), /origin/],
    ['TieredStorage: made without `open`', () => new (TieredStorage as never as new () => unknown)(), /TieredStorage\.open/],
  ];
  for (const [name, make, words] of others) {
    test(name, async () => {
      await fails('invalid', make, words);
    });
  }
});

suite('a storage that was closed', () => {
  const calls: [string, Call][] = [
    ['get', (storage) => storage.get('k')],
    ['get of a key that is hot', (storage) => storage.get('hot')],
    ['getWithMetadata', (storage) => storage.getWithMetadata('hot')],
    ['set', (storage) => storage.set('k', 'v')],
    ['delete', (storage) => storage.delete('k')],
    ['exists', (storage) => storage.exists('k')],
    ['getMetadata', (storage) => storage.getMetadata('k')],
    ['touch', (storage) => storage.touch('k', 5)],
    ['invalidate', (storage) => storage.invalidate('')],
    ['invalidateUpperCaches', (storage) => storage.invalidateUpperCaches('')],
    ['listKeys', (storage) => storage.listKeys().next()],
    ['getStats', (storage) => storage.getStats()],
    ['clear', (storage) => storage.clear()],
    ['clearTier', (storage) => storage.clearTier('hot')],
    ['export', (storage) => storage.export()],
    ['bootstrapHot', (storage) => storage.bootstrapHot()],
    ['bootstrapWarm', (storage) => storage.bootstrapWarm()],
    ['presign', (storage) => storage.presign('k', { expires: 1000 })],
  ];
  for (const [name, call] of calls) {
    test(`${name} is refused`, async () => {
      const { storage } = await openMemory();
      await storage.set('hot', 'v');
      await storage.close();
      await fails('closed', () => call(storage));
    });
  }

  test('it gives nothing at once, and can be closed again', async () => {
    const { storage } = await openMemory();
    await storage.set('hot', 'v');
    await storage.close();
    assert.equal(storage.peek('hot'), undefined);
    await storage.close();
    await storage.settled();
  });

  test('closing waits for what was begun', async () => {
    const { storage, cold } = await openMemory();
    const written = storage.set('k', 'v');
    await storage.close();
    await written;
    assert.equal(await cold.exists('k'), true);
  });

  test('it is closed at the end of its scope', async () => {
    let outer: TieredStorage<unknown>;
    {
      await using storage = (await openMemory()).storage;
      await storage.set('k', 'v');
      outer = storage;
    }
    await fails('closed', () => outer.get('k'));
  });
});

test('an error tells its facts, and can be told', async () => {
  const error = (await caught(async () => (await openMemory()).storage.get(''))) as StorageError;
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'StorageError');
  assert.match(String(error), /^StorageError: ./);
  assert.equal(error.isTimeout, false);
  assert.deepEqual(new StorageError('full', 'no room', { tier: 'warm', key: 'k', isTimeout: true }).tier, 'warm');
});
