/** Writing what comes in pieces. */

import { MemoryStorageTier, TieredStorage, type StorageMetadata, type StorageTier } from 'tiered-storage';
import { check, fails, same, sameBytes } from '../conformance/check.js';
import { MIB, World, counted, long, prose } from './tier.js';

const SIZE = 6_000_000;

async function* generated(body: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += 70_000) yield body.subarray(at, at + 70_000);
}

async function sha256(body: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body.slice()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const WRITES: Record<string, () => Promise<void>> = {
  'streams, iterables and blobs reach cold and warm without being read back': async () => {
    const world = await World.open();
    const body = long(SIZE);
    const sum = await sha256(body);
    const forms = { stream: counted(body).stream, iterable: generated(body), blob: new Blob([body]) };
    for (const [form, given] of Object.entries(forms)) {
      const { metadata, tiersWritten } = await world.storage.setStream(form, given, { metadata: { form } });
      same(tiersWritten, ['warm', 'cold'], `the tiers of ${form}`);
      same([metadata.size, metadata.checksum, metadata.customMetadata], [SIZE, sum, { form }], `what is known of ${form}`);
      sameBytes((await world.storage.get(form)) as Uint8Array, body, form);
    }
    same([world.cold.opens, world.cold.reads, world.warm.writes, world.traces], [0, 0, 0, 0], 'what was staged was not written again');
  },

  '`set` of a long stream or blob takes the same way': async () => {
    const world = await World.open();
    const body = long(SIZE);
    for (const value of [counted(body).stream, new Blob([body])]) {
      await world.storage.set('film', value);
      sameBytes((await world.storage.get('film')) as Uint8Array, body, 'the body');
    }
    same(world.warm.writes, 0, 'what was staged was not written again');
    await world.storage.set('note', new Blob(['short']));
    same(world.warm.writes, 1, 'what is short was written whole');
    const plain = await TieredStorage.open({ tiers: { cold: contractAlone() } });
    await plain.set('film', new Blob([body]));
    sameBytes((await plain.get('film')) as Uint8Array, body, 'in a tier that takes bodies whole');
  },

  'a stream that skips warm leaves nothing there': async () => {
    const world = await World.open();
    await world.storage.set('film', 'older');
    const { tiersWritten } = await world.storage.setStream('film', counted(long(SIZE)).stream, { onlyTiers: ['cold'] });
    same([tiersWritten, world.traces], [['cold'], 0], 'where it is');
    const found = await world.storage.getWithMetadata('film');
    same(found?.source, 'cold', 'the tier');
  },

  'a stream that fails leaves what was there': async () => {
    const world = await World.open();
    await world.storage.set('film', 'older');
    const cause = new Error('cut off');
    const error = await fails('unavailable', () => world.storage.setStream('film', counted(long(SIZE), cause).stream), 'the stream');
    same([error.key, error.cause === cause, /cut off/.test(error.message)], ['film', true, true], 'what is told');
    same([world.traces, await world.storage.get('film')], [0, 'older'], 'what is left');
    const numbers = (async function* () {
      yield long(2 * MIB);
      yield 42;
    })();
    await fails('invalid', () => world.storage.setStream('film', numbers as never), 'a stream of numbers');
    same([world.traces, await world.storage.get('film')], [0, 'older'], 'what is left of it');
  },

  'a stream that is given up leaves what was there, and holds nobody up': async () => {
    const world = await World.open();
    await world.storage.set('film', 'older');
    const controller = new AbortController();
    let pulls = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(stream) {
        pulls += 1;
        if (pulls < 30) stream.enqueue(long(100_000));
        return pulls < 30 ? undefined : new Promise(() => undefined);
      },
      cancel() {
        isCancelled = true;
      },
    });
    const reason = new Error('enough');
    const writing = world.storage.setStream('film', endless, { signal: controller.signal }).catch((error: unknown) => error);
    while (pulls < 30) await new Promise((done) => setTimeout(done));
    check(world.traces > 0, 'it is on its way');
    await world.storage.set('film', 'meanwhile');
    controller.abort(reason);
    check((await writing) === reason, 'the reason is told');
    await world.storage.settled();
    same([world.traces, isCancelled, await world.storage.get('film')], [0, true, 'meanwhile'], 'what is left');
  },

  'a stream is asked for no more than is taken': async () => {
    const world = await World.open();
    world.warm.roomBytes = world.cold.roomBytes = 2 * MIB;
    const { stream, pulls, isCancelled } = counted(long(SIZE));
    await fails('full', () => world.storage.setStream('film', stream), 'there is no room');
    check(pulls() <= 25, `${pulls()} pieces were asked for`);
    same([isCancelled(), world.traces], [true, 0], 'what is left');
  },

  'short streams are written as if they had come whole': async () => {
    const world = await World.open();
    for (const size of [0, 1, MIB]) {
      const { metadata } = await world.storage.setStream('note', counted(long(size)).stream);
      same(metadata.size, size, 'the size');
      sameBytes((await world.storage.get('note')) as Uint8Array, long(size), 'the body');
    }
    same(world.warm.writes, 3, 'they were written, not staged');
  },

  'a stream is packed on the way where that pays': async () => {
    const world = await World.open({ compression: true, promotionStrategy: 'lazy' });
    for (const [body, packs] of [[prose(4_000_000), true], [long(SIZE), false]] as const) {
      const { metadata } = await world.storage.setStream('text', generated(body), { mimeType: 'text/plain' });
      same([metadata.compressed, metadata.checksum], [packs, await sha256(body)], 'what is known');
      for (const tier of [world.warm, world.cold]) {
        const stored = (await tier.tier.get('text'))?.length ?? 0;
        check(packs ? stored < body.length / 5 : stored === body.length, `${stored} bytes are stored`);
      }
      await world.storage.invalidateUpperCaches('');
      sameBytes((await world.storage.get('text')) as Uint8Array, body, 'the body');
    }
    same(world.traces, 0, 'what is left');
  },

  'tiers that take no pieces refuse long streams and take short ones': async () => {
    const storage = await TieredStorage.open({ tiers: { cold: contractAlone() } });
    const { stream, isCancelled } = counted(long(SIZE));
    await fails('unsupported', () => storage.setStream('film', stream), 'it cannot');
    check(isCancelled(), 'the stream is given back');
    await storage.setStream('note', counted(long(9)).stream);
    sameBytes((await storage.get('note')) as Uint8Array, long(9), 'what is short');
  },

  'a cold tier that takes bodies whole gets what was staged in warm': async () => {
    const warm = new MemoryStorageTier({ durable: true });
    const cold = contractAlone();
    const storage = await TieredStorage.open({ tiers: { warm, cold } });
    const { tiersWritten } = await storage.setStream('film', counted(long(SIZE)).stream);
    same(tiersWritten, ['warm', 'cold'], 'the tiers');
    sameBytes(await cold.get('film'), long(SIZE), 'what cold has');
  },

  'what no write may have is refused before the stream is asked': async () => {
    const world = await World.open();
    const { stream, pulls } = counted(long(SIZE));
    await fails('invalid', () => world.storage.setStream('film', stream, { metadata: { long: 'x'.repeat(4_000) } }), 'too much');
    same(pulls(), 0, 'how often it was asked');
    for (const body of [null, undefined, 5, 'text', {}, [long(5)], { [Symbol.asyncIterator]: 5 }]) {
      await fails('invalid', () => world.storage.setStream('film', body as never), String(body));
    }
    const locked = counted(long(5)).stream;
    locked.getReader();
    await fails('invalid', () => world.storage.setStream('film', locked), 'a stream that is read already');
  },

  'what a stream gave is nobody else\'s': async () => {
    const world = await World.open();
    const buffer = new Uint8Array(200_000);
    const reused = (async function* () {
      for (let at = 0; at < 10; at++) yield buffer.fill(at);
    })();
    await world.storage.setStream('film', reused);
    const stored = (await world.storage.get('film')) as Uint8Array;
    for (let at = 0; at < 10; at++) same(stored[at * 200_000], at, `piece ${at}`);
  },
};

/** The contract's ten methods, and nothing else. */
export function contractAlone(): StorageTier {
  const inner = new MemoryStorageTier();
  return {
    get: (key) => inner.get(key),
    set: (key: string, data: Uint8Array, metadata: StorageMetadata) => inner.set(key, data, metadata),
    delete: (key) => inner.delete(key),
    exists: (key) => inner.exists(key),
    listKeys: (prefix) => inner.listKeys(prefix),
    deleteMany: (keys) => inner.deleteMany(keys),
    getMetadata: (key) => inner.getMetadata(key),
    setMetadata: (key, metadata) => inner.setMetadata(key, metadata),
    getStats: () => inner.getStats(),
    clear: () => inner.clear(),
  };
}
