/** Queues where there is no database, and what callers may give them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TieredStorage } from 'tiered-storage';
import { WriteQueue } from 'tiered-storage/queue';
import { fails, openMemory } from '../storage/open.js';

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
  await fails('invalid', () => WriteQueue.open({} as TieredStorage), /a TieredStorage/);
  await storage.close();
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
