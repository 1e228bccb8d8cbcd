/** Queues where there is no database, and what callers may give them. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { StorageError, TieredStorage } from 'tiered-storage';
import { WriteQueue, flushOnSync } from 'tiered-storage/queue';
import { fails, openMemory } from '../storage/open.js';
import { folderOf } from './world.js';

test('without IndexedDB a queue is unsupported', async () => {
  const { storage } = await openMemory();
  await fails('unsupported', () => WriteQueue.open(storage), /no IndexedDB/);
  await storage.close();
});

test('wrong options are told by name', async () => {
  const { storage } = await openMemory();
  const open = (options: object) => () => WriteQueue.open(storage, options);
  await fails('invalid', open({ nam: 'x' }), /no option `nam`/);
  await fails('invalid', open({ name: '' }), /`name`/);
  await fails('invalid', open({ maxWrites: 0 }), /`maxWrites`/);
  await fails('invalid', open({ send: 'now' }), /'auto' or 'manual'/);
  await fails('invalid', open({ directory: '' }), /`directory`/);
  await fails('invalid', () => WriteQueue.open({} as TieredStorage), /a TieredStorage/);
  await storage.close();
});

test('calls of a queue that cannot be meant are refused where they are made', async (t) => {
  const { storage } = await openMemory();
  const queue = await WriteQueue.open(storage, { directory: await folderOf(t), send: 'manual' });
  const calls: [call: () => unknown, words: RegExp][] = [
    [() => queue.set('', 1), /key/],
    [() => queue.set('k', undefined), /undefined/],
    [() => queue.set('k', 1n), /JSON/],
    [() => queue.set('k', 1, { tty: 1 } as never), /`tty`/],
    [() => queue.set('k', 1, { ifAbsent: true, overwrite: true }), /only one/],
    [() => queue.delete(5 as never), /key/],
    [() => queue.delete('k', { ttl: 5 } as never), /`ttl`/],
    [() => queue.flush({ signal: 5 } as never), /`signal`/],
    [() => queue.resolve(1, 'ours' as never), /a choice/],
    [() => queue.resolve(-1, 'mine'), /`id`/],
    [() => queue.cancel(undefined as never), /`id`/],
    [() => queue.body('1' as never), /`id`/],
    [() => queue.on('sending' as never, () => undefined), /type of event/],
    [() => flushOnSync('now' as never), /a function/],
  ];
  for (const [call, words] of calls) {
    const theCaller = async (): Promise<unknown> => await call();
    const error = await fails('invalid', theCaller, words);
    assert.match(error.stack ?? '', /theCaller/, error.message);
  }
  await fails('unsupported', () => flushOnSync(async () => queue), /service workers/);
  assert.deepEqual(await queue.pending(), []);
  await queue.close();
  await storage.close();
});

/** A queue of a storage that fails, and whether it has. What waits for time is counted. */
async function failing(t: TestContext, kind: 'closed' | 'unavailable') {
  const state = { hasFailed: false };
  const fail = async (): Promise<never> => {
    state.hasFailed = true;
    throw new StorageError(kind, 'it fails');
  };
  const storage = { set: fail, setStream: fail } as unknown as TieredStorage;
  const queue = await WriteQueue.open(storage, { directory: await folderOf(t) });
  const { mock } = t.mock.method(globalThis, 'setTimeout');
  return { queue, state, waits: () => mock.callCount() };
}

test('a queue whose storage was closed tries no more, so that its process can end', async (t) => {
  const { queue, waits } = await failing(t, 'closed');
  await queue.set('a', 'one', { ifAbsent: true });
  for (let [write] = await queue.pending(); write?.attempts !== 1 || write.state !== 'waiting'; [write] = await queue.pending()) {
    await new Promise(setImmediate);
  }
  await queue.close();
  assert.equal(waits(), 0);
});

test('a queue that is closed when it has just met an outage does not wait for the end of it', async (t) => {
  const { queue, state, waits } = await failing(t, 'unavailable');
  const closed = new Promise((done) => queue.on('change', () => state.hasFailed && done(queue.close())));
  await queue.set('a', 'one', { ifAbsent: true });
  await closed;
  assert.equal(waits(), 0);
});

test('an entry is removed only if it is still the version that is named', async () => {
  const { storage } = await openMemory();
  const { version } = (await storage.set('a', 'one')).metadata;
  const { version: next } = (await storage.set('a', 'two')).metadata;
  const { current } = await fails('conflict', () => storage.delete('a', { ifMatch: version }), /another version/);
  assert.equal(current?.version, next);
  assert.equal(await storage.get('a'), 'two');
  await storage.delete('a', { ifMatch: next });
  assert.equal(await storage.get('a'), null);
  await storage.delete('a', { ifMatch: next });
  await fails('invalid', () => storage.delete('a', { ifMatch: 5 } as never), /`ifMatch`/);
  await storage.close();
});

test('a conflict says whether what is there is what was to be written', async () => {
  const { storage } = await openMemory();
  await storage.set('a', 'one', { mimeType: 'text/plain' });
  const same = await fails('conflict', () => storage.set('a', 'one', { ifAbsent: true, mimeType: 'text/plain' }));
  const other = await fails('conflict', () => storage.set('a', 'one', { ifAbsent: true, mimeType: 'text/html' }));
  const another = await fails('conflict', () => storage.set('a', 'two', { ifAbsent: true, mimeType: 'text/plain' }));
  assert.deepEqual([same.isSame, other.isSame, another.isSame], [true, false, false]);
  await storage.close();
});
