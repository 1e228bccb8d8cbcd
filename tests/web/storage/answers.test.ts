/** What tiers answered, and what they gave up: the events that tell the story of a read. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryStorageTier, type StorageEvent, type StorageTier, TieredStorage } from 'tiered-storage';
import { ManualClock, bytes, openMemory, plainTier } from './open.js';

type Answered = Extract<StorageEvent, { type: 'answered' }>;

/** The answers that a storage tells, as `tier answer`. */
function heard(storage: TieredStorage): { all: Answered[]; words(): string[]; off(): void } {
  const all: Answered[] = [];
  const off = storage.on('answered', (event) => all.push(event));
  return { all, off, words: () => all.splice(0).map(({ tier, answer }) => `${tier} ${answer}`) };
}

suite('a read tells which tiers were asked', () => {
  test('from cold, from warm and from hot', async () => {
    const { storage } = await openMemory({ promotionStrategy: 'eager' });
    await storage.set('k', bytes('value'), { onlyTiers: ['cold'] });
    const { all, words } = heard(storage);
    await storage.get('k');
    await storage.settled();
    assert.ok(all.every(({ read, key, action }) => read > 0 && read === all[0]?.read && key === 'k' && action === 'read'));
    assert.deepEqual(all.map(({ size }) => size), [undefined, undefined, 5]);
    assert.ok(all.every(({ elapsedMs }) => elapsedMs >= 0 && elapsedMs < 10_000));
    assert.deepEqual(words(), ['hot missing', 'warm missing', 'cold found']);
    await storage.clearTier('hot');
    await storage.get('k');
    assert.deepEqual(words(), ['hot missing', 'warm found']);
    await storage.settled();
    await storage.get('k');
    storage.peek('k');
    assert.deepEqual(all.map(({ read, size }) => [read, size]), [[0, 5], [0, 5]]);
    assert.deepEqual(words(), ['hot found', 'hot found']);
    assert.equal(await storage.exists('k'), true);
    assert.equal(all[0]?.action, 'head');
    assert.deepEqual(words(), ['hot found']);
    await storage.close();
  });

  test('to the end, where nobody has it', async () => {
    const { storage } = await openMemory();
    const { words } = heard(storage);
    assert.equal(await storage.get('k'), null);
    assert.deepEqual(words(), ['hot missing', 'warm missing', 'cold missing']);
    await storage.close();
  });

  test('and what they had that was no good', async () => {
    const clock = new ManualClock();
    const { storage, warm } = await openMemory({ clock });
    await storage.set('old', 'v', { ttl: 1_000, onlyTiers: ['cold'] });
    await storage.set('torn', 'right', { onlyTiers: ['warm', 'cold'] });
    clock.advance(1_001);
    const metadata = await warm.getMetadata('torn');
    assert.ok(metadata);
    await warm.set('torn', bytes('"wrong"'), metadata);
    const { words } = heard(storage);
    assert.equal(await storage.get('old'), null);
    assert.deepEqual(words(), ['hot missing', 'warm missing', 'cold expired']);
    assert.equal(await storage.get('torn'), 'right');
    assert.deepEqual(words(), ['hot missing', 'warm corrupt', 'cold found']);
    await storage.close();
  });

  test('and that a tier did not answer', async () => {
    const warm: StorageTier = { ...plainTier(), get: () => Promise.reject(new Error('out of order')) };
    const storage = await TieredStorage.open({ tiers: { warm, cold: new MemoryStorageTier() } });
    await storage.set('k', 'v', { onlyTiers: ['cold'] });
    const { words } = heard(storage);
    assert.equal(await storage.get('k'), 'v');
    assert.deepEqual(words(), ['warm failed', 'cold found']);
    await storage.close();
  });

  test('once for all who share it', async () => {
    const storage = await TieredStorage.open({ tiers: { cold: plainTier() } });
    await storage.set('k', 'v');
    const { words } = heard(storage);
    await Promise.all([storage.get('k'), storage.get('k')]);
    assert.deepEqual(words(), ['cold found']);
    await storage.close();
  });

  test('only while somebody listens for that, and never to `onEvent`', async () => {
    const told: string[] = [];
    const { storage } = await openMemory({ onEvent: ({ type }) => told.push(type) });
    await storage.set('k', 'v');
    const one = heard(storage);
    const two = heard(storage);
    one.off();
    one.off();
    await storage.get('k');
    assert.deepEqual([one.words(), two.words()], [[], ['hot found']]);
    two.off();
    await storage.get('k');
    await storage.exists('k');
    assert.deepEqual([one.words(), two.words(), told], [[], [], []]);
    await storage.close();
  });
});

test('an entry that a tier gives up is an event', async () => {
  const hot = new MemoryStorageTier({ maxItems: 2, evictionPolicy: 'fifo' });
  const told: StorageEvent[] = [];
  const tiers = { hot, cold: new MemoryStorageTier() };
  const storage = await TieredStorage.open({ tiers, onEvent: (event) => told.push(event) });
  const keys: string[] = [];
  storage.on('evicted', ({ tier, key }) => keys.push(`${tier} ${key}`));
  for (const key of ['a', 'b', 'c', 'd']) await storage.set(key, key);
  assert.deepEqual(keys, ['hot a', 'hot b']);
  assert.deepEqual(told, [{ type: 'evicted', tier: 'hot', key: 'a' }, { type: 'evicted', tier: 'hot', key: 'b' }]);
  await storage.close();
  const other = await TieredStorage.open({ tiers });
  await other.set('e', 'e');
  assert.equal(keys.length, 2);
  await other.close();
});
