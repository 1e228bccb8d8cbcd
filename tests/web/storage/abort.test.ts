/** An `AbortSignal` on every call: its reason rejects the call, and nothing is left behind. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryStorageTier, type StorageTier, TieredStorage } from 'tiered-storage';
import { caught, openMemory, plainTier } from './open.js';

type Options = { signal: AbortSignal };
type Call = (storage: TieredStorage<unknown>, options: Options) => Promise<unknown>;

const CALLS: Record<string, Call> = {
  get: (storage, options) => storage.get('k', options),
  getWithMetadata: (storage, options) => storage.getWithMetadata('k', options),
  set: (storage, options) => storage.set('k', 'new', options),
  delete: (storage, options) => storage.delete('k', options),
  exists: (storage, options) => storage.exists('k', options),
  getMetadata: (storage, options) => storage.getMetadata('k', options),
  touch: (storage, options) => storage.touch('k', 1_000, options),
  invalidate: (storage, options) => storage.invalidate('', options),
  listKeys: (storage, options) => storage.listKeys('', options).next(),
  getStats: (storage, options) => storage.getStats(options),
  clear: (storage, options) => storage.clear(options),
  clearTier: (storage, options) => storage.clearTier('cold', options),
  export: (storage, options) => storage.export(options),
  bootstrapWarm: (storage, options) => storage.bootstrapWarm({ ...options, limit: 5 }),
};

/** A tier whose calls wait until they are let go. */
function gatedTier(): { tier: StorageTier; began: () => Promise<void>; close: () => void; open: () => void } {
  const inner = plainTier();
  let gate: Promise<void> | undefined;
  let open = (): void => undefined;
  let began = (): void => undefined;
  const waiting = async (): Promise<void> => {
    began();
    await gate;
  };
  const handler: ProxyHandler<StorageTier> = {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown;
      if (typeof method !== 'function') return method;
      if (name === 'listKeys') {
        return async function* (...words: unknown[]) {
          await waiting();
          yield* method.apply(target, words) as AsyncIterable<string>;
        };
      }
      return async (...words: unknown[]) => {
        await waiting();
        return method.apply(target, words) as unknown;
      };
    },
  };
  return {
    tier: new Proxy<StorageTier>(inner, handler),
    began: () => new Promise((resolve) => (began = resolve)),
    close() {
      gate = new Promise((resolve) => (open = resolve));
    },
    open() {
      gate = undefined;
      open();
    },
  };
}

/** A signal that knows how many listen to it. */
function countedSignal(): { signal: AbortSignal; abort: (reason?: unknown) => void; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...words: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, words);
  };
  signal.removeEventListener = (...words: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, words);
  };
  return { signal, abort: (reason) => controller.abort(reason), listeners: () => listeners };
}

suite('a signal that was aborted before', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    test(`${name} is not begun`, async () => {
      const { storage } = await openMemory();
      await storage.set('k', 'old');
      const reason = { why: 'changed my mind' };
      assert.equal(await caught(() => call(storage, { signal: AbortSignal.abort(reason) })), reason);
      await storage.settled();
      assert.equal(await storage.get('k'), 'old');
      assert.equal((await storage.getMetadata('k'))?.ttl, undefined);
    });
  }

  test('the default reason is an AbortError', async () => {
    const { storage } = await openMemory();
    const error = await caught(() => storage.get('k', { signal: AbortSignal.abort() }));
    assert.equal((error as Error).name, 'AbortError');
  });

  test('bootstrapHot, invalidateUpperCaches, import and settled take one too', async () => {
    const { storage } = await openMemory();
    const options = { signal: AbortSignal.abort('no') };
    const snapshot = await storage.export();
    for (const call of [
      () => storage.bootstrapHot(1, options),
      () => storage.invalidateUpperCaches('', options),
      () => storage.import(snapshot, options),
      () => storage.settled(options),
    ]) {
      assert.equal(await caught(call), 'no');
    }
  });
});

suite('a signal that is aborted while the tier is at it', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    test(`${name} is given up, and the storage goes on`, async () => {
      const { tier, began, close, open } = gatedTier();
      const storage = await TieredStorage.open<unknown>({ tiers: { warm: new MemoryStorageTier(), cold: tier } });
      await storage.set('k', 'old', { onlyTiers: ['cold'] });
      const { signal, abort, listeners } = countedSignal();
      close();
      const beginning = began();
      const called = call(storage, { signal });
      called.catch(() => undefined);
      await beginning;
      const reason = new Error('given up');
      abort(reason);
      assert.equal(await caught(() => called), reason);
      assert.equal(listeners(), 0);
      open();
      await storage.settled();
      await storage.set('after', 'more');
      assert.equal(await storage.get('after'), 'more');
    });
  }

  test('a write that was given up is carried to its end', async () => {
    const { tier, began, close, open } = gatedTier();
    const storage = await TieredStorage.open<unknown>({ tiers: { cold: tier } });
    const { signal, abort } = countedSignal();
    close();
    const beginning = began();
    const written = storage.set('k', 'v', { signal });
    written.catch(() => undefined);
    await beginning;
    abort('enough');
    assert.equal(await caught(() => written), 'enough');
    open();
    await storage.settled();
    assert.equal(await storage.get('k'), 'v');
  });

  test('others who share the read get it', async () => {
    const { tier, began, close, open } = gatedTier();
    const storage = await TieredStorage.open<unknown>({ tiers: { cold: tier } });
    await storage.set('k', 'v');
    const { signal, abort } = countedSignal();
    close();
    const beginning = began();
    const one = storage.get('k', { signal });
    one.catch(() => undefined);
    const two = storage.get('k');
    await beginning;
    abort('enough');
    assert.equal(await caught(() => one), 'enough');
    open();
    assert.equal(await two, 'v');
  });

  test('a signal without a reason is an AbortError', async () => {
    const { storage } = await openMemory();
    const odd = { aborted: true, reason: undefined, addEventListener() {}, removeEventListener() {}, throwIfAborted() {} };
    const error = await caught(() => storage.get('k', { signal: odd as unknown as AbortSignal }));
    assert.equal((error as Error).name, 'AbortError');
  });
});

test('a call that ends in time leaves no listener', async () => {
  const { storage } = await openMemory();
  await storage.set('k', 'v');
  for (const [name, call] of Object.entries(CALLS)) {
    const { signal, listeners } = countedSignal();
    await call(storage, { signal });
    assert.equal(listeners(), 0, name);
  }
});

test('an iteration can be given up between two keys', async () => {
  const { storage } = await openMemory();
  for (const key of ['a', 'b', 'c']) await storage.set(key, key);
  const keys: string[] = [];
  for await (const key of storage.listKeys()) {
    keys.push(key);
    break;
  }
  assert.deepEqual(keys, ['a']);
  const iterator = storage.listKeys('b');
  assert.deepEqual(await iterator.next(), { done: false, value: 'b' });
  assert.equal((await iterator.return?.())?.done, true);
});
