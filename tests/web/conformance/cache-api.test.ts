/** The tier over the Cache API where the runtime has no such thing, or one that cannot list. Others run in Chromium. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CacheApiStorageTier, MemoryStorageTier, StorageError, TieredStorage } from 'tiered-storage';
import { casesOf } from './cases.js';
import { gathered, metadataOf, pattern, type Kind } from './subject.js';

/** A cache as workerd has it: it has no `keys`. */
class PlainCache {
  readonly #held = new Map<string, { body: ArrayBuffer; headers: [string, string][] }>();
  fault: Error | undefined;

  async put(url: string, response: Response): Promise<void> {
    if (this.fault) throw this.fault;
    this.#held.set(new URL(url).href, { body: await response.arrayBuffer(), headers: [...response.headers] });
  }

  async match(url: string): Promise<Response | undefined> {
    const found = this.#held.get(new URL(url).href);
    return found && new Response(found.body.slice(0), { headers: found.headers });
  }

  async delete(url: string): Promise<boolean> {
    return this.#held.delete(new URL(url).href);
  }
}

/** One as Deno has it: `keys` is there and throws. */
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
