/** The operations of a storage, and the requests in each that may meet a fault. */

import type { S3Options } from 'tiered-storage';
import { check, same, sameBytes } from '../../conformance/check.js';
import type { FaultName, RequestKind } from '../../scenarios/server.js';
import { KEY, KEYS, MIB, NEW, OLD, SMALL, type World, body, gathered, optionsOf, pieces, versionOf, whole } from './world.js';

/**
 * A request of an operation. `object`: of those that name the object itself, and not what is staged or tried out for it;
 * `untold`: what it fails for is told to nobody, since nothing depends on it.
 */
export type At = readonly [kind: RequestKind, which?: 'object' | 'untold'];

/** What a success leaves of the key, or of all keys. A failure may leave this, or what was there. */
export type Change = 'none' | 'written' | 'removed' | 'allRemoved';

export interface Operation {
  readonly name: string;
  readonly at: readonly At[];
  /** How many requests it takes where nothing fails. */
  readonly requests: number;
  readonly change: Change;
  /** The key that it is about, if not the first of those that there are. */
  readonly key?: string;
  /** The size of its body, where that comes and goes in several requests. */
  readonly size?: number;
  /** Whether it takes tiers above cold, or that there are none. */
  readonly layout?: 'cold' | 'three';
  readonly options?: Partial<S3Options>;
  /** What is there already; the keys, in their old version, if nothing is said. */
  prepare?(world: World): Promise<unknown>;
  /** A fault that comes first, so that there are these requests at all. */
  readonly also?: readonly [fault: FaultName, kind: RequestKind];
  /** Makes the call and checks what it gives. */
  run(world: World): Promise<void>;
}

/** The first conditional write of a tier, which tries out what the server does with conditions. */
export const UNTRIED = 'set ifAbsent, untried';
/** A read that goes on in a second request. */
export const BROKEN_OFF = 'getStream, broken off';
const FRESH = 'fresh';
/** More than comes in one piece, and so is half of it. */
export const STREAMED = 3 * MIB;
/** More than a part. */
export const STAGED = 8 * MIB + 4_096;
/** More than goes and comes in one request. */
const PARTED = 16 * MIB + 4_096;
const PROBED: Partial<S3Options> = { provider: { conditionalWrites: 'probe' } };

async function inCold(world: World): Promise<void> {
  await Promise.all(KEYS.map((key) => world.set(key, OLD)));
  await world.storage.invalidateUpperCaches('');
}

const READS: Operation[] = [
  {
    name: 'get',
    at: [['get']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      same(whole(await storage.getWithMetadata(KEY), 'what is read'), OLD, 'its version');
    },
  },
  {
    name: 'getStream',
    at: [['get']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      const found = await storage.getStream(KEY);
      check(found !== null, 'an outage is no miss');
      same(whole({ data: await gathered(found.stream), metadata: found.metadata }, 'what is read'), OLD, 'its version');
    },
  },
  {
    name: 'getRange',
    at: [['get']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      const part = await storage.getRange(KEY, { start: 100, end: 200 });
      check(part !== null, 'an outage is no miss');
      same([part.start, part.end, versionOf(part.metadata)], [100, 200, OLD], 'the part');
      sameBytes(part.data, body(OLD, 100), 'its bytes');
    },
  },
  {
    name: 'getMetadata',
    at: [['head']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      const metadata = await storage.getMetadata(KEY);
      same([metadata?.size, metadata && versionOf(metadata)], [SMALL, OLD], 'the metadata');
    },
  },
  {
    name: 'exists',
    at: [['head']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      check(await storage.exists(KEY), 'an outage is no miss');
    },
  },
  {
    name: 'listKeys',
    at: [['list']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      const keys: string[] = [];
      for await (const key of storage.listKeys('k/')) keys.push(key);
      same(keys, KEYS, 'the keys');
    },
  },
  {
    name: 'getStats',
    at: [['list']],
    requests: 1,
    change: 'none',
    async run({ storage }) {
      same((await storage.getStats()).cold.items, KEYS.length, 'what cold holds');
    },
  },
  {
    name: 'revalidate',
    at: [['head']],
    requests: 1,
    change: 'none',
    layout: 'three',
    async prepare(world) {
      for (const key of KEYS) await world.set(key, OLD);
      world.clock.advance(60_001);
    },
    async run({ storage }) {
      same(whole(await storage.getWithMetadata(KEY), 'what is read'), OLD, 'its version');
    },
  },
];

const WRITES: Operation[] = [
  {
    name: 'set',
    at: [['put']],
    requests: 1,
    change: 'written',
    async run(world) {
      await world.set(KEY, NEW);
    },
  },
  {
    name: 'setStream',
    at: [['put']],
    requests: 1,
    change: 'written',
    async run({ storage }) {
      await storage.setStream(KEY, pieces(NEW, SMALL), optionsOf(NEW));
    },
  },
  {
    name: 'set ifAbsent',
    at: [['put']],
    requests: 1,
    change: 'written',
    key: FRESH,
    async run({ storage }) {
      await storage.set(FRESH, body(NEW, SMALL), { ...optionsOf(NEW), ifAbsent: true });
    },
  },
  {
    name: UNTRIED,
    at: [['put'], ['delete', 'untold']],
    requests: 5,
    change: 'written',
    key: FRESH,
    options: PROBED,
    async run({ storage }) {
      await storage.set(FRESH, body(NEW, SMALL), { ...optionsOf(NEW), ifAbsent: true });
    },
  },
  {
    name: 'set ifMatch',
    at: [['put']],
    requests: 2,
    change: 'written',
    async run({ storage }) {
      const version = (await storage.getWithMetadata(KEY))?.metadata.version;
      check(version !== undefined, 'S3 names versions');
      await storage.set(KEY, body(NEW, SMALL), { ...optionsOf(NEW), ifMatch: version });
    },
  },
  {
    name: 'update',
    at: [['get'], ['put']],
    requests: 2,
    change: 'written',
    prepare: inCold,
    async run({ storage }) {
      await storage.update(KEY, (found) => (sameBytes(found, body(OLD, SMALL), 'what is updated'), body(NEW, SMALL)), optionsOf(NEW));
    },
  },
  {
    name: 'touch',
    at: [['head'], ['copy']],
    requests: 2,
    change: 'none',
    async run({ storage }) {
      await storage.touch(KEY, 7_200_000);
    },
  },
  {
    name: 'delete',
    at: [['delete']],
    requests: 1,
    change: 'removed',
    async run({ storage }) {
      await storage.delete(KEY);
    },
  },
  {
    name: 'invalidate',
    at: [['list'], ['deleteObjects']],
    requests: 3,
    change: 'allRemoved',
    async run({ storage }) {
      same(await storage.invalidate('k/'), KEYS.length, 'how many went');
    },
  },
  {
    name: 'clear',
    at: [['list'], ['deleteObjects']],
    requests: 3,
    change: 'allRemoved',
    async run({ storage }) {
      await storage.clear();
    },
  },
  {
    name: 'expiry',
    at: [['delete', 'untold']],
    requests: 2,
    change: 'removed',
    async prepare(world) {
      for (const key of KEYS) await world.set(key, OLD);
      await world.storage.touch(KEY, 1_000);
      world.clock.advance(2_000);
    },
    async run({ storage }) {
      same(await storage.get(KEY), null, 'what has expired');
      await storage.settled();
    },
  },
];

const LARGE: Operation[] = [
  {
    name: 'get, in parts',
    at: [['get']],
    requests: 3,
    change: 'none',
    size: PARTED,
    async run({ storage }) {
      same(whole(await storage.getWithMetadata(KEY), 'what is read'), OLD, 'its version');
    },
  },
  {
    name: 'getStream, in pieces',
    at: [['get']],
    requests: 1,
    change: 'none',
    size: STREAMED,
    run: streamed,
  },
  {
    name: BROKEN_OFF,
    at: [['get']],
    requests: 2,
    change: 'none',
    also: ['truncate', 'get'],
    size: STREAMED,
    run: streamed,
  },
  {
    name: 'setStream, staged in the bucket',
    size: STAGED,
    at: [['createMultipart'], ['uploadPart'], ['complete'], ['copy'], ['delete', 'untold']],
    requests: 6,
    change: 'written',
    layout: 'cold',
    async run({ storage }) {
      await storage.setStream(KEY, pieces(NEW, STAGED), optionsOf(NEW));
    },
  },
  {
    name: 'setStream ifAbsent, staged in the bucket',
    size: STAGED,
    at: [['put'], ['createMultipart', 'object'], ['copyPart'], ['complete', 'object']],
    requests: 14,
    change: 'written',
    key: FRESH,
    layout: 'cold',
    async run({ storage }) {
      await storage.setStream(FRESH, pieces(NEW, STAGED), { ...optionsOf(NEW), ifAbsent: true });
    },
  },
  {
    name: 'setStream, staged in warm',
    size: PARTED,
    at: [['createMultipart'], ['uploadPart'], ['complete']],
    requests: 5,
    change: 'written',
    layout: 'three',
    run: parted,
  },
  {
    name: 'setStream, given up',
    size: PARTED,
    at: [['abort', 'untold']],
    requests: 6,
    change: 'written',
    layout: 'three',
    also: ['accessDenied', 'complete'],
    run: parted,
  },
];

async function streamed({ storage }: World): Promise<void> {
  const found = await storage.getStream(KEY);
  check(found !== null, 'an outage is no miss');
  same(whole({ data: await gathered(found.stream), metadata: found.metadata }, 'what is read'), OLD, 'its version');
}

async function parted({ storage }: World): Promise<void> {
  await storage.setStream(KEY, pieces(NEW, PARTED), optionsOf(NEW));
}

export const OPERATIONS: readonly Operation[] = [...READS, ...WRITES, ...LARGE];
