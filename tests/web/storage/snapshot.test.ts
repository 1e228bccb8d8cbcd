/** Snapshots: dates as dates, and through JSON. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StorageSnapshot } from 'tiered-storage';
import { fails, ManualClock, openMemory } from './open.js';

async function exported(): Promise<{ snapshot: StorageSnapshot; open: Awaited<ReturnType<typeof openMemory>> }> {
  const open = await openMemory({ clock: new ManualClock() });
  await open.storage.set('a', 'one', { ttl: 5_000, metadata: { owner: 'ada' } });
  await open.storage.set('b/c', 'two');
  return { snapshot: await open.storage.export(), open };
}

test('a snapshot has dates', async () => {
  const { snapshot } = await exported();
  assert.equal(snapshot.version, 1);
  assert.ok(snapshot.exportedAt instanceof Date);
  assert.deepEqual(snapshot.keys, ['a', 'b/c']);
  assert.deepEqual(Object.keys(snapshot.metadata).sort(), ['a', 'b/c']);
  for (const metadata of Object.values(snapshot.metadata)) {
    assert.ok(metadata.createdAt instanceof Date && metadata.lastAccessed instanceof Date);
  }
  assert.equal(snapshot.metadata['a']?.ttl?.toISOString(), '2026-01-01T00:00:05.000Z');
  assert.equal(snapshot.stats.cold.items, 2);
});

for (const [name, trip] of [
  ['as it is', (snapshot: StorageSnapshot) => snapshot],
  ['through JSON', (snapshot: StorageSnapshot) => JSON.parse(JSON.stringify(snapshot)) as StorageSnapshot],
  ['through a structured clone', (snapshot: StorageSnapshot) => structuredClone(snapshot)],
] as const) {
  test(`a snapshot is imported ${name}`, async () => {
    const { snapshot, open } = await exported();
    const { storage } = open;
    await storage.set('a', 'one');
    assert.equal((await storage.getMetadata('a'))?.ttl, undefined);
    await storage.import(trip(snapshot));
    const metadata = await storage.getMetadata('a');
    assert.equal(metadata?.ttl?.toISOString(), '2026-01-01T00:00:05.000Z');
    assert.deepEqual(metadata?.customMetadata, { owner: 'ada' });
  });
}

test('an import does not change the snapshot', async () => {
  const { snapshot, open } = await exported();
  const before = structuredClone(snapshot);
  await open.storage.import(snapshot);
  assert.deepEqual(snapshot, before);
});

test('what is no snapshot is refused', async () => {
  const { snapshot, open } = await exported();
  const { storage } = open;
  const given = (value: unknown): Promise<unknown> => storage.import(value as StorageSnapshot);
  await fails('invalid', () => given({ ...snapshot, version: 2 }), /version/);
  for (const value of [undefined, null, 1, 'text', [], {}, { version: 1 }, { ...snapshot, metadata: [1] }]) {
    await fails('invalid', () => given(value));
  }
  const entry = { ...snapshot.metadata['a'], checksum: 'no checksum' };
  await fails('invalid', () => given({ ...snapshot, metadata: { a: entry } }));
  await fails('invalid', () => given({ ...snapshot, exportedAt: 'yesterday' }));
  assert.equal((await storage.getMetadata('a'))?.customMetadata?.['owner'], 'ada');
});
