/** Storages of one process that know of each other, where there may be channels and no locks. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndexedDBStorageTier, MemoryStorageTier, type StorageEvent, type StorageTier, TieredStorage } from 'tiered-storage';
import { fails, plainTier } from './open.js';

/** Two storages over one cold tier. */
async function pair(tabs: string | undefined, warm?: () => StorageTier) {
  const cold = new MemoryStorageTier({ durable: true });
  const events: StorageEvent[] = [];
  const open = (onEvent?: (event: StorageEvent) => void) =>
    TieredStorage.open<string>({
      tiers: { hot: new MemoryStorageTier(), ...(warm && { warm: warm() }), cold },
      promotionStrategy: 'eager',
      tabs,
      onEvent,
    });
  const storages = [await open(), await open((event) => events.push(event))] as const;
  const changes = (): unknown[] => events.filter(({ type }) => type === 'changedElsewhere');
  return { writer: storages[0], other: storages[1], changes };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; !(await isSo()); ) {
    assert.ok(Date.now() < end, 'it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Has the other one hold in memory what cold has. */
async function fill(storage: TieredStorage<string>, key: string): Promise<void> {
  await until(async () => {
    await storage.get(key);
    await storage.settled();
    return storage.peek(key) !== undefined;
  });
}

test('each change of one is told to the other, whose memory drops what it had', async () => {
  const { writer, other, changes } = await pair('a/b');
  await writer.set('a/key', 'old');
  await fill(other, 'a/key');
  await writer.set('a/key', 'new');
  await until(() => other.peek('a/key') !== 'old');
  assert.equal(await other.get('a/key'), 'new');
  await writer.update('a/key', (value) => `${value}er`);
  await until(async () => (await other.get('a/key')) === 'newer');
  await writer.setStream('a/stream', new Blob(['bytes']));
  await writer.import(await writer.export());
  await writer.invalidate('a/');
  await writer.clearTier('hot');
  await until(() => changes().some((event) => (event as { prefix?: string }).prefix === ''));
  const key = { type: 'changedElsewhere', key: 'a/key' };
  const stream = { type: 'changedElsewhere', key: 'a/stream' };
  const prefix = (name: string) => ({ type: 'changedElsewhere', prefix: name });
  // An import changes two keys at once.
  const told = changes();
  assert.deepEqual(told.slice(0, 4), [key, key, key, stream]);
  assert.deepEqual(new Set(told.slice(4, 6)), new Set([key, stream]));
  assert.deepEqual(told.slice(6), [prefix('a/'), prefix('')]);
  assert.equal(await other.get('a/key'), null);
  await writer.close();
  await other.close();
});

test('storages of another name, and of none, hear nothing', async () => {
  const one = await pair('one');
  const strangers = [await pair('two'), await pair(undefined)];
  await one.writer.set('key', 'value');
  await until(() => one.changes().length === 1);
  for (const { changes } of strangers) assert.deepEqual(changes(), []);
});

test('what a browser without databases keeps in memory is dropped, too', async () => {
  const warm = (): StorageTier => new IndexedDBStorageTier({ indexedDB: undefined });
  const { writer, other } = await pair('memory', warm);
  await writer.set('key', 'old');
  await fill(other, 'key');
  await writer.set('key', 'new');
  await until(async () => (await other.get('key')) === 'new');
});

test('a storage that is closed hears nothing more, and says nothing', async () => {
  const { writer, other, changes } = await pair('closed');
  await writer.set('key', 'value');
  await until(() => changes().length === 1);
  await other.close();
  await writer.set('key', 'next');
  await writer.close();
  assert.equal(changes().length, 1);
});

test('a name must be text, and not empty', async () => {
  for (const tabs of ['', 1, null]) {
    await fails('invalid', () => TieredStorage.open({ tiers: { cold: plainTier() }, tabs: tabs as string }), /`tabs` in the config must be a string/);
  }
});

test('where there is neither a channel nor a lock, storages work as if they were alone', async () => {
  const { BroadcastChannel } = globalThis;
  Object.assign(globalThis, { BroadcastChannel: undefined });
  try {
    const { writer, other } = await pair('alone');
    await writer.set('key', 'old');
    assert.equal(await other.get('key'), 'old');
    await other.settled();
    await writer.invalidate('');
    assert.equal(other.peek('key'), 'old');
  } finally {
    Object.assign(globalThis, { BroadcastChannel });
  }
});
