/** Events: what a call did not fail of. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  IndexedDBStorageTier,
  MemoryStorageTier,
  StorageError,
  type StorageEvent,
  type StorageTier,
  TieredStorage,
} from 'tiered-storage';
import { ManualClock, openMemory, plainTier } from './open.js';

/** A tier of which one method fails, as long as `isBroken`. */
function brokenTier(name: keyof StorageTier): { tier: StorageTier; isBroken: boolean } {
  const broken = { tier: plainTier() as StorageTier, isBroken: true };
  const method = broken.tier[name] as (...words: unknown[]) => unknown;
  Object.assign(broken.tier, {
    [name]: (...words: unknown[]) => {
      if (broken.isBroken) throw new Error('out of order');
      return method.apply(broken.tier, words);
    },
  });
  return broken;
}

test('a tier that fails a write is an event, and the write stands', async () => {
  const events: StorageEvent[] = [];
  const { tier: warm } = brokenTier('set');
  const cold = new MemoryStorageTier();
  const storage = await TieredStorage.open({ tiers: { warm, cold }, onEvent: (event) => events.push(event) });
  const { tiersWritten } = await storage.set('k', 'v');
  assert.deepEqual(tiersWritten, ['cold']);
  const [event] = events;
  assert.ok(event?.type === 'tierFailed');
  assert.equal(event.tier, 'warm');
  assert.equal(event.key, 'k');
  assert.ok(event.error instanceof StorageError);
  assert.equal(event.error.kind, 'unavailable');
  assert.match(event.error.message, /out of order/);
  assert.equal(await storage.get('k'), 'v');
});

test('a promotion is an event', async () => {
  const { storage } = await openMemory({ promotionStrategy: 'eager' });
  await storage.set('k', 'v');
  await storage.clearTier('hot');
  await storage.clearTier('warm');
  const events: StorageEvent[] = [];
  storage.on('promoted', (event) => events.push(event));
  await storage.get('k');
  await storage.settled();
  const tiers = events.map((event) => 'tier' in event && event.tier).sort();
  assert.deepEqual(tiers, ['hot', 'warm']);
});

test('a copy that was damaged is an event', async () => {
  const { storage, warm } = await openMemory();
  await storage.set('k', 'right');
  await storage.clearTier('hot');
  const metadata = await warm.getMetadata('k');
  assert.ok(metadata);
  await warm.set('k', new TextEncoder().encode('"wrong"'), metadata);
  const events: StorageEvent[] = [];
  storage.on('copyCorrupt', (event) => events.push(event));
  assert.equal(await storage.get('k'), 'right');
  assert.deepEqual(events, [{ type: 'copyCorrupt', tier: 'warm', key: 'k' }]);
});

test('the removal of what has expired is an event', async () => {
  const clock = new ManualClock();
  const { storage } = await openMemory({ clock });
  await storage.set('k', 'v', { ttl: 1_000 });
  clock.advance(1_001);
  const events: StorageEvent[] = [];
  storage.on('expiredRemoved', (event) => events.push(event));
  assert.equal(await storage.get('k'), null);
  await storage.settled();
  assert.deepEqual(events, [{ type: 'expiredRemoved', key: 'k' }]);
});

test('a tier that has to keep its entries in memory is an event', async () => {
  const events: StorageEvent[] = [];
  const warm = new IndexedDBStorageTier({ name: 'none' });
  const tiers = { warm, cold: new MemoryStorageTier() };
  const storage = await TieredStorage.open({ tiers, onEvent: (event) => events.push(event) });
  await storage.set('k', 'v');
  assert.equal((await storage.getWithMetadata('k'))?.source, 'warm');
  const [event] = events;
  assert.ok(event?.type === 'fallback');
  assert.equal(event.tier, 'warm');
  assert.ok(event.error instanceof Error);
});

test('a listener hears of its type only, until it is taken away', async () => {
  const all: string[] = [];
  const { storage } = await openMemory({ promotionStrategy: 'eager', onEvent: (event) => all.push(event.type) });
  const one: string[] = [];
  const two: string[] = [];
  const off = storage.on('promoted', (event) => one.push(event.key));
  storage.on('promoted', (event) => two.push(event.key));
  storage.on('tierFailed', () => assert.fail('nothing failed'));
  for (const key of ['a', 'b']) {
    await storage.set(key, key, { onlyTiers: ['cold'] });
    await storage.get(key);
    await storage.settled();
    off();
  }
  off();
  assert.deepEqual(one, ['a', 'a']);
  assert.deepEqual(two, ['a', 'a', 'b', 'b']);
  assert.equal(all.length, 4);
});

/** Runs `work`, and gives what was thrown for the runtime to report. */
async function reported(work: () => Promise<void>): Promise<unknown[]> {
  const thrown: unknown[] = [];
  const { queueMicrotask: queue } = globalThis;
  globalThis.queueMicrotask = (work) =>
    queue(() => {
      try {
        work();
      } catch (error) {
        thrown.push(error);
      }
    });
  try {
    await work();
  } finally {
    globalThis.queueMicrotask = queue;
  }
  return thrown;
}

const thrower = (): never => {
  throw new Error('from a listener');
};

test('a listener that throws harms neither the call nor the others', async () => {
  const thrown = await reported(async () => {
    const { storage } = await openMemory({ promotionStrategy: 'eager', onEvent: thrower });
    const heard: string[] = [];
    storage.on('promoted', (event) => heard.push(event.tier));
    await storage.set('k', 'v', { onlyTiers: ['cold'] });
    assert.equal(await storage.get('k'), 'v');
    await storage.settled();
    assert.deepEqual(heard.sort(), ['hot', 'warm']);
  });
  assert.match(String(thrown[0]), /from a listener/);
});

test('nor does one that is told of a fallback', async () => {
  const thrown = await reported(async () => {
    const tier = new IndexedDBStorageTier({ name: 'none', onFallback: thrower });
    assert.equal(await tier.get('k'), null);
  });
  assert.match(String(thrown[0]), /from a listener/);
});

test('a listener may call the storage', async () => {
  const { storage } = await openMemory({ promotionStrategy: 'eager' });
  const reads: Promise<unknown>[] = [];
  storage.on('promoted', ({ key }) => {
    reads.push(storage.get(key), storage.set('other', key));
    storage.peek(key);
  });
  await storage.set('k', 'v', { onlyTiers: ['cold'] });
  assert.equal(await storage.get('k'), 'v');
  await storage.settled();
  assert.deepEqual((await Promise.all(reads))[0], 'v');
  assert.equal(await storage.get('other'), 'k');
});
