/** What can be stored, what comes back, and whose bytes they are. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TieredStorage } from 'tiered-storage';
import { bytes, fails, openMemory, plainTier, text } from './open.js';

suite('bytes', () => {
  test('a caller may change its buffer once `set` was called', async () => {
    const { storage } = await openMemory();
    const mine = bytes('before');
    const written = storage.set('k', mine);
    mine.fill(0x21);
    await written;
    mine.fill(0x3f);
    for (const tier of ['hot', 'warm', 'cold'] as const) {
      assert.equal(text(await storage.get('k')), 'before', tier);
      await storage.clearTier(tier);
    }
  });

  test('a caller may change the buffer that a read gave it, whichever tier it came from', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('stored'));
    for (const tier of ['hot', 'warm', 'cold'] as const) {
      const result = await storage.getWithMetadata('k');
      assert.equal(result?.source, tier);
      (result.data as Uint8Array).fill(0x21);
      ((await storage.get('k')) as Uint8Array).fill(0x21);
      assert.equal(text(await storage.get('k')), 'stored', tier);
      if (tier !== 'cold') await storage.clearTier(tier);
    }
  });

  test('what `peek` gives can be changed too', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('stored'));
    (storage.peek('k') as Uint8Array).fill(0x21);
    assert.equal(text(storage.peek('k')), 'stored');
  });

  test('two reads that share a flight do not share their bytes', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('stored'));
    await storage.clearTier('hot');
    const [one, two] = await Promise.all([storage.get('k'), storage.get('k')]);
    (one as Uint8Array).fill(0x21);
    assert.equal(text(two), 'stored');
  });

  test('a borrowed hit is not copied', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('stored'));
    const one = (await storage.get('k', { borrow: true })) as Uint8Array;
    const two = storage.peek('k', { borrow: true }) as Uint8Array;
    assert.equal(text(one), 'stored');
    assert.equal(one.buffer, two.buffer);
  });

  test('buffers and views are the bytes that they show', async () => {
    const { storage } = await openMemory();
    const whole = bytes('0123456789');
    const shared = new SharedArrayBuffer(2);
    new Uint8Array(shared).set(bytes('ab'));
    const cases: [unknown, string][] = [
      [whole.buffer, '0123456789'],
      [whole.subarray(2, 5), '234'],
      [new DataView(whole.buffer, 3, 2), '34'],
      [new Uint16Array(bytes('xyxy').buffer), 'xyxy'],
      [Buffer.from('node'), 'node'],
      [shared, 'ab'],
      [new Uint8Array(0), ''],
    ];
    for (const [value, wanted] of cases) {
      await storage.set('k', value);
      const data = await storage.get('k');
      assert.equal(Object.getPrototypeOf(data), Uint8Array.prototype);
      assert.equal(text(data), wanted);
      await storage.clearTier('hot');
      assert.equal(text(await storage.get('k')), wanted);
    }
  });

  test('blobs and streams are the bytes that they hold', async () => {
    const { storage } = await openMemory();
    const stream = new Blob(['in ', 'two']).stream();
    const texts = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes('by'));
        controller.enqueue(bytes('tes').buffer);
        controller.close();
      },
    });
    const cases: [unknown, string][] = [
      [new Blob(['a ', 'blob']), 'a blob'],
      [stream, 'in two'],
      [texts, 'bytes'],
      [new Response('body').body, 'body'],
    ];
    for (const [value, wanted] of cases) {
      const { metadata } = await storage.set('k', value);
      assert.equal(metadata.size, wanted.length);
      assert.equal(text(await storage.get('k')), wanted);
    }
  });

  test('a stream that fails, or is none of bytes, stores nothing', async () => {
    const { storage } = await openMemory();
    await storage.set('k', 'before');
    const broken = new ReadableStream({
      pull(controller) {
        controller.error(new Error('torn'));
      },
    });
    const numbers = new ReadableStream({
      start(controller) {
        controller.enqueue(42);
        controller.close();
      },
    });
    const locked = new Blob(['x']).stream();
    locked.getReader();
    await fails('invalid', () => storage.set('k', numbers));
    await fails(undefined, () => storage.set('k', broken), /torn/);
    await fails('invalid', () => storage.set('k', locked));
    assert.equal(await storage.get('k'), 'before');
  });
});

suite('everything else', () => {
  test('JSON comes back as JSON', async () => {
    const { storage } = await openMemory();
    for (const value of ['text', 0, 1.5, true, false, null, [], {}, [1, [2]], { a: { b: '\u{1f600}' } }]) {
      await storage.set('k', value);
      assert.deepEqual(await storage.get('k'), value);
      assert.deepEqual(storage.peek('k'), value);
      await storage.clearTier('hot');
      assert.deepEqual((await storage.getWithMetadata('k'))?.data, value);
    }
  });

  test('a value that a read gave is the reader\'s own', async () => {
    const { storage } = await openMemory<{ list: number[] }>();
    await storage.set('k', { list: [1] });
    (await storage.get('k'))?.list.push(2);
    storage.peek('k')?.list.push(3);
    assert.deepEqual(await storage.get('k'), { list: [1] });
  });

  test('a stored null is not a miss', async () => {
    const { storage } = await openMemory();
    await storage.set('k', null);
    assert.equal(await storage.get('k'), null);
    assert.equal(storage.peek('k'), null);
    assert.equal((await storage.getWithMetadata('k'))?.data, null);
    assert.equal(await storage.get('other'), null);
    assert.equal(storage.peek('other'), undefined);
    assert.equal(await storage.getWithMetadata('other'), null);
  });

  test('what JSON cannot say is refused, and nothing is stored', async () => {
    const { storage, cold } = await openMemory();
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const hostile = {
      toJSON() {
        throw new Error('not me');
      },
    };
    for (const value of [undefined, () => 1, Symbol('s'), 1n, cyclic, hostile]) {
      await fails('invalid', () => storage.set('k', value));
    }
    assert.equal(await cold.exists('k'), false);
  });

  test('a serializer is used for what is not bytes, and the entry remembers it', async () => {
    const serialization = {
      serialize: async (value: unknown) => bytes(`<${JSON.stringify(value)}>`),
      deserialize: async (data: Uint8Array) => JSON.parse(text(data).slice(1, -1)) as unknown,
    };
    const { storage, warm, cold } = await openMemory({ serialization });
    await storage.set('k', { a: 1 });
    await storage.set('b', bytes('plain'));
    assert.equal(text(await cold.get('k')), '<{"a":1}>');
    assert.deepEqual(await storage.get('k'), { a: 1 });
    assert.equal(storage.peek('k'), undefined);
    assert.equal(text(await storage.get('b')), 'plain');
    await storage.close();

    const without = await TieredStorage.open({ tiers: { warm, cold } });
    await fails('invalid', () => without.get('k'), /serializ/);
    assert.equal(text(await without.get('b')), 'plain');
    await without.set('j', { json: true });
    await without.close();
    const again = await TieredStorage.open({ tiers: { warm, cold }, serialization });
    assert.deepEqual(await again.get('j'), { json: true });
    assert.deepEqual(await again.get('k'), { a: 1 });
  });

  test('a serializer that fails, or gives no bytes, fails the call alone', async () => {
    let made: unknown = 'no bytes';
    const serialization = {
      serialize: async () => made as Uint8Array,
      deserialize: async (): Promise<unknown> => {
        throw new Error('unreadable');
      },
    };
    const { storage, cold } = await openMemory({ serialization });
    await fails('invalid', () => storage.set('k', {}));
    made = Promise.reject(new Error('unwritable'));
    await fails(undefined, () => storage.set('k', {}), /unwritable/);
    assert.equal(await cold.exists('k'), false);
    made = bytes('x');
    await storage.set('k', {});
    await fails(undefined, () => storage.get('k'), /unreadable/);
    assert.equal(await storage.exists('k'), true);
  });

  test('what the serializer gave, and what it is given, are nobody else\'s', async () => {
    const mine = bytes('mine');
    const serialization = {
      serialize: async () => mine,
      async deserialize(data: Uint8Array) {
        const value = text(data);
        data.fill(0x21);
        return value;
      },
    };
    const { storage } = await openMemory({ serialization });
    await storage.set('k', {});
    mine.fill(0x21);
    for (const tier of ['hot', 'warm', 'cold'] as const) {
      assert.equal(await storage.get('k'), 'mine');
      assert.equal(await storage.get('k'), 'mine');
      await storage.clearTier(tier);
    }
  });

  test('values go through tiers of others as they are', async () => {
    const cold = plainTier();
    const storage = await TieredStorage.open({ tiers: { cold } });
    await storage.set('j', { a: [1] });
    await storage.set('b', bytes('plain'));
    assert.deepEqual(await storage.get('j'), { a: [1] });
    assert.equal(text(await storage.get('b')), 'plain');
    assert.equal(cold.entries.get('b')?.[1].size, 5);
    const again = await TieredStorage.open({ tiers: { cold } });
    assert.deepEqual(await again.get('j'), { a: [1] });
  });
});

suite('metadata', () => {
  test('times are dates, everywhere', async () => {
    const { storage, warm } = await openMemory({ defaultTTL: 60_000 });
    const { metadata } = await storage.set('k', 'v', { metadata: { a: 'b' }, mimeType: 'text/x-mine' });
    const all = [metadata, await storage.getMetadata('k'), (await storage.getWithMetadata('k'))?.metadata];
    for (const one of [...all, await warm.getMetadata('k'), (await storage.export()).metadata['k']]) {
      assert.ok(one?.createdAt instanceof Date && one.lastAccessed instanceof Date && one.ttl instanceof Date);
      assert.equal(one.ttl.getTime() - one.createdAt.getTime(), 60_000);
      assert.deepEqual(one.customMetadata, { a: 'b' });
      assert.equal(one.mimeType, 'text/x-mine');
      assert.equal(one.key, 'k');
    }
  });

  test('fields that are not there are not there', async () => {
    const { storage } = await openMemory();
    const { metadata } = await storage.set('k', 'v');
    assert.deepEqual(Object.keys(metadata).sort(), [
      'accessCount',
      'checksum',
      'compressed',
      'createdAt',
      'key',
      'lastAccessed',
      'size',
      'version',
    ]);
  });

  test('metadata that a read gave is the reader\'s own', async () => {
    const { storage } = await openMemory();
    await storage.set('k', 'v', { metadata: { a: 'b' } });
    const mine = await storage.getMetadata('k');
    mine?.createdAt.setTime(0);
    Object.assign(mine?.customMetadata ?? {}, { a: 'c' });
    const again = await storage.getMetadata('k');
    assert.notEqual(again?.createdAt.getTime(), 0);
    assert.deepEqual(again?.customMetadata, { a: 'b' });
  });
});
