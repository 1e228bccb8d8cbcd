/** How long it takes until a new page has its first entry. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from './engine.js';
import { sharedCold, type Cold } from './s3.js';
import { files } from './unbundled.js';

const PAGES = 15;
/** The aim is 60 ms, of the median, on a machine that does nothing else. A busy one takes longer. */
const MS_MAX = 150;

export function start(engine: Engine): void {
  test('a new page has its first entry soon', async (t) => {
    const cold = await sharedCold();
    const { page } = await (await engine.origin(t, files({}))).tab();
    await page.evaluate(measure, cold);
    const times: [load: number, open: number][] = [];
    for (let at = 0; at < PAGES; at++) {
      await page.reload();
      const [load, open, source] = await page.evaluate(measure, cold);
      assert.equal(source, 'warm');
      times.push([load, open]);
    }
    const [load, open] = ([0, 1] as const).map((at) => median(times.map((time) => time[at]))) as [number, number];
    t.diagnostic(`${engine.name}: ${open.toFixed(1)} ms from open to the first entry, after ${load.toFixed(1)} ms of import (medians of ${PAGES})`);
    assert.ok(open < MS_MAX, `${open} ms`);
  });
}

/** Imports the package, opens a storage and reads an entry of warm; the first call stores it. */
async function measure({ bucket, prefix, endpoint, accessKeyId, secretAccessKey }: Cold): Promise<[load: number, open: number, source: string]> {
  const began = performance.now();
  const path = '/pkg/inline.js';
  const { IndexedDBStorageTier, S3StorageTier, TieredStorage } = (await import(path)) as typeof import('tiered-storage');
  const imported = performance.now();
  const storage = await TieredStorage.open({
    tiers: {
      warm: new IndexedDBStorageTier(),
      cold: new S3StorageTier({ bucket, prefix, endpoint, credentials: { accessKeyId, secretAccessKey } }),
    },
  });
  const found = await storage.getWithMetadata('key');
  const ended = performance.now();
  if (!found) await storage.set('key', 'value');
  return [imported - began, ended - imported, found?.source ?? 'nothing'];
}

function median(times: number[]): number {
  return times.sort((left, right) => left - right)[times.length >> 1] as number;
}
