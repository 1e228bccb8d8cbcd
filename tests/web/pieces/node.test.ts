/** Bodies of any size, and conditions, in Node. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { CacheApiStorageTier, DiskStorageTier } from 'tiered-storage';
import { ListedCache } from '../conformance/caches.js';
import { CASES } from './cases.js';
import { PieceTier, World, long } from './tier.js';

const root = await mkdtemp(join(tmpdir(), 'tiered-storage-'));
after(() => rm(root, { recursive: true, force: true }));

/** What the tiers are that hold what is written. */
const PLACES = {
  memory: PieceTier.make,
  cache: () => new CacheApiStorageTier({ cache: new ListedCache() as unknown as Cache }),
  disk: () => new DiskStorageTier({ directory: join(root, randomUUID()), durability: 'cache' }),
};

for (const [place, make] of Object.entries(PLACES)) {
  for (const [group, cases] of Object.entries(CASES)) {
    // A cache knows no conditions, and keeps no parts.
    if (place === 'cache' && (group === 'conditions' || group === 'parts')) continue;
    suite(`${group}, ${place}`, () => {
      before(() => void (PieceTier.make = make));
      for (const [name, run] of Object.entries(cases)) test(name, run);
    });
  }
}

test('streams of Node are streams', async () => {
  const world = await World.open();
  const body = long(3_000_000);
  const chunks = Array.from({ length: 30 }, (_, at) => Buffer.from(body.slice(at * 100_000, (at + 1) * 100_000)));
  await world.storage.setStream('film', Readable.from(chunks));
  assert.deepEqual(await world.storage.get('film'), body);
  const broken = Readable.from(chunks);
  broken.once('data', () => undefined);
  const torn = new Readable({ read: () => torn.destroy(new Error('torn')) });
  await assert.rejects(world.storage.setStream('film', torn), { kind: 'unavailable', message: /torn/ });
  broken.destroy();
  assert.equal(world.traces, 0);
});
