/** Hits of the hot tier that are answered without the core: what they give, and what is counted. */

import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { bytes, openMemory, text } from './open.js';

const BORROW = { borrow: true };

suite('borrowed bytes', () => {
  test('are the same array each time', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('value'));
    const first = storage.peek('k', BORROW);
    assert.equal(text(first), 'value');
    assert.equal(storage.peek('k', BORROW), first);
    assert.equal(await storage.get('k', BORROW), first);
    assert.equal((await storage.getWithMetadata('k', BORROW))?.data, first);
    await storage.close();
  });

  test('are those of the last write, and older ones stay as they were', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('old'));
    const old = storage.peek('k', BORROW);
    await storage.set('k', bytes('newer'));
    assert.equal(text(storage.peek('k', BORROW)), 'newer');
    assert.equal(text(old), 'old');
    await storage.touch('k', 60_000);
    assert.equal(text(storage.peek('k', BORROW)), 'newer');
    await storage.close();
  });

  test('are not what others get', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('value'));
    const borrowed = storage.peek('k', BORROW);
    ((await storage.get('k')) as Uint8Array).fill(0);
    (storage.peek('k') as Uint8Array).fill(0);
    assert.equal(text(borrowed), 'value');
    assert.equal(text(await storage.get('k')), 'value');
    await storage.close();
  });
});

suite('the time of a hit', () => {
  for (const [what, ttl] of [['that never ends', undefined], ['that ends', 60_000]] as const) {
    test(`of an entry ${what} is right to some ms, also after a pause`, async (t) => {
      const pass = manualTime(t);
      const { storage } = await openMemory();
      await storage.set('k', bytes('value'), ttl === undefined ? {} : { ttl });
      for (let round = 0; round < 3; round += 1) {
        pass(100);
        // The timer of the clock, which is shorter, rings first.
        await new Promise((done) => setTimeout(done, 20));
        assert.equal(await lateness(storage), 0);
      }
      await storage.close();
    });
  }

  test('goes on where no timer can ring', async (t) => {
    const pass = manualTime(t);
    const { storage } = await openMemory();
    await storage.set('k', bytes('value'));
    storage.peek('k');
    pass(150);
    // Nothing else of the event loop runs meanwhile.
    for (let hit = 0; hit < 2_000; hit += 1) storage.peek('k');
    assert.equal(await lateness(storage), 0);
    await storage.close();
  });
});

suite('counted hits', () => {
  test('are in the metadata, and are lost with the value that they were of', async () => {
    const { storage } = await openMemory();
    await storage.set('k', bytes('value'));
    for (let hit = 0; hit < 5; hit += 1) storage.peek('k');
    assert.equal((await storage.getWithMetadata('k'))?.metadata.accessCount, 6);
    await storage.set('k', bytes('other'));
    assert.equal((await storage.getWithMetadata('k'))?.metadata.accessCount, 1);
    await storage.close();
  });

  test('stay with a value that is copied into hot once more', async () => {
    const { storage } = await openMemory({ statistics: { flushInterval: 1_000_000 } });
    await storage.set('k', bytes('value'));
    for (let hit = 0; hit < 5; hit += 1) storage.peek('k');
    assert.equal(await storage.bootstrapHot(), 1);
    assert.equal((await storage.getWithMetadata('k'))?.metadata.accessCount, 6);
    await storage.close();
  });
});

/** Has time pass only where a test says so. */
function manualTime(t: TestContext): (ms: number) => void {
  let now = Date.UTC(2026, 0, 1);
  t.mock.method(Date, 'now', () => now);
  return (ms) => void (now += ms);
}

/** How many ms before now a hit of now is said to be. */
async function lateness(storage: Awaited<ReturnType<typeof openMemory>>['storage']): Promise<number> {
  const result = await storage.getWithMetadata('k');
  return Math.abs(Date.now() - (result?.metadata.lastAccessed.getTime() ?? 0));
}
