/** Cases about bodies in pieces and in part. Ports are excused from what they do not have. */

import type { ByteRange } from 'tiered-storage';
import type { Facts, OpenedEntry, Port, ReadyEntry, Source, StoredEntry } from '../../../pkg/ts/port.js';
import { extentOf } from '../../../pkg/ts/ranges.js';
import { MIB, concatenated, long } from '../pieces/tier.js';
import { check, fails, same, sameBytes } from './check.js';
import { CREATED, inscribed, listed, metadataOf, portOf, write, type Kind } from './subject.js';

type Case = (port: Port) => Promise<void>;

const SIZES = [0, 1, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, MIB, MIB + 1, 4 * MIB + 5];

/** Brings a body to where it lies ready; `undefined` where there is no such place. */
export async function staged(port: Port, key: string, body: Uint8Array, pieceBytes = 100_000): Promise<Source | undefined> {
  const stage = await port.stage?.(key);
  if (!stage) return undefined;
  try {
    for (let at = 0; at < body.length; at += pieceBytes) await stage.write(body.subarray(at, at + pieceBytes));
    return await stage.finish();
  } finally {
    stage.cancel();
  }
}

/** Stores what lies ready. */
export async function commit(port: Port, key: string, source: Source, number = 0, condition?: string | null): Promise<[string, Facts]> {
  const made = await inscribed(metadataOf(key, new Uint8Array(source.size), number));
  try {
    await port.store?.(key, { body: source, line: made[0] }, made[1], condition);
  } finally {
    source.cancel();
  }
  return made;
}

/** Writes a body in pieces, or as it can be written. */
async function store(port: Port, key: string, body: Uint8Array, number = 0): Promise<[string, Facts]> {
  const source = await staged(port, key, body);
  return source ? commit(port, key, source, number) : write(port, key, body, number);
}

async function open(port: Port, key: string): Promise<StoredEntry | OpenedEntry> {
  const found = await (port.readPieces ? port.readPieces(key, undefined) : port.read(key, undefined));
  check(found !== null && found !== true, `${key} is found`);
  return found;
}

/** What is left of a body, and whether it came in pieces. */
async function rest(found: StoredEntry | OpenedEntry): Promise<[Uint8Array, boolean]> {
  return 'pieces' in found ? [await drained(found.pieces), true] : [found.body, false];
}

/** The bytes that are left. */
export async function drained(pieces: OpenedEntry['pieces']): Promise<Uint8Array> {
  const given: Uint8Array[] = [];
  try {
    for (let piece = await pieces.next(); piece; piece = await pieces.next()) given.push(piece);
  } finally {
    pieces.cancel();
  }
  return concatenated(given);
}

/** A body that lies ready somewhere else. */
function ready(body: Uint8Array): Source {
  return { size: body.length, read: async (start, end) => body.slice(start, end), cancel: () => undefined };
}

async function isThere(port: Port, key: string, body: Uint8Array, line: string): Promise<void> {
  const found = await port.read(key, undefined);
  check(found !== null && found !== true, `${key} is found`);
  sameBytes(found.body, body, `the body of ${key}, of ${body.length} bytes`);
  same([found.line, await port.head(key)], [line, line], 'its line');
  const opened = await open(port, key);
  same(opened.line, line, 'the line of what comes in pieces');
  sameBytes((await rest(opened))[0], body, `the pieces of ${body.length} bytes`);
}

export const PIECE_CASES: Record<string, Case> = {
  'bodies in pieces come back whole, and in pieces': async (port) => {
    for (const [number, size] of SIZES.entries()) {
      const [line] = await store(port, 'k', long(size), number);
      await isThere(port, 'k', long(size), line);
      const [whole] = await write(port, 'k', long(size), number + 100);
      await isThere(port, 'k', long(size), whole);
    }
    same((await port.readPieces?.('none', undefined)) ?? null, null, 'pieces of what is not there');
  },

  'a part of a body is of the bytes that were asked for': async (port) => {
    same((await port.readRange?.('k', { last: 7 }, undefined)) ?? null, null, 'a part of what is not there');
    for (const [number, size] of SIZES.entries()) {
      const [line] = await store(port, 'k', long(size), number);
      const middle = Math.floor(size / 2);
      const ranges: ByteRange[] = [{ start: 0, end: 1 }, { start: middle, end: middle + 1_000 }, { start: middle }, { last: 7 }];
      for (const range of [...ranges, { start: 0 }, { start: size, end: size + 1 }, { start: 9, end: 9 }, { start: 1, end: 2 ** 40 }]) {
        const found = await port.readRange?.('k', range, undefined);
        if (found === undefined) continue;
        check(found !== null && found !== true, 'a part is found');
        const [start, end] = extentOf(range, size);
        same([found.start, found.line], [start, line], `where ${JSON.stringify(range)} of ${size} bytes starts`);
        sameBytes(found.body, long(size).slice(start, end), `${JSON.stringify(range)} of ${size} bytes`);
      }
    }
  },

  'what is staged is seen by nobody, and is gone when it is given up': async (port) => {
    const [line] = await write(port, 'k', long(1_000), 1);
    for (const size of [1_000, 3 * MIB]) {
      const source = await staged(port, 'k', long(size));
      if (!source) return;
      same(source.size, size, 'the size of what is staged');
      await isThere(port, 'k', long(1_000), line);
      same(await port.head('other'), null, 'another key');
      source.cancel();
      const stage = await port.stage?.('new');
      await stage?.write(long(size));
      stage?.cancel();
      await isThere(port, 'k', long(1_000), line);
      same(await port.head('new'), null, 'what was given up');
    }
  },

  'what lies ready is read in any order, and stored from elsewhere': async (port) => {
    for (const size of [5, 3 * MIB + 1]) {
      const body = long(size);
      const source = await staged(port, 'k', body);
      if (!source || !port.store) return;
      for (const [start, end] of [[size - 3, size], [0, 2], [0, size], [2, 2]] as const) {
        sameBytes(await source.read(start, end), body.slice(start, end), `from ${start} to ${end}`);
      }
      const [line] = await commit(port, 'k', source, 1);
      await isThere(port, 'k', body, line);
      const [other] = await commit(port, 'other', ready(body), 2);
      await isThere(port, 'other', body, other);
    }
  },

  'a body that is read in pieces is of one version, or ends as an error': async (port) => {
    const changes: ((port: Port) => unknown)[] = [
      (port) => store(port, 'k', long(5 * MIB + 1).map((byte) => ~byte), 2),
      (port) => write(port, 'k', long(10), 3),
      (port) => port.remove(['k']),
    ];
    for (const change of changes) {
      await store(port, 'k', long(5 * MIB), 1);
      const found = await open(port, 'k');
      const first = 'pieces' in found ? await found.pieces.next() : undefined;
      await change(port);
      try {
        const [left] = await rest(found);
        sameBytes(first ? concatenated([first, left]) : left, long(5 * MIB), 'all of it is of the version that was begun');
      } catch (error) {
        check((error as Error).name === 'StorageError', `an error of ours, not ${String(error)}`);
      }
    }
  },

  'a reading that is given up early ends, and one that is under way too': async (port) => {
    await store(port, 'k', long(5 * MIB), 1);
    for (let turn = 0; turn < 5; turn++) {
      const found = await open(port, 'k');
      if (!('pieces' in found)) return;
      if (turn > 2) await found.pieces.next();
      const next = turn % 2 ? Promise.resolve(found.pieces.next()).catch(() => undefined) : undefined;
      found.pieces.cancel();
      await next;
    }
    await port.remove(['k']);
    same(await port.head('k'), null, 'it is removed all the same');
  },

  'the line of a body that came in pieces is patched': async (port) => {
    for (const size of [300_000, 3 * MIB]) {
      const body = long(size);
      await store(port, 'k', body, 1);
      for (let turn = 1; turn < 5; turn++) {
        const [line, facts] = await inscribed({ ...metadataOf('k', body, 1), ttl: new Date(CREATED + turn), accessCount: 10 ** turn });
        check((await port.patch('k', line, facts)) !== null, 'a patch of what is there');
        await isThere(port, 'k', body, line);
      }
      const [other, foreign] = await inscribed(metadataOf('k', body, 2));
      await fails('conflict', async () => port.patch('k', other, foreign), 'a patch of another version');
      same(await port.removeVersion('k', other, foreign.version), false, 'removing another version');
    }
  },

  'a condition holds or is a conflict, and changes nothing then': async (port) => {
    const made = await inscribed(metadataOf('k', long(5), 1));
    const entry: ReadyEntry = { body: long(5), line: made[0] };
    const stored = async (condition: string | null): Promise<unknown> => port.store?.('k', entry, made[1], condition);
    const cannot = await Promise.resolve(stored('none')).catch((error: Error & { kind: string }) => error.kind);
    if (cannot !== 'conflict') return;
    same(await port.head('k'), null, 'nothing was stored');
    await stored(null);
    same(await port.head('k'), made[0], 'what was stored over nothing');
    await fails('conflict', () => stored(null), 'there is something');
    await fails('conflict', () => stored('another'), 'there is another');
    const source = await staged(port, 'k', long(3 * MIB));
    if (source) await fails('conflict', () => commit(port, 'k', source, 2, null), 'there is something');
    same(await port.head('k'), made[0], 'what is there');
  },
};

/** For ports that keep limits. */
export const PIECE_LIMIT_CASES: Record<string, (kind: Kind, name: string) => Promise<void>> = {
  'others are given up for a body in pieces, and one that can never fit is full': async (kind, name) => {
    const tier = kind.make(name, { maxSizeBytes: 3 * MIB });
    const port = await portOf(tier);
    if (!port.stage) return;
    for (let at = 0; at < 8; at++) await write(port, `k${at}`, long(300_000), at);
    const [line] = await store(port, 'film', long(2 * MIB), 9);
    same(await port.head('film'), line, 'it is there');
    check((await listed(port, '', 20)).length < 5, 'others went');
    await fails('full', () => staged(port, 'film', long(3 * MIB + 1)), 'what can never fit');
    same(await port.head('film'), line, 'the older one stays');
    check((await port.usage()).bytes <= 3 * MIB, 'the limit holds');
    await kind.release?.(tier);
  },
};

/** For ports whose entries outlast them. */
export const PIECE_DURABLE_CASES: Record<string, (kind: Kind, name: string) => Promise<void>> = {
  'a body that came in pieces is found again, and what was only staged is not': async (kind, name) => {
    const first = kind.make(name);
    const port = await portOf(first);
    if (!port.stage) return;
    const [line] = await store(port, 'k', long(3 * MIB), 1);
    const half = await staged(port, 'half', long(3 * MIB));
    const stage = await port.stage('less');
    await stage?.write(long(2 * MIB));
    await kind.release?.(first);
    const second = kind.make(name);
    const again = await portOf(second);
    await isThere(again, 'k', long(3 * MIB), line);
    same([await again.head('half'), await again.head('less')], [null, null], 'what was staged');
    if (kind.canList) same([(await again.usage()).bytes, await listed(again, '', 5)], [3 * MIB, ['k']], 'what there is');
    await kind.release?.(second);
    half?.cancel();
    stage?.cancel();
  },
};
