/** Bodies of any size, and conditions, in Node. */

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { suite, test } from 'node:test';
import { CASES } from './cases.js';
import { World, long } from './tier.js';

for (const [group, cases] of Object.entries(CASES)) {
  suite(group, () => {
    for (const [name, run] of Object.entries(cases)) test(name, run);
  });
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
