/** Bodies in pieces, in part and by condition, to and from S3, over the `fetch` of Node. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MemoryStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';
import { MIB, concatenated, counted, long, rest } from '../pieces/tier.js';
import { type RunningServer, type Shown, startServer } from '../scenarios/server.js';

const SIZE = 3_000_000;

let server: RunningServer;
let folders = 0;

before(async () => {
  server = await startServer(['bucket'], '*');
});
after(() => server.close());

async function open(warm?: MemoryStorageTier): Promise<TieredStorage<unknown>> {
  const { endpoint, accessKeyId, secretAccessKey } = server.place;
  folders += 1;
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint, prefix: `pieces-${folders}`, credentials: { accessKeyId, secretAccessKey } });
  return TieredStorage.open({ tiers: warm ? { warm, cold } : { cold }, promotionStrategy: 'eager' });
}

test('a stream is staged in warm, reaches the store, and comes back as one', async () => {
  const storage = await open(new MemoryStorageTier({ durable: true }));
  const body = long(SIZE);
  const { tiersWritten, metadata } = await storage.setStream('film', counted(body).stream);
  assert.deepEqual([tiersWritten, metadata.size], [['warm', 'cold'], SIZE]);
  const found = await storage.getStream('film');
  assert.ok(found && found.source === 'warm');
  assert.deepEqual(await rest(found.stream.getReader()), body);
  await storage.invalidateUpperCaches('');
  for (const source of ['cold', 'warm']) {
    const found = await storage.getStream('film');
    assert.ok(found && found.source === source);
    assert.deepEqual(await rest(found.stream.getReader()), body);
    await storage.settled();
  }
  await storage.close();
});

test('without a warm tier, a stream is staged in the store', async () => {
  const storage = await open();
  const body = long(20_000_000);
  await storage.setStream('film', counted(body).stream, { ifAbsent: true });
  const found = await storage.getStream('film');
  assert.ok(found);
  assert.deepEqual(await rest(found.stream.getReader()), body);
  const part = await storage.getRange('film', { start: 9_000_000, end: 9_000_010 });
  assert.deepEqual(part?.data, body.slice(9_000_000, 9_000_010));
  await assert.rejects(storage.setStream('film', counted(body).stream, { ifAbsent: true }), { kind: 'conflict' });
  const torn = counted(body, new Error('torn')).stream;
  await assert.rejects(storage.setStream('film', torn), { kind: 'unavailable', message: /torn/ });
  assert.equal((await storage.getMetadata('film'))?.size, 20_000_000);
  const reader = (await storage.getStream('film'))?.stream.getReader();
  await reader?.read();
  await reader?.cancel();
  assert.deepEqual(await storage.invalidate(''), 1);
  await storage.close();
});

test('a stream that is given up on its way to the store leaves nothing there', async () => {
  const storage = await open();
  for (const piecesMax of [1, 9, 20]) {
    const abort = new AbortController();
    let given = 0;
    const film = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 1;
        if (given > piecesMax) abort.abort(new Error('enough'));
        controller.enqueue(long(MIB));
      },
    });
    await assert.rejects(storage.setStream('film', film, { signal: abort.signal }), /enough/);
    await storage.settled();
    const { objects, uploads } = await server.obey<Shown>({ order: 'show', bucket: 'bucket', prefix: `pieces-${folders}` });
    assert.deepEqual([objects, uploads], [[], []], `after ${piecesMax} MiB`);
  }
  await storage.close();
});

test('a storage that has settled leaves nothing that was staged', async () => {
  const { endpoint, accessKeyId, secretAccessKey } = server.place;
  let allow = (): void => undefined;
  const allowed = new Promise<void>((done) => (allow = done));
  let removed = 0;
  const slow = async (url: string, init: RequestInit): Promise<Response> => {
    if (init.method !== 'DELETE') return fetch(url, init);
    await allowed;
    const answer = await fetch(url, init);
    removed += 1;
    return answer;
  };
  const credentials = { accessKeyId, secretAccessKey };
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint, prefix: 'settled', credentials, fetch: slow as typeof fetch });
  const storage = await TieredStorage.open({ tiers: { cold } });
  await storage.setStream('film', counted(long(20_000_000)).stream);
  const settled = storage.settled();
  await assert.rejects(storage.settled({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  allow();
  await settled;
  assert.equal(removed, 1);
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
  await storage.set('a', 1, { ifAbsent: true });
  await assert.rejects(storage.set('a', 2, { ifAbsent: true }), { kind: 'conflict' });
  await storage.update('a', (count) => Number(count) + 1);
  assert.equal(await storage.get('a'), 2);
  await storage.close();
});
