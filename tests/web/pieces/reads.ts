/** Reading in pieces. */

import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { check, fails, same, sameBytes } from '../conformance/check.js';
import { HASTY, MIB, PieceTier, World, concatenated, long, prose, rest } from './tier.js';

const SIZE = 6_000_000;

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function begin(world: World, key: string, source?: string): Promise<Reader> {
  const found = await world.storage.getStream(key);
  check(found !== null, `${key} is there`);
  if (source) same(found.source, source, 'the tier');
  return found.stream.getReader();
}

async function next(reader: Reader): Promise<Uint8Array> {
  const { done, value } = await reader.read();
  check(!done, 'the body goes on');
  return value;
}

export const READS: Record<string, () => Promise<void>> = {
  'a body comes in pieces, and warm gets its copy on the way': async () => {
    const world = await World.open();
    const body = long(SIZE);
    await world.hold('film', body);
    const found = await world.storage.getStream('film');
    check(found !== null, 'the entry is there');
    same([found.source, found.metadata.size], ['cold', SIZE], 'what is known');
    sameBytes(await rest(found.stream.getReader()), body, 'the body');
    await world.storage.settled();
    check(world.hears('promoted', 'warm'), 'the copy is told');
    sameBytes(await rest(await begin(world, 'film', 'warm')), body, 'the copy');
    same([world.cold.opens, world.warm.writes, world.traces], [1, 0, 0], 'cold was read once, and what was kept not written again');
  },

  'small bodies and hot ones come as one piece, and are the reader\'s own': async () => {
    const world = await World.open();
    await world.hold('note', long(1_000));
    for (const source of ['cold', 'hot', 'hot']) {
      const reader = await begin(world, 'note', source);
      const piece = await next(reader);
      sameBytes(piece, long(1_000), source);
      piece.fill(0);
      check((await reader.read()).done, 'it is at its end');
      await world.storage.settled();
    }
    await world.storage.set('empty', new Uint8Array());
    sameBytes(await rest(await begin(world, 'empty', 'hot')), new Uint8Array(), 'nothing, from hot');
    await world.storage.invalidateUpperCaches('');
    sameBytes(await rest(await begin(world, 'empty', 'cold')), new Uint8Array(), 'nothing, from cold');
    same(await world.storage.getStream('none'), null, 'what is not there');
  },

  'those who read at the same time cost one read': async () => {
    const world = await World.open();
    const body = long(SIZE);
    await world.hold('film', body);
    const readers = await Promise.all(Array.from({ length: 8 }, () => begin(world, 'film')));
    const whole = world.storage.get('film');
    for (const read of await Promise.all(readers.map(rest))) sameBytes(read, body, 'a stream');
    sameBytes((await whole) as Uint8Array, body, 'the whole');
    same([world.cold.opens, world.cold.reads], [1, 0], 'opened once');
  },

  'a reader that falls behind reads on by itself, and never mixes versions': async () => {
    const world = await World.open({ promotionStrategy: 'lazy', clock: HASTY });
    const body = long(3 * SIZE);
    await world.hold('film', body);
    for (const isOverwritten of [false, true]) {
      const slow = await begin(world, 'film');
      const quick = await begin(world, 'film');
      const first = await next(slow);
      sameBytes(await rest(quick), body, 'who is quick');
      if (isOverwritten) {
        await world.storage.set('film', long(2 * SIZE));
        await fails('conflict', () => rest(slow), 'the version is gone');
      } else sameBytes(concatenated([first, await rest(slow)]), body, 'who is slow');
    }
    same(world.traces, 0, 'what is left');
  },

  'what is not read to its end leaves nothing, and nothing is read ahead': async () => {
    const world = await World.open();
    await world.hold('film', long(SIZE));
    const reader = await begin(world, 'film');
    same(world.cold.pieces, 0, 'pieces before the first is asked for');
    await next(reader);
    check(world.traces > 0, 'it is kept on the way');
    await reader.cancel();
    await world.storage.settled();
    same(world.traces, 0, 'what is left');
    check(world.cold.pieces < 4, 'nothing was read ahead');
    await (await begin(world, 'film', 'cold')).cancel();
    same(world.traces, 0, 'what is left of what nobody asked');
  },

  'a signal ends a stream, before, while it is read, and between two pieces': async () => {
    const world = await World.open();
    await world.hold('film', long(SIZE));
    const reason = { why: 'enough' };
    const thrown = (work: Promise<unknown>): Promise<unknown> => work.then(() => 'nothing', (error: unknown) => error);
    check((await thrown(world.storage.getStream('film', { signal: AbortSignal.abort(reason) }))) === reason, 'before');
    await world.storage.set('note', 'hot');
    check((await thrown(world.storage.getStream('note', { signal: AbortSignal.abort(reason) }))) === reason, 'before, of what is hot');
    for (const isReading of [false, true]) {
      const controller = new AbortController();
      const found = await world.storage.getStream('film', { signal: controller.signal });
      check(found !== null, 'the entry is there');
      const reader = found.stream.getReader();
      await next(reader);
      const reading = isReading ? reader.read() : undefined;
      controller.abort(reason);
      check((await thrown(reading ?? reader.read())) === reason, 'the reason is told');
      await world.storage.settled();
      same(world.traces, 0, 'what is left');
    }
  },

  'damage in cold is an error before the end': async () => {
    const world = await World.open();
    const body = long(SIZE);
    await world.hold('film', body);
    world.cold.damages = true;
    const reader = await begin(world, 'film');
    const pieces: Uint8Array[] = [];
    const read = async (): Promise<void> => {
      for (;;) pieces.push(await next(reader));
    };
    const error = await fails('corrupt', read, 'the body');
    same(error.tier, 'cold', 'whose it is');
    check(concatenated(pieces).length < SIZE, 'the last piece is kept back');
    await world.storage.settled();
    same(world.traces, 0, 'what is left');
    sameBytes(await rest(await begin(world, 'film', 'cold')), body, 'nothing was deleted');
  },

  'damage in warm is read over from cold, and dropped': async () => {
    const world = await World.open();
    const body = long(SIZE);
    await world.storage.set('film', body);
    world.warm.damages = true;
    sameBytes(await rest(await begin(world, 'film', 'warm')), body, 'the body');
    await world.storage.settled();
    check(world.hears('copyCorrupt', 'warm'), 'it is told');
    await (await begin(world, 'film', 'cold')).cancel();
  },

  'a write overtakes what is being read': async () => {
    const world = await World.open();
    const [old, young] = [long(SIZE), long(2 * SIZE)];
    await world.hold('film', old);
    const reader = await begin(world, 'film');
    const first = await next(reader);
    await world.storage.set('film', young, { onlyTiers: ['cold'] });
    sameBytes(await rest(await begin(world, 'film')), young, 'who begins now');
    sameBytes(concatenated([first, await rest(reader)]), old, 'who began before');
    await world.storage.settled();
    sameBytes(await rest(await begin(world, 'film')), young, 'the old one did not land');
  },

  'a tier that fails midway fails the read and leaves nothing': async () => {
    const world = await World.open();
    await world.hold('film', long(SIZE));
    world.cold.breaks = [3, 'unavailable'];
    const reader = await begin(world, 'film');
    const error = await fails('unavailable', () => rest(reader), 'it broke off');
    same([error.tier, error.key], ['cold', 'film'], 'what is told');
    await world.storage.settled();
    same(world.traces, 0, 'what is left');
  },

  'a warm tier without room is no failure of the read': async () => {
    const world = await World.open();
    const body = long(SIZE);
    await world.hold('film', body);
    world.warm.roomBytes = 2_000_000;
    sameBytes(await rest(await begin(world, 'film')), body, 'the body');
    await world.storage.settled();
    same(world.traces, 0, 'what is left');
    check(world.hears('tierFailed', 'warm'), 'it is told');
  },

  'what is stored as gzip is unpacked on the way and kept packed': async () => {
    const world = await World.open({ compression: true });
    const noisy = concatenated([prose(4_000_000), long(3_000_000).map((byte) => byte & 63)]);
    await world.storage.set('text', noisy, { mimeType: 'text/plain' });
    await world.storage.invalidateUpperCaches('');
    for (const source of ['cold', 'warm']) {
      const found = await world.storage.getStream('text');
      check(found?.source === source && found.metadata.compressed, `it is packed in ${source}`);
      sameBytes(await rest(found.stream.getReader()), noisy, source);
      await world.storage.settled();
    }
    same(world.traces, 0, 'what is left');
  },

  'gzip that is damaged, cut, or a bomb is corrupt': async () => {
    const cold = new PieceTier();
    const storage = await TieredStorage.open({ tiers: { cold: cold.tier }, compression: true });
    const body = concatenated([prose(4_000_000), long(3_000_000).map((byte) => byte & 63)]);
    const read = async (): Promise<Uint8Array> => {
      const found = await storage.getStream('text');
      return rest((found as { stream: ReadableStream<Uint8Array> }).stream.getReader());
    };
    await storage.set('text', body, { mimeType: 'text/plain' });
    const [packed, metadata] = [await cold.tier.get('text'), await cold.tier.getMetadata('text')];
    check(packed !== null && packed.length > MIB && metadata !== null, 'it comes in pieces');
    const changed = packed.slice();
    changed[packed.length >> 1] = (changed[packed.length >> 1] as number) ^ 0x55;
    const bomb = new Uint8Array(await new Response(new Blob([body, prose(50_000_000)]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer());
    for (const [what, bytes] of Object.entries({ damaged: changed, cut: packed.slice(0, -100_000), bomb })) {
      await cold.tier.set('text', bytes, metadata);
      await fails('corrupt', read, what);
      same([cold.reading, cold.staged], [0, 0], `what is left of ${what}`);
    }
    await cold.tier.set('text', packed, metadata);
    sameBytes(await read(), body, 'the body itself');
  },

  'lazy reads keep nothing, and bodies come from tiers that know no pieces': async () => {
    const world = await World.open({ promotionStrategy: 'lazy' });
    await world.hold('film', long(SIZE));
    for (const _ of [1, 2]) {
      sameBytes(await rest(await begin(world, 'film', 'cold')), long(SIZE), 'the body');
      await world.storage.settled();
    }
    const whole = await TieredStorage.open({ tiers: { cold: new MemoryStorageTier({ durable: true }) } });
    await whole.set('film', long(SIZE));
    const found = await whole.getStream('film');
    sameBytes(await rest((found as { stream: ReadableStream<Uint8Array> }).stream.getReader()), long(SIZE), 'from a tier that reads whole');
  },

  'a reader may lend its buffer': async () => {
    const world = await World.open();
    await world.hold('film', long(SIZE));
    const found = await world.storage.getStream('film');
    const reader = found?.stream.getReader({ mode: 'byob' });
    check(reader !== undefined, 'the entry is there');
    const pieces: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(300_000));
      if (value) pieces.push(value.slice());
      if (done) break;
    }
    sameBytes(concatenated(pieces), long(SIZE), 'the body');
  },
};
