/** Parts of bodies that warm keeps. */

import { check, fails, same, sameBytes } from '../conformance/check.js';
import { MIB, World, long, rest } from './tier.js';

const CHUNK = MIB / 4;
const SIZE = 3 * MIB + 1_000;

/** Reads a part, and says which tier had it and what cold was asked for. */
async function part(world: World, start: number, end: number | undefined, body = long(SIZE)): Promise<[string, number]> {
  const ranges = world.cold.ranges;
  const found = await world.storage.getRange('film', { start, end });
  check(found !== null, 'the entry is there');
  sameBytes(found.data, body.slice(start, end), `from ${start} to ${end}`);
  await world.storage.settled();
  return [found.source, world.cold.ranges - ranges];
}

async function open(): Promise<World> {
  const world = await World.open({ rangeCaching: CHUNK });
  await world.hold('film', long(SIZE));
  return world;
}

/** For warm tiers that keep parts. */
export const PARTS: Record<string, () => Promise<void>> = {
  'what cold was asked for is warm, in whole chunks': async () => {
    const world = await open();
    same(await part(world, CHUNK + 5, CHUNK + 7), ['cold', 1], 'for the first time');
    same(await part(world, CHUNK, 2 * CHUNK), ['warm', 0], 'all of the chunk');
    same(await part(world, 2 * CHUNK - 1, 2 * CHUNK + 1), ['cold', 1], 'what is only half there');
    same(await part(world, CHUNK, 3 * CHUNK), ['warm', 0], 'both');
    same(await part(world, SIZE - 5, undefined), ['cold', 1], 'the end');
    same(await part(world, SIZE - 1_000, undefined), ['warm', 0], 'all of the last chunk');
    const stream = await world.storage.getStream('film');
    same(stream?.source, 'cold', 'the whole is not there');
    await stream?.stream.cancel();
    same((await world.storage.getMetadata('film'))?.size, SIZE, 'its metadata');
  },

  'all chunks make an entry': async () => {
    const world = await open();
    for (let at = 0; at < SIZE; at += CHUNK) await part(world, at, at + 1);
    const opens = world.cold.opens;
    const found = await world.storage.getStream('film');
    same(found?.source, 'warm', 'where it is');
    sameBytes(await rest((found as { stream: ReadableStream<Uint8Array> }).stream.getReader()), long(SIZE), 'the body');
    same(world.cold.opens, opens, 'cold was not asked');
  },

  'no part outlasts its version': async () => {
    const world = await open();
    await part(world, 0, 10);
    const other = long(2 * SIZE).slice(SIZE);
    await world.storage.set('film', other, { skipTiers: ['warm'] });
    same(await part(world, 0, 10, other), ['cold', 1], 'after an overwrite');
    same(await part(world, 0, 10, other), ['warm', 0], 'once more');
    await world.storage.delete('film');
    same(await world.storage.getRange('film', { start: 0 }), null, 'after a removal');
    await world.storage.set('film', long(SIZE), { skipTiers: ['warm'] });
    await part(world, 0, 10);
    await world.storage.invalidateUpperCaches('');
    same(await part(world, 0, 10), ['cold', 1], 'after an invalidation');
    await part(world, 0, 10);
    await world.storage.touch('film', 60_000);
    same(await part(world, 5, 10), ['warm', 0], 'a patch leaves them');
  },

  'without the option nothing is kept, and chunks have sizes': async () => {
    const world = await World.open();
    await world.hold('film', long(SIZE));
    for (let turn = 0; turn < 2; turn++) same(await part(world, 0, CHUNK), ['cold', 1], `turn ${turn}`);
    for (const rangeCaching of [0, 1_000, 65_537, 2 ** 27, -1, 0.5]) {
      await fails('invalid', () => World.open({ rangeCaching }), `chunks of ${rangeCaching}`);
    }
  },
};
