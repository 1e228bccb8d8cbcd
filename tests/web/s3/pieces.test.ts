/** Bodies in pieces, in part and by condition, to and from S3, over the `fetch` of Node. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MemoryStorageTier, S3StorageTier, StorageError, TieredStorage } from 'tiered-storage';
import { concatenated, counted, long, rest } from '../pieces/tier.js';
import { type RunningServer, startServer } from '../scenarios/server.js';

const SIZE = 3_000_000;

let server: RunningServer;
let folders = 0;

before(async () => {
  server = await startServer(['bucket'], '*');
});
after(() => server.close());

async function open(): Promise<TieredStorage<unknown>> {
  const { endpoint, accessKeyId, secretAccessKey } = server.place;
  folders += 1;
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint, prefix: `pieces-${folders}`, credentials: { accessKeyId, secretAccessKey } });
  const tiers = { warm: new MemoryStorageTier({ durable: true }), cold };
  return TieredStorage.open({ tiers, promotionStrategy: 'eager' });
}

test('a stream is staged in warm, reaches the store, and comes back as one', async () => {
  const storage = await open();
  const body = long(SIZE);
  const { tiersWritten, metadata } = await storage.setStream('film', counted(body).stream);
  assert.deepEqual([tiersWritten, metadata.size], [['warm', 'cold'], SIZE]);
  await storage.invalidateUpperCaches('');
  for (const source of ['cold', 'warm']) {
    const found = await storage.getStream('film');
    assert.ok(found && found.source === source);
    assert.deepEqual(await rest(found.stream.getReader()), body);
    await storage.settled();
  }
  await storage.close();
});

test('parts are those of the object', async () => {
  const storage = await open();
  const body = long(SIZE);
  await storage.set('film', body, { onlyTiers: ['cold'] });
  const parts: Uint8Array[] = [];
  for (let start = 0; start < SIZE; start += 1_000_000) {
    const part = await storage.getRange('film', { start, end: start + 1_000_000 });
    assert.equal(part?.source, 'cold');
    parts.push(part?.data ?? new Uint8Array());
  }
  assert.deepEqual(concatenated(parts), body);
  assert.deepEqual((await storage.getRange('film', { last: 5 }))?.data, body.slice(-5));
  assert.equal((await storage.getRange('film', { start: SIZE }))?.data.length, 0);
  assert.equal(await storage.getRange('none', { start: 0 }), null);
  await storage.close();
});

test('a condition holds or is refused, and then nothing changed', async () => {
  const storage = await open();
  const writing = storage.set('a', 1, { ifAbsent: true });
  const refused = await writing.then(() => undefined, (error: unknown) => error as StorageError);
  if (refused) {
    assert.equal(refused.kind, 'unsupported');
    assert.equal(await storage.get('a'), null);
  } else {
    await assert.rejects(storage.set('a', 2, { ifAbsent: true }), { kind: 'conflict' });
    await storage.update('a', (count) => Number(count) + 1);
    assert.equal(await storage.get('a'), 2);
  }
  await storage.close();
});
