/** Bodies of any size, to S3 and through IndexedDB. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, Tab } from './engine.js';
import { good } from './expect.js';
import { sharedCold } from './s3.js';

const MIB = 2 ** 20;
/** Firefox gives all sites of this address 10 MiB here. */
const SIZE = { Chromium: 40 * MIB, Firefox: 2 * MIB };

/** Gives up the room of a database, since Firefox has one limit for all sites of this address. */
async function leave(tab: Tab): Promise<void> {
  await tab.call('close');
  await tab.call('takeOver', 'remove', 5_000);
}

export function streams(engine: Engine): void {
  test('a stream reaches IndexedDB and S3, and is read from IndexedDB after a reload, whole and in part', async (t) => {
    const setup = { cold: await sharedCold(), promotionStrategy: 'eager' } as const;
    const tab = await (await engine.origin(t)).tab();
    const size = SIZE[engine.name];
    await tab.call('open', setup);
    assert.deepEqual(good(await tab.call('pour', 'film', size)), ['warm', 'cold']);
    await tab.page.reload();
    await tab.call('open', setup);
    assert.deepEqual(good(await tab.call('part', 'film', size / 2 - 5, size / 2 + 5)), [10, 'warm', 2]);
    assert.deepEqual(good(await tab.call('part', 'film', size - 100, size + 100)), [100, 'warm', 1]);
    assert.deepEqual(good(await tab.call('drain', 'film')), [size, 'warm']);
    await tab.call('dropUpper');
    assert.deepEqual(good(await tab.call('drain', 'film')), [size, 'cold']);
    await tab.call('told');
    assert.deepEqual(good(await tab.call('drain', 'film')), [size, 'warm'], 'it was kept on its way');
    await leave(tab);
  });

  test('parts that were read from S3 are kept in IndexedDB, outlast a reload, and make the entry', async (t) => {
    const setup = { cold: await sharedCold(), rangeCaching: MIB / 2 };
    const tab = await (await engine.origin(t)).tab();
    const read = async (start: number, end: number): Promise<unknown> => {
      const found = good(await tab.call('part', 'film', start, end));
      await tab.call('told');
      return found;
    };
    await tab.call('open', setup);
    good(await tab.call('pour', 'film', 1.5 * MIB));
    await tab.call('dropUpper');
    assert.deepEqual(await read(MIB - 5, MIB), [5, 'cold', 0]);
    await tab.page.reload();
    await tab.call('open', setup);
    assert.deepEqual(await read(MIB - 100, MIB - 90), [10, 'warm', 1]);
    assert.deepEqual(await read(MIB - 5, MIB + 5), [10, 'cold', 0], 'of which a part is not there');
    assert.deepEqual(await read(MIB - 5, MIB + 5), [10, 'warm', 2]);
    await read(0, 10);
    assert.deepEqual(good(await tab.call('drain', 'film')), [1.5 * MIB, 'warm'], 'all parts were there');
    await leave(tab);
  });

  test('without IndexedDB a stream is kept in memory', async (t) => {
    const tab = await (await engine.origin(t)).tab('/', () => {
      Reflect.deleteProperty(globalThis, 'indexedDB');
    });
    const size = SIZE[engine.name];
    await tab.call('open', { cold: await sharedCold() });
    assert.deepEqual(good(await tab.call('pour', 'film', size)), ['warm', 'cold']);
    assert.deepEqual(good(await tab.call('drain', 'film')), [size, 'warm']);
    assert.deepEqual(good(await tab.call('part', 'film', size / 2 - 5, size / 2 + 5)), [10, 'warm', 0]);
    assert.deepEqual((await tab.call('told')).map(({ type, tier }) => [type, tier]), [['fallback', 'warm']]);
  });
}
