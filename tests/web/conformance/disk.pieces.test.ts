/** Bodies in pieces, and parts of bodies, in files. */

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readdir, readFile, readlink, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DiskStorageTier, TieredStorage } from 'tiered-storage';
import type { OpenedEntry, Port, Source, Stage, StoredPart } from '../../../pkg/ts/port.js';
import { MIB, concatenated, long } from '../pieces/tier.js';
import { until } from './check.js';
import { commit, drained, staged } from './pieces.js';
import { CREATED, inscribed, listed, metadataOf, portOf, write } from './subject.js';

const root = await mkdtemp(join(tmpdir(), 'tiered-storage-'));
after(() => rm(root, { recursive: true, force: true }));

type Options = Partial<ConstructorParameters<typeof DiskStorageTier>[0]>;

/** The port of a tier in a folder. */
async function opened(name: string, options: Options = {}): Promise<Port> {
  return portOf(new DiskStorageTier({ directory: join(root, name), durability: 'cache', ...options }) as never);
}

/** Every file of a folder of a tier. */
async function files(name: string, folder: 'entries' | 'temporary'): Promise<string[]> {
  const found = await readdir(join(root, name, folder), { recursive: true, withFileTypes: true });
  return found.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
}

async function onlyFile(name: string): Promise<string> {
  const found = await files(name, 'entries');
  assert.equal(found.length, 1);
  return found[0] as string;
}

async function store(port: Port, key: string, body: Uint8Array, number = 0): Promise<void> {
  await commit(port, key, (await staged(port, key, body)) as Source, number);
}

async function pieces(port: Port, key: string): Promise<OpenedEntry['pieces']> {
  const found = await port.readPieces?.(key, undefined);
  assert.ok(typeof found === 'object' && found && 'pieces' in found, 'it comes in pieces');
  return found.pieces;
}

/** The files of these tests that this process has open; none where the system does not tell. */
async function openFiles(): Promise<string[]> {
  const found = await readdir('/proc/self/fd').catch(() => []);
  const links = await Promise.all(found.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return links.filter((link) => link.startsWith(root));
}

async function isClean(name: string): Promise<void> {
  await until(async () => (await files(name, 'temporary')).length === 0, 'nothing is left that was staged');
  await until(async () => (await openFiles()).length === 0, 'no file is open');
}

type Write = (buffer: Uint8Array, offset: number, length: number, position: number) => Promise<{ bytesWritten: number }>;

/** Has writes of files done by `instead` while `work` lasts. */
async function patched(instead: (real: Write) => Write, work: () => Promise<unknown>): Promise<void> {
  const file = await open(join(root, 'any'), 'w');
  const prototype = Object.getPrototypeOf(file) as { write: Write };
  await file.close();
  const { write } = prototype;
  prototype.write = function (this: unknown, ...words: Parameters<Write>) {
    return instead((...words) => write.apply(this, words))(...words);
  };
  await work().finally(() => (prototype.write = write));
}

/** Fails so many writes as a device without room does, those after the first so many. */
function crowded(after: number, times: number, work: () => Promise<unknown>): Promise<void> {
  let calls = 0;
  return patched(
    (real) => async (...words) => {
      calls += 1;
      if (calls <= after || calls > after + times) return real(...words);
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    },
    work,
  );
}

suite('bodies in pieces, in files', () => {
  test('what is staged lies in a file of its own until it gets its name, and is removed if it does not', async () => {
    const port = await opened('stage');
    await store(port, 'small', long(2 ** 18));
    const stage = (await port.stage?.('k')) as Stage;
    await stage.write(long(2 ** 18));
    assert.deepEqual(await files('stage', 'temporary'), [], 'what may be small');
    await stage.write(long(1));
    assert.equal((await files('stage', 'temporary')).length, 1);
    stage.cancel();
    await isClean('stage');
    const source = (await staged(port, 'k', long(3 * MIB))) as Source;
    const [file] = await files('stage', 'temporary');
    const { ino } = await stat(file as string);
    await commit(port, 'k', source);
    const inodes = await Promise.all((await files('stage', 'entries')).map(async (file) => (await stat(file)).ino));
    assert.ok(inodes.includes(ino), 'the bytes were not written again');
    await isClean('stage');
    await assert.rejects(async () => commit(port, 'k', source), { kind: 'unavailable' });
    await port.close();
  });

  test('a stage that is given up while it writes leaves nothing', async () => {
    const port = await opened('hasty');
    for (const turns of [0, 1, 2, 3]) {
      const stage = (await port.stage?.('k')) as Stage;
      for (let turn = 0; turn < turns; turn++) await stage.write(long(300_000));
      const writing = Promise.resolve(stage.write(long(MIB))).catch(() => undefined);
      stage.cancel();
      await writing;
      await isClean('hasty');
    }
    await port.close();
  });

  test('a system that takes less than it is given gets all of it', async () => {
    const port = await opened('slow');
    const little = (real: Write): Write => (buffer, offset, length, position) => real(buffer, offset, Math.min(length, 100_000), position);
    await patched(little, async () => {
      await store(port, 'k', long(2 * MIB + 3), 1);
      await write(port, 'whole', long(MIB), 2);
    });
    assert.deepEqual(await drained(await pieces(port, 'k')), long(2 * MIB + 3));
    assert.deepEqual(await drained(await pieces(port, 'whole')), long(MIB));
    await port.close();
  });

  test('where the device has no room, others are given up; where that does not help, it is full and leaves nothing', async () => {
    const port = await opened('device');
    for (const key of ['a', 'b', 'c']) await store(port, key, long(MIB), 1);
    await crowded(3, 1, () => store(port, 'k', long(2 * MIB), 2));
    assert.deepEqual(await listed(port, '', 9), ['b', 'c', 'k'], 'one went for it');
    for (const after of [0, 3]) {
      await crowded(after, Infinity, () => assert.rejects(() => store(port, 'new', long(2 * MIB), 3), { kind: 'full' }));
      assert.equal(await port.head('new'), null);
      await isClean('device');
    }
    await crowded(0, Infinity, () => assert.rejects(() => write(port, 'new', long(10), 3), { kind: 'full' }));
    await isClean('device');
    await port.close();
  });

  test('a body is of one version, whatever becomes of its key while it is read', async () => {
    const port = await opened('reader');
    const changes = [() => store(port, 'k', long(5 * MIB).reverse(), 2), () => write(port, 'k', long(9), 3), () => port.remove(['k']), () => port.clear()];
    for (const change of changes) {
      await store(port, 'k', long(4 * MIB), 1);
      const reading = await pieces(port, 'k');
      const first = (await reading.next()) as Uint8Array;
      await change();
      assert.deepEqual(concatenated([first, await drained(reading)]), long(4 * MIB));
    }
    await isClean('reader');
    await port.close();
  });

  test('a range reads its own bytes', async () => {
    const port = await opened('ranges');
    await store(port, 'k', long(8 * MIB));
    const file = await onlyFile('ranges');
    await truncate(file, 8192 + 4 * MIB);
    const part = (await port.readRange?.('k', { start: 3 * MIB, end: 4 * MIB }, undefined)) as StoredPart;
    assert.deepEqual(part.body, long(8 * MIB).slice(3 * MIB, 4 * MIB), 'what lies before the damage');
    await assert.rejects(async () => port.readRange?.('k', { last: 1 }, undefined), { kind: 'corrupt' });
    await assert.rejects(async () => drained(await pieces(port, 'k')), { kind: 'corrupt' });
    await assert.rejects(async () => port.read('k', undefined), { kind: 'corrupt' });
    await isClean('ranges');
    await port.close();
  });
});

suite('the forms of files', () => {
  test('what an earlier version of this package wrote is read, and patched', async () => {
    const body = long(MIB);
    const [line] = await inscribed(metadataOf('k', body, 1));
    let port = await opened('old');
    await write(port, 'k', long(9));
    await port.close();
    const head = Buffer.from(`tiered-storage-1 1 ${line.length} ${body.length}\nk${line}`);
    await writeFile(await onlyFile('old'), Buffer.concat([head, body]));
    port = await opened('old');
    assert.equal(await port.head('k'), line);
    assert.deepEqual(await drained(await pieces(port, 'k')), body);
    const part = (await port.readRange?.('k', { last: 9 }, undefined)) as StoredPart;
    assert.deepEqual(part.body, body.slice(-9));
    assert.equal((await port.usage()).bytes, MIB);
    const [next, facts] = await inscribed({ ...metadataOf('k', body, 1), accessCount: 5 });
    await port.patch('k', next, facts);
    assert.deepEqual([await port.head('k'), await drained(await pieces(port, 'k'))], [next, body]);
    await port.close();
  });

  test('a patch of a large entry leaves its body where it is, and one that was not finished does not count', async () => {
    const port = await opened('heads', { durability: 'full' });
    const body = long(MIB);
    await store(port, 'k', body, 1);
    const file = await onlyFile('heads');
    const before = await stat(file);
    const lines = [await port.head('k')];
    for (let turn = 1; turn < 4; turn++) {
      const [line, facts] = await inscribed({ ...metadataOf('k', body, 1), ttl: new Date(CREATED + turn) });
      await port.patch('k', line, facts);
      lines.push(line);
      assert.equal(await port.head('k'), line);
    }
    const there = await stat(file);
    assert.deepEqual([there.ino, there.size], [before.ino, before.size]);
    const bytes = await readFile(file);
    // The last one lies in the second place: with a bit of it changed, the one before counts.
    bytes[4096 + 100] = (bytes[4096 + 100] as number) ^ 1;
    await writeFile(file, bytes);
    assert.equal(await port.head('k'), lines[2]);
    assert.deepEqual(await drained(await pieces(port, 'k')), body);
    bytes[100] = (bytes[100] as number) ^ 1;
    await writeFile(file, bytes);
    await assert.rejects(() => pieces(port, 'k'), { kind: 'corrupt' });
    await store(port, 'k', body, 2);
    assert.deepEqual(await drained(await pieces(port, 'k')), body);
    await isClean('heads');
    await port.close();
  });
});

const CHUNK = 2 ** 16;

/** Writes chunks of an entry, and says whether they are there. */
async function keep(port: Port, key: string, body: Uint8Array, [first, after]: [number, number], number = 0): Promise<boolean> {
  const [line, facts] = await inscribed(metadataOf(key, body, number));
  const part = { body: body.slice(first * CHUNK, after * CHUNK), line, start: first * CHUNK };
  await port.writePart?.(key, part, facts);
  return ((await port.readRange?.(key, { start: part.start, end: part.start + 1 }, undefined)) ?? null) !== null;
}

suite('parts, in files', () => {
  test('they take the room of what there is of them, and the file that they make is an entry', async () => {
    const port = await opened('parts');
    const body = long(64 * CHUNK);
    assert.ok(await keep(port, 'k', body, [60, 61]));
    const [file] = await files('parts', 'temporary');
    const { size, blocks, ino } = await stat(file as string);
    assert.ok(size > 60 * CHUNK && blocks * 512 < 10 * CHUNK, `${size} bytes in ${blocks} blocks`);
    assert.deepEqual(await port.usage(), { bytes: CHUNK, items: 1, evictions: 0 });
    await keep(port, 'k', body, [0, 60]);
    await keep(port, 'k', body, [61, 64]);
    assert.equal((await stat(await onlyFile('parts'))).ino, ino);
    assert.deepEqual(await drained(await pieces(port, 'k')), body);
    await isClean('parts');
    await port.close();
    assert.deepEqual(await drained(await pieces(await opened('parts'), 'k')), body, 'it outlasts the process');
  });

  test('they outlast neither a close nor a crash', async () => {
    let port = await opened('gone');
    assert.ok(await keep(port, 'k', long(9 * CHUNK), [1, 3]));
    await port.close();
    await isClean('gone');
    await mkdir(join(root, 'gone/temporary'), { recursive: true });
    await writeFile(join(root, 'gone/temporary/parts'), long(CHUNK));
    port = await opened('gone');
    assert.deepEqual([await port.head('k'), await listed(port, '', 5)], [null, []]);
    await isClean('gone');
    await port.close();
  });

  test('what there is no room for is not kept, and no error', async () => {
    const port = await opened('no-room');
    const body = long(9 * CHUNK);
    await store(port, 'a', long(MIB));
    await crowded(0, Infinity, async () => assert.equal(await keep(port, 'k', body, [0, 2]), false));
    await isClean('no-room');
    assert.ok(await keep(port, 'k', body, [0, 2]));
    await crowded(0, 1, async () => assert.ok(await keep(port, 'k', body, [2, 4])));
    assert.ok(await keep(port, 'k', body, [4, 9]));
    assert.deepEqual(await drained(await pieces(port, 'k')), body);
    const [line, facts] = await inscribed(metadataOf('j', long(9), 1));
    await assert.rejects(async () => port.writePart?.('j', { body: long(10), line, start: 0 }, facts), { kind: 'invalid' }, 'beyond the end');
    await port.close();
  });
});

test('a long body goes through disk in bounded memory, both ways', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const [size, piece] = [64 * MIB, long(MIB)];
  const folder = (name: string): DiskStorageTier => new DiskStorageTier({ directory: join(root, name), durability: 'cache' });
  const storage = await TieredStorage.open({ tiers: { warm: folder('long/warm'), cold: folder('long/cold') } });
  // The first one leaves what was let go of on the way.
  const live = (): number => {
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = live();
  let most = 0;
  const look = (at: number): void => void (at % 8 === 0 && (most = Math.max(most, live() - before)));
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size / MIB; at++) {
      look(at);
      yield piece;
    }
  }
  await storage.setStream('film', body());
  await storage.touch('film', 60_000);
  for (const source of ['warm', 'cold']) {
    if (source === 'cold') await storage.clearTier('warm');
    const found = await storage.getStream('film');
    assert.equal(found?.source, source);
    let at = 0;
    for await (const piece of found.stream as unknown as AsyncIterable<Uint8Array>) look((at += piece.length / MIB));
    assert.equal(at, size / MIB);
  }
  await storage.close();
  assert.ok(most < 16 * MIB, `${(most / MIB).toFixed(1)} MiB are held at once`);
  console.log(`${(most / MIB).toFixed(1)} MiB are held at once of a body of 64 MiB`);
  assert.deepEqual(await openFiles(), []);
});

test('a folder that was taken away is told, and nothing is left open', async () => {
  const port = await opened('away');
  await rm(join(root, 'away/temporary'), { recursive: true });
  await assert.rejects(() => write(port, 'k', long(9)), { kind: 'unavailable', message: /ENOENT/ });
  await assert.rejects(() => staged(port, 'k', long(MIB)), { kind: 'unavailable', message: /ENOENT/ });
  await assert.rejects(() => keep(port, 'k', long(9 * CHUNK), [0, 1]), { kind: 'unavailable', message: /ENOENT/ });
  assert.equal(await port.head('k'), null);
  assert.deepEqual(await openFiles(), []);
  await port.close();
});
