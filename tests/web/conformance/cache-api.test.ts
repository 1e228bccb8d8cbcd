/** The tier over the Cache API where the runtime has no such thing, or one that cannot list. Others run in Chromium. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CacheApiStorageTier, MemoryStorageTier, StorageError, TieredStorage } from 'tiered-storage';
import type { Port, Source, Stage } from '../../../pkg/ts/port.js';
import { MIB, long } from '../pieces/tier.js';
import { ListedCache, PlainCache } from './caches.js';
import { casesOf } from './cases.js';
import { until } from './check.js';
import { commit, staged } from './pieces.js';
import { gathered, inscribed, listed, metadataOf, pattern, portOf, write, type Kind } from './subject.js';

/** One whose `keys` is there and throws, as Deno had it. */
class ThrowingCache extends PlainCache {
  async keys(): Promise<never> {
    throw new TypeError('keys is not a function');
  }
}

const places = new Map<string, PlainCache>();
const plain: Kind = {
  make: (name) => {
    if (!places.has(name)) places.set(name, new PlainCache());
    return new CacheApiStorageTier({ cache: places.get(name) as unknown as Cache });
  },
  isDurable: true,
  isLimited: false,
  canList: false,
};

suite('a cache that cannot list', () => {
  for (const [name, run] of Object.entries(casesOf(plain))) test(name, run);

  for (const cache of [new PlainCache(), new ThrowingCache()]) {
    test(`what needs a list fails: ${cache.constructor.name}`, async () => {
      const tier = new CacheApiStorageTier({ cache: cache as unknown as Cache });
      await tier.set('k', pattern(10), metadataOf('k', pattern(10)));
      for (const call of [() => gathered(tier.listKeys()), () => tier.getStats(), () => tier.clear()]) {
        await assert.rejects(call, (error: StorageError) => error.kind === 'unavailable' && /cannot list/.test(error.message));
      }
      assert.ok(await tier.exists('k'), 'nothing was removed');
    });
  }

  test('a storage over it works, and says what it cannot do', async () => {
    const warm = new CacheApiStorageTier({ cache: new PlainCache() as unknown as Cache });
    const cold = new MemoryStorageTier({ durable: true });
    const storage = await TieredStorage.open<string>({ tiers: { warm, cold } });
    await storage.set('k', 'value');
    assert.equal((await storage.getWithMetadata('k'))?.source, 'warm');
    await assert.rejects(() => storage.invalidate(''), { kind: 'unavailable' });
    await storage.delete('k');
    assert.equal(await storage.get('k'), null);
    await storage.close();
  });
});

test('a quota that is used up is told as full', async () => {
  const cache = new PlainCache();
  cache.fault = Object.assign(new Error('no more'), { name: 'QuotaExceededError' });
  const tier = new CacheApiStorageTier({ cache: cache as unknown as Cache });
  await assert.rejects(() => tier.set('k', pattern(10), metadataOf('k', pattern(10))), { kind: 'full' });
});

test('a runtime without the Cache API is told', async () => {
  const tier = new CacheApiStorageTier();
  await assert.rejects(() => tier.get('k'), { name: 'StorageError', kind: 'unavailable' });
});

/** A tier's port, and what it is over. */
async function opened(): Promise<[Port, ListedCache]> {
  const cache = new ListedCache();
  return [await portOf(new CacheApiStorageTier({ cache: cache as unknown as Cache }) as never), cache];
}

suite('bodies in pieces, in a cache', () => {
  test('what is staged is no entry, and goes when it is stored or given up', async () => {
    const [port, cache] = await opened();
    const source = (await staged(port, 'k', long(3 * MIB))) as Source;
    assert.deepEqual([cache.held.size, await listed(port, '', 9), (await port.usage()).items], [1, [], 0]);
    await commit(port, 'k', source);
    await until(() => cache.held.size === 1, 'the entry is there alone');
    assert.deepEqual([await listed(port, '', 9), await port.usage()], [['k'], { bytes: 3 * MIB, items: 1 }]);
    for (const turns of [0, 1, 9]) {
      const stage = (await port.stage?.('k')) as Stage;
      for (let turn = 0; turn < turns; turn++) await stage.write(long(100_000));
      stage.cancel();
    }
    await new Promise((done) => setTimeout(done));
    await until(() => cache.held.size === 1, 'nothing is left');
    await assert.rejects(async () => source.read(0, 1), { kind: 'unavailable' });
  });

  test('what somebody staged who is gone is removed', async () => {
    const [port, cache] = await opened();
    const day = 86_400_000;
    const names = [`s${Date.now() - 2 * day}-0.5`, `s${Date.now() - 1_000}-0.5`];
    for (const name of names) await cache.put(`https://tiered-storage.invalid/${name}`, new Response('half'));
    await write(port, `s${Date.now() - 2 * day}`, long(9));
    ((await port.stage?.('k')) as Stage).cancel();
    await until(() => ![...cache.held.keys()].some((url) => url.endsWith(names[0] as string)), 'it is gone');
    assert.equal(cache.held.size, 2, 'what is under way stays, and so does an entry of such a name');
  });

  test('a quota that is used up is told while a body is staged, and leaves nothing', async () => {
    for (const at of [0, 1]) {
      const [port, cache] = await opened();
      const put = cache.put.bind(cache);
      // Half of the body is taken, then there is no room.
      cache.put = async (_, response) => {
        const reader = (response.body as ReadableStream<Uint8Array>).getReader();
        for (let turn = 0; turn < at; turn++) await reader.read();
        throw Object.assign(new Error('no more'), { name: 'QuotaExceededError' });
      };
      await assert.rejects(() => staged(port, 'k', long(3 * MIB)), { kind: 'full' });
      cache.put = put;
      assert.equal(cache.held.size, 0);
    }
  });

  test('a condition is not supported, and ranges of what is packed are read as a whole', async () => {
    const [port] = await opened();
    const [line, facts] = await inscribed(metadataOf('k', long(9)));
    const stored = async (): Promise<unknown> => port.store?.('k', { body: long(9), line }, facts, null);
    await assert.rejects(stored, { kind: 'unsupported' });
    const [packed, other] = await inscribed({ ...metadataOf('k', long(9)), size: 90, compressed: true });
    await port.write('k', { body: long(9), line: packed }, other);
    assert.equal(await port.readRange?.('k', { start: 0, end: 5 }, undefined), undefined);
    await port.write('k', { body: long(5), line }, facts);
    await assert.rejects(async () => port.readRange?.('k', { last: 1 }, undefined), { kind: 'corrupt' });
  });
});
