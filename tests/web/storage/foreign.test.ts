/** Tiers of others: ten methods, and nothing that they do harms the storage. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryStorageTier, StorageError, type StorageTier, TieredStorage, type TierName } from 'tiered-storage';
import { bytes, caught, fails, plainTier, text } from './open.js';

type Methods = Partial<Record<keyof StorageTier, unknown>>;

/** A tier that does something else while `isOdd`. */
function oddTier(odd: Methods): { tier: StorageTier; isOdd: boolean } {
  const state = { tier: plainTier() as StorageTier, isOdd: true };
  const { tier } = state;
  for (const name of Object.keys(odd) as (keyof StorageTier)[]) {
    const right = tier[name] as (...words: unknown[]) => unknown;
    const wrong = odd[name] as (...words: unknown[]) => unknown;
    Object.assign(tier, {
      [name]: (...words: unknown[]) => (state.isOdd ? wrong : right).apply(tier, words),
    });
  }
  return state;
}

/** Opens a storage with that tier in one place and memory in the others. */
async function openWith(place: TierName, tier: StorageTier, tierTimeout = 60): Promise<TieredStorage<unknown>> {
  const memory = (): MemoryStorageTier => new MemoryStorageTier({ durable: true });
  const tiers = { hot: memory(), warm: memory(), cold: memory() };
  return TieredStorage.open<unknown>({ tiers: { ...tiers, [place]: tier }, tierTimeout });
}

const never = (): Promise<never> => new Promise(() => undefined);
const ways: Record<string, () => unknown> = {
  throws: () => {
    throw new Error('out of order');
  },
  'throws a text': () => {
    throw 'out of order';
  },
  'throws nothing': () => {
    throw undefined;
  },
  rejects: async () => {
    throw new Error('out of order');
  },
  'never answers': never,
  'answers with a thenable that throws': () => ({
    then() {
      throw new Error('out of order');
    },
  }),
};
const places = ['hot', 'warm', 'cold'] as const;

suite('a tier works in any place', () => {
  for (const place of places) {
    test(place, async () => {
      const tier = plainTier();
      const storage = await openWith(place, tier);
      await storage.set('a/b', bytes('bytes'), { metadata: { who: 'me' } });
      await storage.set('j', { json: true });
      for (const other of places) if (other !== place && other !== 'cold') await storage.clearTier(other);
      const found = await storage.getWithMetadata('a/b');
      assert.equal(text(found?.data), 'bytes');
      assert.equal(found?.source, place);
      assert.deepEqual(found?.metadata.customMetadata, { who: 'me' });
      assert.deepEqual(await storage.get('j'), { json: true });
      assert.equal((await storage.getStats())[place]?.items, 2);
      await storage.touch('a/b', 5_000);
      assert.ok(tier.entries.get('a/b')?.[1].ttl instanceof Date);
      assert.equal(await storage.invalidate('a'), 1);
      assert.deepEqual([...tier.entries.keys()], ['j']);
      await storage.clear();
      assert.equal(tier.entries.size, 0);
      await storage.close();
    });
  }

  test('it may answer at once, without a promise', async () => {
    const tier = plainTier();
    const now: Methods = {
      get: (key: string) => tier.entries.get(key)?.[0] ?? null,
      getMetadata: (key: string) => tier.entries.get(key)?.[1] ?? null,
      exists: (key: string) => tier.entries.has(key),
      set: (key: string, data: Uint8Array, metadata: never) => void tier.entries.set(key, [data.slice(), metadata]),
    };
    const storage = await openWith('cold', Object.assign(tier, now));
    await storage.set('k', 'v');
    await storage.clearTier('hot');
    await storage.clearTier('warm');
    assert.equal(await storage.get('k'), 'v');
  });

  /** A miss once was asked twice, as if a write had come in between. */
  test('what it does not have is asked for once', async () => {
    const asked: string[] = [];
    const { tier } = oddTier({
      get: async (key: string) => (asked.push(`get ${key}`), null),
      getMetadata: async (key: string) => (asked.push(`getMetadata ${key}`), null),
    });
    const storage = await openWith('cold', tier);
    assert.equal(await storage.get('k'), null);
    assert.deepEqual(asked.sort(), ['get k', 'getMetadata k']);
  });

  test('its methods may be those of a class, and use `this`', async () => {
    class MyTier implements StorageTier {
      readonly #inner = plainTier();
      get(key: string) {
        return this.#inner.get(key);
      }
      set(...words: Parameters<StorageTier['set']>) {
        return this.#inner.set(...words);
      }
      delete(key: string) {
        return this.#inner.delete(key);
      }
      exists(key: string) {
        return this.#inner.exists(key);
      }
      async *listKeys(prefix?: string) {
        yield* this.#inner.listKeys(prefix);
      }
      deleteMany(keys: string[]) {
        return this.#inner.deleteMany(keys);
      }
      getMetadata(key: string) {
        return this.#inner.getMetadata(key);
      }
      setMetadata(...words: Parameters<StorageTier['setMetadata']>) {
        return this.#inner.setMetadata(...words);
      }
      getStats() {
        return this.#inner.getStats();
      }
      clear() {
        return this.#inner.clear();
      }
    }
    const storage = await openWith('cold', new MyTier());
    await storage.set('k', 'v');
    assert.equal(await storage.exists('k'), true);
    await storage.invalidate('');
    assert.equal(await storage.get('k'), null);
  });
});

suite('a cold tier that fails', () => {
  for (const [way, odd] of Object.entries(ways)) {
    test(`${way}: reads and writes are unavailable, and it heals`, async () => {
      const methods = Object.fromEntries(Object.keys(plainTier()).map((name) => [name, odd])) as Methods & { entries?: unknown };
      delete methods.entries;
      methods.listKeys = () => ({ [Symbol.asyncIterator]: () => ({ next: odd }) });
      const state = oddTier(methods);
      const storage = await openWith('cold', state.tier);
      const calls: (() => Promise<unknown>)[] = [
        () => storage.get('k'),
        () => storage.set('k', 'v'),
        () => storage.delete('k'),
        () => storage.exists('k'),
        () => storage.clear(),
        () => storage.export(),
        () => storage.invalidate('k'),
        () => storage.listKeys().next(),
      ];
      for (const call of calls) {
        const error = await fails('unavailable', call);
        assert.equal(error.tier, 'cold', error.message);
        assert.equal(error.isTimeout, way === 'never answers', error.message);
      }
      state.isOdd = false;
      await storage.set('k', 'v');
      assert.equal(await storage.get('k'), 'v');
    });
  }

  test('a StorageError of the tier keeps its kind', async () => {
    const full = new StorageError('full', 'no room');
    const { tier } = oddTier({
      set() {
        throw full;
      },
    });
    const storage = await openWith('cold', tier);
    const error = await fails('full', () => storage.set('k', 'v'), /no room/);
    assert.equal(error.tier, 'cold');
  });

  test('the cause of a failure is what the tier threw', async () => {
    const cause = new Error('out of order');
    const { tier } = oddTier({ get: () => Promise.reject(cause), getMetadata: () => Promise.reject(cause) });
    const storage = await openWith('cold', tier);
    const error = await fails('unavailable', () => storage.get('k'), /out of order/);
    assert.equal(error.cause, cause);
  });
});

suite('an upper tier that fails', () => {
  for (const place of ['hot', 'warm'] as const) {
    for (const [way, odd] of Object.entries(ways)) {
      test(`${place} ${way}: cold answers`, async () => {
        const state = oddTier({ get: odd, set: odd, getMetadata: odd, exists: odd });
        const storage = await openWith(place, state.tier);
        const { tiersWritten } = await storage.set('k', 'v');
        assert.ok(!tiersWritten.includes(place) && tiersWritten.includes('cold'), tiersWritten.join());
        assert.equal(await storage.get('k'), 'v');
        assert.equal(await storage.get('nothing').catch((error: StorageError) => error.tier), place);
        state.isOdd = false;
        await storage.set('k', 'w');
        assert.equal(await storage.get('k'), 'w');
      });
    }
  }
});

suite('a tier that gives what is no answer', () => {
  const answers: [keyof StorageTier, string, unknown][] = [
    ['get', 'undefined', undefined],
    ['get', 'a text', 'bytes'],
    ['get', 'a number', 7],
    ['get', 'an object', {}],
    ['get', 'a list of numbers', [1, 2]],
    ['get', 'an object that looks like bytes', { length: 2, 0: 1, 1: 2, buffer: {} }],
    ['get', 'other bytes', new Uint8Array([9, 9])],
    ['get', 'no bytes', new Uint8Array(0)],
    ['get', 'bytes that are gone', detached()],
    ['getMetadata', 'undefined', undefined],
    ['getMetadata', 'a text', 'metadata'],
    ['getMetadata', 'an empty object', {}],
    ['getMetadata', 'a list', []],
    ['getMetadata', 'dates as text', { ...sound(), createdAt: '2026', lastAccessed: 'now' }],
    ['getMetadata', 'a broken date', { ...sound(), createdAt: new Date(NaN) }],
    ['getMetadata', 'another size', { ...sound(), size: 1 }],
    ['getMetadata', 'a size that is none', { ...sound(), size: -1 }],
    ['getMetadata', 'another checksum', { ...sound(), checksum: 'f'.repeat(64) }],
    ['getMetadata', 'a checksum that is none', { ...sound(), checksum: 'none' }],
    ['getMetadata', 'fields of its own', { ...sound(), customMetadata: { a: 1 } }],
    ['getMetadata', 'a field that throws', throwing()],
    ['exists', 'a text', 'yes'],
    ['getStats', 'null', null],
    ['getStats', 'an empty object', {}],
    ['getStats', 'no numbers', { bytes: 'many', items: NaN }],
  ];
  for (const place of places) {
    for (const [method, name, answer] of answers) {
      test(`${place}: ${method} gives ${name}`, async () => {
        const state = oddTier({ [method]: async () => answer });
        const storage = await openWith(place, state.tier);
        await storage.set('k', 'v');
        for (const other of ['hot', 'warm'] as const) if (other !== place) await storage.clearTier(other);
        const calls: (() => Promise<unknown>)[] = [
          () => storage.get('k'),
          () => storage.exists('k'),
          () => storage.getMetadata('k'),
          () => storage.getStats(),
          () => storage.export(),
          () => storage.touch('k', 1_000),
        ];
        for (const call of calls) {
          const outcome = await call().catch((error: unknown) => error);
          assert.ok(!(outcome instanceof Error) || outcome instanceof StorageError, String(outcome));
        }
        const read = await storage.get('k').catch((error: StorageError) => error);
        assert.ok(read === 'v' || read === null || read instanceof StorageError, String(read));
        if (place !== 'cold') assert.equal(read, 'v');
        state.isOdd = false;
        await storage.set('k', 'w');
        assert.equal(await storage.get('k'), 'w');
      });
    }
  }

  const lists: Record<string, () => unknown> = {
    'what cannot be iterated': () => 7,
    'a promise of a list': async () => ['k'],
    numbers: async function* () {
      yield 7;
    },
    'what is no key': async function* () {
      yield '';
    },
    'a key twice': async function* () {
      yield* ['k', 'k'];
    },
    'a failure on its way': async function* () {
      yield 'k';
      throw new Error('torn');
    },
    'no end of waiting': async function* () {
      yield 'k';
      await never();
    },
  };
  for (const [name, listKeys] of Object.entries(lists)) {
    test(`listKeys gives ${name}`, async () => {
      const state = oddTier({ listKeys });
      const storage = await openWith('cold', state.tier);
      await storage.set('k', 'v');
      const calls: (() => Promise<unknown>)[] = [
        async () => {
          for await (const key of storage.listKeys()) assert.equal(key, 'k');
        },
        () => storage.export(),
        () => storage.bootstrapWarm(),
        () => storage.invalidate('k'),
      ];
      for (const call of calls) {
        const outcome = await call().catch((error: unknown) => error);
        assert.ok(!(outcome instanceof Error) || outcome instanceof StorageError, String(outcome));
      }
      state.isOdd = false;
      await storage.set('k', 'w');
      assert.equal(await storage.get('k'), 'w');
      assert.equal(await storage.invalidate(''), 1);
    });
  }
});

suite('a tier that calls the storage', () => {
  for (const place of places) {
    test(`${place}: of other keys, it is answered`, async () => {
      let storage: TieredStorage<unknown> | undefined;
      const inner = plainTier();
      const tier: StorageTier = {
        ...inner,
        async get(key) {
          if (key === 'k') {
            await storage?.set('from inside', key);
            await storage?.get('other');
            storage?.peek('other');
          }
          return inner.get(key);
        },
      };
      storage = await openWith(place, tier, 2_000);
      await storage.set('k', 'v');
      for (const other of ['hot', 'warm'] as const) if (other !== place) await storage.clearTier(other);
      assert.equal(await storage.get('k'), 'v');
      assert.equal(await storage.get('from inside'), 'k');
    });

    test(`${place}: of the same key, it runs into the time limit and harms nobody`, async () => {
      let storage: TieredStorage<unknown> | undefined;
      const inner = plainTier();
      let isInside = true;
      const tier: StorageTier = {
        ...inner,
        async get(key) {
          if (key === 'k' && isInside) await storage?.get('k');
          return inner.get(key);
        },
        async set(key, data, metadata) {
          if (key === 'k' && isInside) await storage?.set('k', 'deeper');
          return inner.set(key, data, metadata);
        },
      };
      storage = await openWith(place, tier);
      for (const call of [() => storage?.set('k', 'v'), () => storage?.get('k')]) {
        const outcome = await Promise.resolve(call()).catch((error: unknown) => error);
        assert.ok(!(outcome instanceof Error) || outcome instanceof StorageError, String(outcome));
      }
      isInside = false;
      await storage.settled();
      await storage.set('k', 'w');
      assert.equal(await storage.get('k'), 'w');
      await storage.close();
    });
  }

  test('closing from inside harms nobody', async () => {
    let storage: TieredStorage<unknown> | undefined;
    const inner = plainTier();
    const tier: StorageTier = {
      ...inner,
      async get(key) {
        storage?.close().catch(() => undefined);
        return inner.get(key);
      },
    };
    storage = await openWith('cold', tier);
    const outcome = await storage.get('k').catch((error: unknown) => error);
    assert.ok(outcome === null || outcome instanceof StorageError, String(outcome));
    await storage.close();
    assert.ok((await caught(() => storage.get('k'))) instanceof StorageError);
  });
});

suite('what a tier is given', () => {
  test('it may change and keep the bytes and the metadata', async () => {
    const kept: { data: Uint8Array; metadata: { customMetadata?: Record<string, string> } }[] = [];
    const { tier } = oddTier({
      async set(this: ReturnType<typeof plainTier>, key: string, data: Uint8Array, metadata: never) {
        this.entries.set(key, [data.slice(), structuredClone(metadata)]);
        kept.push({ data, metadata });
        data.fill(0x21);
        Object.assign(metadata, { size: 999, checksum: '' });
      },
    });
    const storage = await openWith('warm', tier);
    const result = await storage.set('k', bytes('stored'));
    assert.equal(result.metadata.size, 6);
    for (const { data } of kept) data.fill(0x3f);
    assert.equal(text(await storage.get('k')), 'stored');
    await storage.clearTier('hot');
    assert.equal(text(await storage.get('k')), 'stored');
    await storage.clearTier('warm');
    assert.equal(text(await storage.get('k')), 'stored');
  });

  test('it may change the bytes that it gave, once they were read', async () => {
    const given: Uint8Array[] = [];
    const inner = plainTier();
    const tier: StorageTier = {
      ...inner,
      async get(key) {
        const data = (await inner.get(key))?.slice() ?? null;
        if (data) given.push(data);
        return data;
      },
    };
    const storage = await openWith('cold', tier);
    await storage.set('k', bytes('stored'), { onlyTiers: ['cold'] });
    const one = await storage.get('k');
    for (const data of given) data.fill(0x21);
    assert.equal(text(one), 'stored');
    (one as Uint8Array).fill(0x3f);
    assert.equal(text(await storage.get('k')), 'stored');
  });
});

function detached(): Uint8Array {
  const data = new Uint8Array(4);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

/** Metadata as the tier might have them of an entry of its own. */
function sound(): object {
  const now = new Date();
  return { key: 'k', size: 3, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum: '' };
}

function throwing(): object {
  return {
    ...sound(),
    get size(): number {
      throw new Error('hands off');
    },
  };
}
