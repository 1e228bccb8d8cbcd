/** The memory tier, in Node. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MemoryStorageTier, TieredStorage, type StorageTier } from 'tiered-storage';
import type { Port } from '../../../pkg/ts/port.js';
import { casesOf } from './cases.js';
import { CREATED, gathered, inscribed, metadataOf, pattern, portOf, write, type Kind } from './subject.js';

const memory: Kind = {
  make: (_, limits) => new MemoryStorageTier(limits),
  isDurable: false,
  isLimited: true,
  canList: true,
};

suite('memory', () => {
  for (const [name, run] of Object.entries(casesOf(memory))) test(name, run);
});

/** A tier with its port. */
async function opened(options: ConstructorParameters<typeof MemoryStorageTier>[0] = {}): Promise<[MemoryStorageTier, Port]> {
  const tier = new MemoryStorageTier(options);
  return [tier, await portOf(tier as never)];
}

/** Reads without the core, as `TieredStorage` does. */
function hit(tier: MemoryStorageTier, key: string, now: number): void {
  const record = tier.lookup(key);
  assert.ok(record);
  tier.count(record, now);
}

suite('reads that the core does not see', () => {
  test('they are counted, and told once', async () => {
    const [tier, port] = await opened();
    for (const key of ['a', 'b', 'c']) await write(port, key, pattern(10));
    for (const [key, now] of [['a', 5], ['b', 6], ['a', 7]] as const) hit(tier, key, CREATED + now);
    assert.deepEqual(port.accesses(1), ['a', 2, CREATED + 7]);
    hit(tier, 'a', CREATED + 8);
    assert.deepEqual(port.accesses(9), ['b', 1, CREATED + 6, 'a', 1, CREATED + 8]);
    assert.deepEqual(port.accesses(9), []);
  });

  test('a patch keeps the count, another version begins anew, and what is gone is not told', async () => {
    const [tier, port] = await opened();
    for (const key of ['patched', 'overwritten', 'removed', 'removed and back']) {
      await write(port, key, pattern(10), 1);
      hit(tier, key, CREATED);
    }
    const [line, facts] = await inscribed({ ...metadataOf('patched', pattern(10), 1), accessCount: 9 });
    await port.patch('patched', line, facts);
    await write(port, 'overwritten', pattern(10), 2);
    await port.remove(['removed', 'removed and back']);
    await write(port, 'removed and back', pattern(10), 3);
    assert.deepEqual(port.accesses(9), ['patched', 1, CREATED]);
    assert.equal(await port.head('patched'), line);
  });

  test('at most 10,000 keys have counts that were not told', async () => {
    const [tier, port] = await opened();
    const [line, facts] = await inscribed(metadataOf('k', pattern(1)));
    for (let at = 0; at < 10_050; at++) {
      await port.write(`k${at}`, { body: pattern(1), line }, facts);
      hit(tier, `k${at}`, CREATED + at);
      hit(tier, `k${at}`, CREATED + at);
    }
    assert.equal(port.accesses(20_000).length, 30_000);
    hit(tier, 'k10049', CREATED);
    assert.deepEqual(port.accesses(9), ['k10049', 1, CREATED]);
  });

  test('they keep an entry from being given up', async () => {
    const [tier, port] = await opened({ maxItems: 3, evictionPolicy: 'lru' });
    for (const key of ['a', 'b', 'c']) await write(port, key, pattern(10));
    hit(tier, 'a', CREATED);
    await write(port, 'd', pattern(10));
    assert.deepEqual(await gathered(tier.listKeys()), ['a', 'c', 'd']);
    // More of them than are noted at once.
    for (let at = 0; at < 3_000; at++) hit(tier, at % 2 ? 'a' : 'c', CREATED);
    await write(port, 'e', pattern(10));
    assert.deepEqual(await gathered(tier.listKeys()), ['a', 'c', 'e']);
  });
});

suite('what is given up first', () => {
  const orders: Record<string, [policy: 'lru' | 'fifo' | 'size' | 's3fifo', left: string[]]> = {
    'what was not used for longest': ['lru', ['a', 'c', 'new']],
    'what was written first': ['fifo', ['b', 'c', 'new']],
    'the largest': ['size', ['a', 'c', 'new']],
    'what was not read again': ['s3fifo', ['a', 'c', 'new']],
  };
  for (const [name, [evictionPolicy, left]] of Object.entries(orders)) {
    test(name, async () => {
      const [tier] = await opened({ maxItems: 3, evictionPolicy });
      for (const [key, size] of [['a', 10], ['b', 500], ['c', 20]] as const) {
        await tier.set(key, pattern(size), metadataOf(key, pattern(size)));
      }
      await tier.get('a');
      await tier.set('new', pattern(5), metadataOf('new', pattern(5)));
      assert.deepEqual(await gathered(tier.listKeys()), left);
    });
  }

  test('wrong options are refused', () => {
    for (const options of [{ evictionPolicy: 'mru' }, { maxItems: '3' }, { maxSizeBytes: -1 }]) {
      assert.throws(() => new MemoryStorageTier(options as never), { name: 'StorageError', kind: 'invalid' });
    }
  });
});

test('an entry costs less than 500 bytes beside its body', async (context) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const nothing = async (): Promise<void> => undefined;
  const cold = {
    get: async () => null,
    exists: async () => false,
    getMetadata: async () => null,
    getStats: async () => ({ bytes: 0, items: 0 }),
    listKeys: async function* () {},
    ...{ set: nothing, delete: nothing, deleteMany: nothing, setMetadata: nothing, clear: nothing },
  } satisfies StorageTier;
  const hot = new MemoryStorageTier({ maxSizeBytes: 2 ** 30 });
  const storage = await TieredStorage.open<Uint8Array>({ tiers: { hot, cold } });
  // What is made once, such as compiled code, is no cost of an entry.
  for (let at = 0; at < 2_000; at++) await storage.set('first', new Uint8Array(1_024));
  const before = used();
  for (let at = 0; at < 100_000; at++) await storage.set(`key-${at}`, new Uint8Array(1_024));
  const bytes = (used() - before) / 100_000 - 1_024;
  assert.equal((await hot.getStats()).items, 100_001);
  context.diagnostic(`an entry costs ${bytes.toFixed(0)} bytes beside its body`);
  assert.ok(bytes < 500, `an entry costs ${bytes.toFixed(0)} bytes`);
  await storage.close();
});
