/** Reading in part, and writing depending on what is there. */

import { MemoryStorageTier, TieredStorage, type ByteRange, type StorageMetadata } from 'tiered-storage';
import { check, fails, same, sameBytes } from '../conformance/check.js';
import { PieceTier, World, counted, long, prose } from './tier.js';
import { contractAlone } from './writes.js';

const SIZE = 3_000_000;

async function checkRanges(world: World, source: string, body: Uint8Array): Promise<void> {
  const size = body.length;
  const ranges: [ByteRange, start: number, end: number][] = [
    [{ start: 0, end: 10 }, 0, 10],
    [{ start: 1_000_000, end: 1_000_001 }, 1_000_000, 1_000_001],
    [{ start: size - 5, end: size + 5 }, size - 5, size],
    [{ start: size - 3 }, size - 3, size],
    [{ last: 7 }, size - 7, size],
    [{ last: size * 2 }, 0, size],
    [{ start: 0, end: size }, 0, size],
    [{ start: size, end: size + 1 }, 0, 0],
    [{ start: 9, end: 9 }, 0, 0],
    [{ start: 9, end: 5 }, 0, 0],
    [{ last: 0 }, 0, 0],
  ];
  for (const [range, start, end] of ranges) {
    const words = JSON.stringify(range);
    const found = await world.storage.getRange('film', range);
    check(found !== null, `${words} is there`);
    same([found.source, found.metadata.size, found.start, found.end], [source, size, start, end], words);
    sameBytes(found.data, body.slice(start, end), words);
    found.data.fill(0);
  }
  same(await world.storage.getRange('none', { start: 0, end: 1 }), null, 'what is not there');
}

export const RANGES: Record<string, () => Promise<void>> = {
  'a tier is asked for the part alone': async () => {
    const world = await World.open();
    const body = long(SIZE);
    await world.hold('film', body);
    await checkRanges(world, 'cold', body);
    await world.storage.settled();
    same([world.cold.reads, world.cold.opens, world.warm.reads, world.warm.opens, world.warm.writes], [0, 0, 0, 0, 0], 'no body was read whole');
    await world.storage.set('film', body);
    await checkRanges(world, 'warm', body);
  },

  'parts of what is hot, of what is packed, and of tiers that read whole are of the body as it was given': async () => {
    const world = await World.open({ compression: true, promotionStrategy: 'lazy' });
    const body = prose(SIZE);
    const mimeType = 'text/plain';
    await world.storage.set('film', body, { mimeType, onlyTiers: ['cold'] });
    await checkRanges(world, 'cold', body);
    await world.storage.set('film', body, { mimeType });
    await checkRanges(world, 'warm', body);
    await world.storage.set('film', body.slice(0, 900_000), { mimeType });
    const hot = await world.storage.getRange('film', { start: 5, end: 8 });
    same([hot?.source, hot?.start, hot?.end], ['hot', 5, 8], 'what is hot');
    sameBytes(hot?.data, body.slice(5, 8), 'what is hot');
    hot?.data.fill(0);
    sameBytes((await world.storage.getRange('film', { last: 900_000 }))?.data, body.slice(0, 900_000), 'it was a copy');
    const plain = await TieredStorage.open({ tiers: { cold: contractAlone() } });
    await plain.set('film', body);
    sameBytes((await plain.getRange('film', { last: 3 }))?.data, body.slice(-3), 'of a tier of others');
    same(world.traces, 0, 'what is left');
  },

  'what is no range is refused': async () => {
    const world = await World.open();
    const wrong = [undefined, null, 5, 'bytes=0-5', {}, { end: 5 }, { start: 1, last: 2 }, { last: 2, end: 3 }, { start: -1 }, { start: 0.5 }, { start: NaN }, { start: 0, end: '5' }, { start: 0, length: 5 }];
    for (const range of wrong) await fails('invalid', () => world.storage.getRange('film', range as never), JSON.stringify(range));
    const reason = new Error('no');
    const error = await world.storage.getRange('film', { start: 0 }, { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
    check(error === reason, 'a signal gives it up');
  },
};

const versionOf = (metadata: StorageMetadata | null | undefined): string => metadata?.version ?? 'none';

export const CONDITIONS: Record<string, () => Promise<void>> = {
  'what is there is not written over by what expects nothing, or another': async () => {
    const world = await World.open();
    const { storage } = world;
    const first = await storage.set('a', 1, { ifAbsent: true });
    const refused = await fails('conflict', () => storage.set('a', 2, { ifAbsent: true }), 'it is there');
    same([refused.tier, versionOf(refused.current)], ['cold', versionOf(first.metadata)], 'what is there is told');
    check(refused.current?.createdAt instanceof Date, 'as metadata is');
    same(versionOf(await storage.getMetadata('a')), versionOf(first.metadata), 'the version is the same from everywhere');
    same(versionOf((await storage.getWithMetadata('a'))?.metadata), versionOf(first.metadata), 'and from hot');
    const second = await storage.set('a', 2, { ifMatch: versionOf(first.metadata) });
    await fails('conflict', () => storage.set('a', 3, { ifMatch: versionOf(first.metadata) }), 'it is another');
    same(await storage.get('a'), 2, 'what is there');
    await storage.delete('a');
    const gone = await fails('conflict', () => storage.set('a', 3, { ifMatch: versionOf(second.metadata) }), 'it is gone');
    same(gone.current, null, 'nothing is there');
    await storage.set('b', 1, { ifAbsent: false });
    await fails('invalid', () => storage.set('a', 1, { ifAbsent: true, ifMatch: 'x' }), 'both');
    await fails('invalid', () => storage.set('a', 1, { ifMatch: 5 } as never), 'a number');
  },

  'streams know conditions, and leave nothing where they do not hold': async () => {
    const world = await World.open();
    const { metadata } = await world.storage.setStream('film', counted(long(SIZE)).stream, { ifAbsent: true });
    await fails('conflict', () => world.storage.setStream('film', counted(long(SIZE)).stream, { ifAbsent: true }), 'it is there');
    same(world.traces, 0, 'what is left');
    await world.storage.setStream('film', counted(long(2 * SIZE)).stream, { ifMatch: versionOf(metadata) });
    same((await world.storage.getMetadata('film'))?.size, 2 * SIZE, 'what is there');
  },

  'what has expired is as good as absent': async () => {
    let now = Date.now();
    const world = await World.open({ clock: { now: () => now, sleep: () => new Promise(() => undefined) } });
    await world.storage.set('a', 1, { ttl: 1_000 });
    await fails('conflict', () => world.storage.set('a', 2, { ifAbsent: true }), 'it is live');
    now += 2_000;
    await world.storage.set('a', 2, { ifAbsent: true });
    same(await world.storage.get('a'), 2, 'what is there');
  },

  'a conflict drops what another storage has overtaken': async () => {
    const world = await World.open();
    const other = await TieredStorage.open<unknown>({ tiers: { cold: world.cold.tier } });
    const { metadata } = await world.storage.set('a', 1);
    await other.set('a', 2);
    same(await world.storage.get('a'), 1, 'the copy');
    await fails('conflict', () => world.storage.set('a', 3, { ifMatch: versionOf(metadata) }), 'it is another');
    same(await world.storage.get('a'), 2, 'what is there');
  },

  'no update is lost among many storages': async () => {
    const cold = new PieceTier();
    const count = async (): Promise<void> => {
      const storage = await TieredStorage.open<number>({ tiers: { hot: new MemoryStorageTier(), cold: cold.tier } });
      for (let turn = 0; turn < 20; turn++) await storage.update('count', async (count) => (count ?? 0) + 1);
    };
    await Promise.all(Array.from({ length: 4 }, count));
    const storage = await TieredStorage.open<number>({ tiers: { cold: cold.tier } });
    same(await storage.get('count'), 80, 'the count');
  },

  'an update is told what is there, may leave it, and fails with what it throws': async () => {
    const { storage } = await World.open();
    const seen: unknown[] = [];
    const kept = await storage.update('a', (current, metadata) => void seen.push(current, metadata));
    same([kept, seen, await storage.exists('a')], [null, [null, null], false], 'what was left');
    await storage.set('a', null);
    const written = await storage.update('a', (current, metadata) => [current, metadata?.key], { ttl: 60_000, metadata: { by: 'me' } });
    same([written?.key, written?.metadata.customMetadata, await storage.get('a')], ['a', { by: 'me' }, [null, 'a']], 'what was written');
    check(written?.metadata.ttl instanceof Date, 'its options hold');
    const own = new RangeError('mine');
    const throws = async (): Promise<unknown> => {
      throw own;
    };
    for (const change of [throws, () => { throw own; }]) {
      const error = await storage.update('a', change).catch((error: unknown) => error);
      check(error === own, 'its own error is told');
    }
    await fails('invalid', () => storage.update('a', () => (() => 1) as never), 'what cannot be stored');
    await fails('invalid', () => storage.update('a', 5 as never), 'no function');
    await fails('invalid', () => storage.update('a', () => 1, { ifAbsent: true }), 'a condition of its own');
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = storage.update('a', () => new Promise(() => controller.abort(reason)), { signal: controller.signal });
    check((await waiting.catch((error: unknown) => error)) === reason, 'a signal gives it up');
    same(await storage.get('a'), [null, 'a'], 'what is there');
  },

  'a tier that cannot tell says so': async () => {
    const storage = await TieredStorage.open<unknown>({ tiers: { hot: new MemoryStorageTier(), cold: contractAlone() } });
    await fails('unsupported', () => storage.set('a', 1, { ifAbsent: true }), 'it cannot');
    await fails('unsupported', () => storage.update('a', () => 1), 'nor this');
    same(await storage.get('a'), null, 'nothing is there');
  },
};
