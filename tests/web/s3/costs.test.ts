/** What an S3 tier counts is what arrives, and what it may cost. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { MemoryStorageTier, S3StorageTier, type S3Options, type StorageEvent, TieredStorage } from 'tiered-storage';
import { type RunningServer, startServer } from '../scenarios/server.js';
import { fails } from '../storage/open.js';
import { type Passing, Proxy } from './proxy.js';

let server: RunningServer;
let proxy: Proxy;

before(async () => {
  server = await startServer(['bucket'], '*');
  proxy = await Proxy.start(server.place.endpoint);
});

after(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.close();
});

let folders = 0;

beforeEach(() => {
  proxy.answer = () => undefined;
  proxy.passed.length = 0;
  folders += 1;
});

function tierOf(options: Partial<S3Options> = {}): S3StorageTier {
  const { accessKeyId, secretAccessKey } = server.place;
  const credentials = { accessKeyId, secretAccessKey };
  return new S3StorageTier({ bucket: 'bucket', endpoint: proxy.endpoint, prefix: `costs-${folders}`, credentials, ...options });
}

function operation({ method, path, headers }: Passing): string {
  if (method === 'POST') return 'deleteMany';
  if (path.includes('list-type=2')) return 'list';
  return headers['x-amz-copy-source'] ? 'copy' : method.toLowerCase();
}

/** How many of each came by. */
function arrived(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const passing of proxy.passed) counts[operation(passing)] = (counts[operation(passing)] ?? 0) + 1;
  return counts;
}

function bodiesSent(): number {
  return proxy.passed.reduce((sum, { headers }) => sum + Number(headers['content-length'] ?? 0), 0);
}

/** Whole numbers that look thrown, and are the same each time. */
function* dice(seed: number): Generator<number, never> {
  for (let state = seed; ; yield state >>> 8) state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
}

type Requested = Extract<StorageEvent, { type: 'requested' }>;

suite('costs', () => {
  test('counts are what came by, over a mix of calls and faults', async () => {
    const cold = tierOf();
    const events: Requested[] = [];
    const storage = await TieredStorage.open<string>({ tiers: { cold } });
    storage.on('requested', (event) => events.push(event));
    const rolls = dice(7);
    const roll = (sides: number): number => rolls.next().value % sides;
    const keys = ['a', 'a/b', 'b/../c', 'd e+f', 'x'.repeat(1_000)];
    const calls = [
      (key: string) => storage.get(key),
      (key: string) => storage.set(key, key.repeat(1 + roll(9))),
      (key: string) => storage.set(key, 'short'),
      (key: string) => storage.getMetadata(key),
      (key: string) => storage.touch(key, 60_000),
      (key: string) => storage.delete(key),
      () => storage.invalidate('a'),
    ];
    const replies = [{ status: 503, body: 'busy' }, { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' }, {}];
    for (let round = 0; round < 60; round += 1) {
      if (!roll(3)) proxy.once(replies[roll(3)] ?? {});
      // What comes of it is of no account here.
      await calls[roll(calls.length)]?.(keys[roll(keys.length)] ?? '').catch(() => undefined);
      await storage.settled();
    }
    proxy.answer = () => undefined;
    const { cold: stats } = await storage.getStats();
    assert.ok(stats.requests);
    const { operations, ...classes } = stats.requests;
    const sent = Object.fromEntries(Object.entries(operations).map(([name, tally]) => [name, tally.sent]));
    assert.deepEqual(sent, arrived());
    const sum = (count: 'sent' | 'failed' | 'bytesSent' | 'bytesReceived'): number =>
      Object.values(classes).reduce((sum, tally) => sum + tally[count], 0);
    assert.equal(sum('sent'), proxy.passed.length);
    assert.equal(sum('bytesSent'), bodiesSent());
    assert.ok(sum('failed') > 0);
    assert.equal(classes.get.sent, (sent['get'] ?? 0) + (sent['head'] ?? 0));
    assert.equal(classes.delete.sent, (sent['delete'] ?? 0) + (sent['deleteMany'] ?? 0));
    assert.equal(stats.costUsd, undefined, 'nobody gave prices');

    // Events add up to the same.
    const told = (count: 'attempts' | 'bytesSent' | 'bytesReceived'): number => events.reduce((sum, event) => sum + event[count], 0);
    assert.deepEqual([told('attempts'), told('bytesSent'), told('bytesReceived')], [sum('sent'), sum('bytesSent'), sum('bytesReceived')]);
    await storage.close();
  });

  test('an event tells of a request with all attempts at it', async () => {
    const events: StorageEvent[] = [];
    const storage = await TieredStorage.open<string>({
      tiers: { hot: new MemoryStorageTier(), cold: tierOf() },
      onEvent: (event) => events.push(event),
    });
    proxy.once({ status: 503, body: 'busy' });
    await storage.set('key', 'body');
    const [event] = events as Requested[];
    assert.equal(events.length, 1);
    assert.ok(event && event.elapsedMs >= 0);
    const { elapsedMs: _, ...facts } = event;
    // As JSON, with its quotes; once for each attempt.
    const expected = { tier: 'cold', operation: 'put', status: 200, attempts: 2, bytesSent: 12, bytesReceived: 4 };
    assert.deepEqual(facts, { type: 'requested', ...expected });
    await storage.close();
  });

  test('a storage that is closed, or not listened to, is told nothing, and others still are', async () => {
    const cold = tierOf();
    const heard: string[] = [];
    const open = async (name: string): Promise<TieredStorage<string>> => {
      const storage = await TieredStorage.open<string>({ tiers: { cold } });
      storage.on('requested', ({ operation }) => heard.push(`${name} ${operation}`));
      return storage;
    };
    const [first, second] = [await open('first'), await open('second')];
    await first.set('key', 'body');
    await first.close();
    await second.get('key');
    await second.close();
    await cold.get('key');
    assert.deepEqual(heard, ['first put', 'second put', 'second get']);
    assert.equal((await cold.getStats()).requests?.get.sent, 2, 'they are counted all the same');
  });

  test('prices make an estimate, and what is left out is as on Amazon', async () => {
    const cold = tierOf({ prices: { getPer1000: 1, outPerGiB: 0 } });
    const storage = await TieredStorage.open<string>({ tiers: { hot: new MemoryStorageTier(), cold } });
    await storage.set('key', 'body');
    await storage.clearTier('hot');
    await storage.get('key');
    await storage.delete('key');
    const { hot, cold: stats } = await storage.getStats();
    // One GET; one PUT and one LIST; a DELETE is free.
    assert.ok(Math.abs((stats.costUsd ?? 0) - (1 / 1_000 + (2 * 0.005) / 1_000)) < 1e-12, `${stats.costUsd}`);
    assert.equal(hot && ('requests' in hot || 'costUsd' in hot), false, 'memory asks nobody');
    const exported = (await storage.export()).stats.cold;
    assert.deepEqual(exported.requests?.put.sent, (stats.requests?.put.sent ?? 0) + 2);
    assert.ok((exported.costUsd ?? 0) > (stats.costUsd ?? 0));
    await storage.close();

    const plain = tierOf({ prices: {} });
    const { costUsd, requests } = await plain.getStats();
    const traffic = ((requests?.put.bytesReceived ?? 0) / 2 ** 30) * 0.09;
    assert.ok(Math.abs((costUsd ?? 0) - 0.005 / 1_000 - traffic) < 1e-12, `${costUsd}`);
  });

  test('a price that is none is refused by name', async () => {
    const wrong = (prices: unknown, words: RegExp) => fails('invalid', () => tierOf({ prices: prices as never }), words);
    await wrong({ getPer1000: -1 }, /`getPer1000`.*price/);
    await wrong({ getPer1000: '1' }, /`getPer1000`.*price/);
    await wrong({ perGet: 1 }, /`perGet`/);
    await wrong(3, /`prices`/);
  });
});
