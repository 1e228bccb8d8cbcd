/** Bodies that come to a database in pieces, and leave it in pieces. */

import { MemoryStorageTier, StorageError, TieredStorage, type IndexedDBStorageTier, type StorageEvent } from 'tiered-storage';
import type { Facts, OpenedEntry, Port, Source, Stage } from '../../../pkg/ts/port.js';
import { concatenated, counted as streamed, long, rest } from '../pieces/tier.js';
import { check, fails, same, sameBytes, until } from './check.js';
import { all, edit, patched, put, raw, watched, type Options } from './indexed-db.tools.js';
import { commit, staged as stagedIn } from './pieces.js';
import { gathered, inscribed, metadataOf, pattern, portOf } from './subject.js';

/** How large they are. */
const CHUNK = 2 ** 19;

/** Stages a body, in pieces of which none ends with a chunk. */
async function staged(port: Port, key: string, body: Uint8Array): Promise<Source> {
  return (await stagedIn(port, key, body, 350_000)) as Source;
}

/** Writes a body in pieces. */
export async function store(port: Port, key: string, body: Uint8Array, number = 0): Promise<[string, Facts]> {
  return commit(port, key, await staged(port, key, body), number);
}

/** A tier, its port, and the keys of what lies in the store of bodies. */
async function fresh(options: Options = {}): Promise<{ tier: IndexedDBStorageTier; port: Port; name: string; bodies: () => Promise<IDBValidKey[]> }> {
  const { tier, name } = watched(options);
  const port = await portOf(tier as never);
  const bodies = async (): Promise<IDBValidKey[]> => {
    const db = await raw(name);
    const found = await all(db, 'bodies');
    db.close();
    return found.map(([key]) => key);
  };
  return { tier, port, name, bodies };
}

async function opened(port: Port, key: string): Promise<OpenedEntry> {
  const found = await port.readPieces?.(key, undefined);
  check(typeof found === 'object' && found !== null && 'pieces' in found, `${key} comes in pieces`);
  return found;
}

async function usage(tier: IndexedDBStorageTier): Promise<unknown[]> {
  const { items, bytes } = await tier.getStats();
  return [items, bytes];
}

/** Counts the chunks that are read, each to be followed by the next, while `work` lasts. */
async function reads(work: () => Promise<unknown>): Promise<number> {
  const { continue: next } = IDBCursor.prototype;
  let times = 0;
  IDBCursor.prototype.continue = function (this: IDBCursor) {
    times += 1;
    return next.call(this);
  };
  await work().finally(() => (IDBCursor.prototype.continue = next));
  return times;
}

/** Has all writes fail from a chunk on, as they do where there is no more room, while `work` lasts. */
async function crowded(work: () => Promise<unknown>): Promise<void> {
  const { put } = IDBObjectStore.prototype;
  let isFull = false;
  IDBObjectStore.prototype.put = function (this: IDBObjectStore, value, key) {
    isFull ||= Array.isArray(key) && key[1] === 4;
    if (isFull) throw new DOMException('no room', 'QuotaExceededError');
    return put.call(this, value, key);
  };
  await work().finally(() => (IDBObjectStore.prototype.put = put));
}

export const chunks: Record<string, () => Promise<void>> = {
  'bodies in pieces come back whole, around the borders of chunks': async () => {
    const { tier, port, bodies } = await fresh();
    for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 4 * CHUNK, 4 * CHUNK + 1, 9 * CHUNK - 1]) {
      const body = long(size);
      const [line] = await store(port, 'k', body, size);
      sameBytes(await tier.get('k'), body, `a body of ${size} bytes`);
      same(await port.head('k'), line, 'its line');
      same(await usage(tier), [1, size], `what is counted of ${size} bytes`);
      const found = (await bodies()).length;
      same(found, size > CHUNK ? Math.ceil(size / CHUNK) : Number(size > 8192), `the bodies of ${size} bytes`);
      if (size <= CHUNK) continue;
      const { pieces, line: told } = await opened(port, 'k');
      const given: Uint8Array[] = [];
      for (let piece = await pieces.next(); piece; piece = await pieces.next()) given.push(piece);
      pieces.cancel();
      same([told, given.length], [line, Math.ceil(size / CHUNK)], 'the line, and the pieces');
      sameBytes(concatenated(given), body, `the pieces of ${size} bytes`);
    }
    same(await port.readPieces?.('none', undefined), null, 'pieces of what is not there');
  },

  'a part of a body takes only the chunks that it touches': async () => {
    const { tier, port } = await fresh();
    const body = long(5 * CHUNK + 10);
    const [line] = await store(port, 'k', body);
    const cases = [[0, 1, 1], [CHUNK - 1, CHUNK + 1, 2], [CHUNK, 2 * CHUNK, 1], [5 * CHUNK, undefined, 1], [3 * CHUNK + 5, 99 * CHUNK, 3], [9 * CHUNK, undefined, 0]] as const;
    for (const [start, end, touched] of cases) {
      const times = await reads(async () => {
        const found = await port.readRange?.('k', { start, end }, undefined);
        check(typeof found === 'object' && found !== null, 'a part is found');
        const isOver = start >= body.length;
        same([found.start, found.line], [isOver ? 0 : start, line], 'where it starts, and the line');
        sameBytes(found.body, isOver ? new Uint8Array() : body.slice(start, end), `from ${start} to ${end}`);
      });
      same(times, touched, `the chunks read from ${start} to ${end}`);
    }
    for (const size of [100, 20_000]) {
      await tier.set('small', pattern(size), metadataOf('small', pattern(size)));
      const found = await port.readRange?.('small', { last: 7 }, undefined);
      sameBytes((found as { body: Uint8Array }).body, pattern(size).slice(-7), `the end of ${size} bytes`);
    }
    same(await port.readRange?.('none', { last: 7 }, undefined), null, 'a part of what is not there');
  },

  'bodies in pieces and others replace each other, and leave nothing behind': async () => {
    const { tier, port, bodies } = await fresh();
    await put(tier, 'first');
    const sizes = [10, 3 * CHUNK, 20_000, 2 * CHUNK + 1, 3 * CHUNK, 10];
    for (const size of sizes) {
      if (size > CHUNK) await store(port, 'k', long(size), size);
      else await put(tier, 'k', size);
      same(await usage(tier), [2, size + 10], `what is counted with ${size} bytes`);
      same((await bodies()).length, size > CHUNK ? Math.ceil(size / CHUNK) : Number(size > 8192), `the bodies with ${size} bytes`);
    }
    const [, facts] = await store(port, 'k', long(2 * CHUNK), 1);
    const [later, touched] = await inscribed({ ...metadataOf('k', new Uint8Array(2 * CHUNK), 1), accessCount: 5 });
    await port.patch('k', later, touched);
    same(await port.head('k'), later, 'the line after a patch');
    sameBytes(await tier.get('k'), long(2 * CHUNK), 'the body after a patch');
    check(await port.removeVersion('k', later, facts.version), 'it was that version');
    same((await bodies()).length, 0, 'the bodies after a version was removed');
    await store(port, 'k', long(2 * CHUNK));
    await tier.delete('k');
    same(await usage(tier), [1, 10], 'what is counted after a removal');
    same((await bodies()).length, 0, 'the bodies after a removal');
    await store(port, 'k', long(2 * CHUNK));
    await tier.clear();
    same(await usage(tier), [0, 0], 'what is counted after all was removed');
    same((await bodies()).length, 0, 'the bodies after all was removed');
  },

  'what is staged is no entry, outlives others, and goes when it is dropped': async () => {
    const { tier, port, bodies } = await fresh();
    await put(tier, 'k', 20);
    const source = await staged(port, 'k', long(5 * CHUNK));
    sameBytes(await source.read(CHUNK - 5, CHUNK + 5), long(5 * CHUNK).slice(CHUNK - 5, CHUNK + 5), 'a part of what is staged');
    sameBytes(await tier.get('k'), pattern(20), 'the entry meanwhile');
    same([await usage(tier), await gathered(tier.listKeys())], [[1, 20], ['k']], 'what is counted and listed');
    await tier.clear();
    await commit(port, 'k', source);
    sameBytes(await tier.get('k'), long(5 * CHUNK), 'what was staged while all was removed');
    const stage = (await port.stage?.('other')) as Stage;
    await stage.write(long(5 * CHUNK));
    same((await bodies()).length, 10, 'the chunks of both, and a mark');
    stage.cancel();
    (await staged(port, 'other', long(2 * CHUNK))).cancel();
    await until(async () => (await bodies()).length === 5, 'what was dropped goes');
    check(!(await tier.exists('other')), 'it is no entry');
  },

  'what a tab left staged is removed a day later, and what nobody speaks of when it is counted': async () => {
    const { tier, port, name, bodies } = await fresh();
    await store(port, 'k', long(2 * CHUNK));
    await (await portOf(tier as never)).close();
    const [old, now] = [`${Date.now() - 90_000_000}-0.5`, `${Date.now()}-0.5`];
    await edit(name, 'bodies', (store) => {
      for (const set of [old, now]) for (const key of [[set], [set, 0]]) store.put(new Uint8Array(5), key);
      store.put(new Uint8Array(5), [`${now}1`, 0]);
    });
    await put(tier, 'small');
    await tier.getStats();
    const found = (await bodies()).map((key) => (key as [string])[0]);
    same([found.includes(old), found.filter((set) => set === now).length, found.length], [false, 2, 5], 'the sets left at first');
    await (await portOf(tier as never)).close();
    await edit(name, 'totals', (store) => store.put(Date.now() - 600_000, 'a tab that is gone'));
    same(await usage(tier), [2, 2 * CHUNK + 10], 'what is counted');
    same((await bodies()).length, 4, 'the entry, and what somebody may be staging');
    sameBytes(await tier.get('k'), long(2 * CHUNK), 'the entry');
  },

  'an entry that changes while it is read in pieces is a conflict, also by another tab': async () => {
    const { tier, port, name } = await fresh();
    const { tier: other } = watched({ name });
    const changes = [() => put(other, 'k', 10), () => other.delete('k'), async () => store(await portOf(other as never), 'k', long(3 * CHUNK), 2)];
    for (const change of changes) {
      await store(port, 'k', long(2 * CHUNK), 1);
      const { pieces } = await opened(port, 'k');
      sameBytes(await pieces.next(), long(CHUNK), 'the first piece');
      await change();
      await other.getStats();
      const error = await fails('conflict', () => pieces.next(), 'the second');
      same(error.message, 'the entry was changed while it was read; read it again', 'what is said');
      pieces.cancel();
    }
    sameBytes(await tier.get('k'), long(3 * CHUNK), 'what the other tab wrote in pieces');
    const { pieces } = await opened(port, 'k');
    pieces.cancel();
    same(await pieces.next(), undefined, 'a piece after it was given up');
    await edit(name, 'bodies', (store) => store.delete(IDBKeyRange.lowerBound([])));
    await fails('corrupt', async () => (await opened(port, 'k')).pieces.next(), 'a chunk that is missing');
    await fails('corrupt', () => tier.get('k'), 'a body that is missing');
  },

  'conditions are asked where it is written': async () => {
    const { tier, port, bodies } = await fresh();
    const [, first] = await commit(port, 'k', await staged(port, 'k', long(2 * CHUNK)), 1, null);
    await fails('conflict', async () => commit(port, 'k', await staged(port, 'k', long(3 * CHUNK)), 2, null), 'if there is none');
    await fails('conflict', async () => commit(port, 'k', await staged(port, 'k', long(3 * CHUNK)), 2, 'other'), 'another version');
    await until(async () => (await bodies()).length === 2, 'what was not stored goes');
    sameBytes(await tier.get('k'), long(2 * CHUNK), 'the entry that stays');
    for (const size of [10, 20_000]) {
      const [line, facts] = await inscribed(metadataOf('k', pattern(size), size));
      const write = (condition: string | null): unknown => port.store?.('k', { body: pattern(size), line }, facts, condition);
      await fails('conflict', () => write(null), 'bytes if there is none');
      const current = size === 10 ? first.version : (await inscribed(metadataOf('k', pattern(10), 10)))[1].version;
      await write(current);
      sameBytes(await tier.get('k'), pattern(size), 'bytes over that version');
      await fails('conflict', () => write(current), 'bytes over a version that is gone');
    }
    same(await usage(tier), [1, 20_000], 'what is counted');
    same((await bodies()).length, 1, 'the bodies');
  },

  'limits hold for bodies in pieces, which are given up whole': async () => {
    const { tier, port, bodies } = await fresh({ maxSizeBytes: 6 * CHUNK });
    await store(port, 'a', long(2 * CHUNK), 1);
    await store(port, 'b', long(2 * CHUNK), 2);
    await store(port, 'c', long(3 * CHUNK), 3);
    same(await gathered(tier.listKeys()), ['b', 'c'], 'what stays');
    same([await usage(tier), (await bodies()).length], [[2, 5 * CHUNK], 5], 'what is counted, and the chunks');
    await fails('full', () => store(port, 'd', long(7 * CHUNK), 4), 'a body that never fits');
    const { tier: none, port: strict, bodies: left } = await fresh({ maxSizeBytes: 3 * CHUNK, evictionPolicy: 'none' });
    await store(strict, 'a', long(2 * CHUNK), 1);
    await fails('full', () => store(strict, 'b', long(2 * CHUNK), 2), 'a body that does not fit');
    await until(async () => (await left()).length === 2, 'what was not stored goes');
    same(await usage(none), [1, 2 * CHUNK], 'what is counted');
  },

  'where the browser has no more room, a body in pieces is full and leaves nothing': async () => {
    const { tier, port, bodies } = await fresh({ evictionPolicy: 'none' });
    await put(tier, 'k', 20);
    await crowded(async () => {
      const stage = (await port.stage?.('k')) as Stage;
      await stage.write(long(4 * CHUNK));
      // Nothing is owed: whatever writes next has to say so, and cannot.
      await tier.getStats();
      await fails('full', () => stage.write(long(4 * CHUNK)), 'the fifth chunk');
      stage.cancel();
      await until(async () => (await bodies()).length === 0, 'the chunks go');
    });
    sameBytes(await tier.get('k'), pattern(20), 'the entry');
  },

  'what was staged before there was no more room is given back, and a stream goes on to cold': async () => {
    const { tier: warm, port, bodies } = await fresh({ evictionPolicy: 'none' });
    const body = long(11 * CHUNK);
    for (const [pieceBytes, taken] of [[CHUNK / 2, 7.5], [3 * CHUNK, 6], [8 * CHUNK, 0]] as const) {
      await crowded(async () => {
        const stage = (await port.stage?.('k')) as Stage;
        const write = async (): Promise<void> => {
          for (let at = 0; at < body.length; at += pieceBytes) await stage.write(body.subarray(at, at + pieceBytes));
        };
        await fails('full', write, `pieces of ${pieceBytes} bytes`);
        const source = await stage.finish();
        stage.cancel();
        same(source.size, taken * CHUNK, `what was taken in pieces of ${pieceBytes} bytes`);
        sameBytes(await source.read(0, source.size), body.slice(0, source.size), 'all of it');
        for (const [start, end] of [[CHUNK, 2 * CHUNK], [4 * CHUNK - 5, 4 * CHUNK + 5], [5 * CHUNK, 6 * CHUNK]] as const) {
          if (end <= source.size) sameBytes(await source.read(start, end), body.slice(start, end), `from ${start} to ${end}`);
        }
        source.cancel();
        await until(async () => (await bodies()).length === 0, 'the chunks go');
      });
    }
    const cold = new MemoryStorageTier({ durable: true });
    const events: StorageEvent[] = [];
    const storage = await TieredStorage.open({ tiers: { warm, cold }, onEvent: (event) => void events.push(event) });
    for (const size of [11 * CHUNK, 6 * CHUNK]) {
      await crowded(async () => {
        const { tiersWritten } = await storage.setStream('film', streamed(body.slice(0, size)).stream);
        await until(async () => (await bodies()).length === 0, 'the chunks go');
        same(tiersWritten, ['cold'], `where ${size} bytes are`);
      });
      sameBytes(await cold.get('film'), body.slice(0, size), 'what cold has');
      const told = events.splice(0).flatMap((event) => (event.type === 'tierFailed' ? [`${event.tier} ${(event.error as StorageError).kind}`] : []));
      same([...new Set(told)], ['warm full'], 'what is told');
    }
    await storage.close();
    let asked = 0;
    const read = (start: number, end: number): Uint8Array => {
      asked += 1;
      return body.subarray(start, end);
    };
    const elsewhere: Source = { size: body.length, read, cancel: () => undefined };
    await crowded(async () => {
      const stage = (await port.stage?.('k')) as Stage;
      await fails('full', () => stage.write(body), 'a body');
      stage.cancel();
      await fails('full', () => commit(port, 'k', elsewhere), 'the same from elsewhere');
    });
    same(asked, 0, 'what was read of it');
    await commit(port, 'k', elsewhere);
    sameBytes(await warm.get('k'), body, 'the same later');
  },

  'what was dropped goes as soon as the database works again': async () => {
    const { tier, port, bodies } = await fresh();
    const [first, second] = [await staged(port, 'a', long(2 * CHUNK)), await staged(port, 'b', long(3 * CHUNK))];
    await tier.getStats();
    let tries = 0;
    const broken = (usual: IDBDatabase['transaction']): IDBDatabase['transaction'] =>
      function (this: IDBDatabase, stores, mode, ...words) {
        const transaction = usual.call(this, stores, mode, ...words);
        if (mode === 'readwrite') {
          tries += 1;
          queueMicrotask(() => transaction.abort());
        }
        return transaction;
      };
    await patched(broken, async () => {
      first.cancel();
      second.cancel();
      await fails('unavailable', () => put(tier, 'k', 20), 'a write');
    });
    same([tries, (await bodies()).length], [4, 7], 'how often it was tried, and what is there still');
    same((await bodies()).length, 7, 'what could not be removed');
    await put(tier, 'k', 20);
    await until(async () => (await bodies()).length === 0, 'both are removed');
    sameBytes(await tier.get('k'), pattern(20), 'the entry');
  },

  'what lies ready elsewhere is read in pieces': async () => {
    const { tier, port } = await fresh();
    const body = long(9 * CHUNK + 3);
    const asked: number[] = [];
    const read = (start: number, end: number): Uint8Array => {
      asked.push(end - start);
      return body.subarray(start, end);
    };
    await commit(port, 'k', { size: body.length, read, cancel: () => undefined });
    sameBytes(await tier.get('k'), body, 'the body');
    same(asked, [4 * CHUNK, 4 * CHUNK, CHUNK + 3], 'what was asked for');
    const broken = (): never => {
      throw new StorageError('unavailable', 'the source was told to fail');
    };
    await fails('unavailable', () => commit(port, 'k', { size: body.length, read: broken, cancel: () => undefined }, 2), 'a source that fails');
    sameBytes(await tier.get('k'), body, 'the body after a source failed');
  },

  'a stream of 40 MiB goes through a database and back': async () => {
    const { tier: warm, bodies } = await fresh();
    const cold = new MemoryStorageTier({ durable: true, maxSizeBytes: 64 * CHUNK });
    const storage = await TieredStorage.open({ tiers: { warm, cold } });
    const body = long(40 * CHUNK);
    await storage.setStream('film', streamed(body).stream);
    await storage.settled();
    same((await bodies()).length, 40, 'the chunks');
    const found = await storage.getStream('film');
    same(found?.source, 'warm', 'where it comes from');
    sameBytes(await rest((found as NonNullable<typeof found>).stream.getReader()), body, 'the stream');
    const part = await storage.getRange('film', { start: 20 * CHUNK - 5, end: 20 * CHUNK + 5 });
    same(part?.source, 'warm', 'where a part comes from');
    sameBytes(part?.data, body.slice(20 * CHUNK - 5, 20 * CHUNK + 5), 'a part');
    await storage.delete('film');
    await warm.getStats();
    same((await bodies()).length, 0, 'the chunks after a removal');
    await storage.close();
  },
};
