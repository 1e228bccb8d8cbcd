/** The disk tier, in Node. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { DiskStorageTier, StorageError } from 'tiered-storage';
import { casesOf } from './cases.js';
import { gathered, metadataOf, pattern, portOf, type Kind } from './subject.js';

const root = await mkdtemp(join(tmpdir(), 'tiered-storage-'));
after(() => rm(root, { recursive: true, force: true }));

type Options = Partial<ConstructorParameters<typeof DiskStorageTier>[0]>;

function make(name: string, options: Options = {}): DiskStorageTier {
  return new DiskStorageTier({ directory: join(root, name), ...options });
}

async function close(tier: DiskStorageTier): Promise<void> {
  await (await portOf(tier as never)).close();
}

async function put(tier: DiskStorageTier, key: string, size = 10, seed = 0): Promise<void> {
  await tier.set(key, pattern(size, seed), metadataOf(key, pattern(size, seed), seed));
}

/** Every file under a folder of entries. */
async function files(name: string): Promise<string[]> {
  const folder = join(root, name, 'entries');
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
}

async function failure(call: Promise<unknown>): Promise<StorageError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(error instanceof StorageError, `no StorageError, but ${String(error)}`);
  return error;
}

for (const durability of ['full', 'cache'] as const) {
  const disk: Kind = {
    make: (name, limits) => make(`${durability}/${name}`, { durability, ...limits }),
    release: (tier) => close(tier as never),
    isDurable: true,
    isLimited: true,
    canList: true,
  };
  suite(`disk, durability ${durability}`, () => {
    for (const [name, run] of Object.entries(casesOf(disk))) test(name, run);
  });
}

suite('disk', () => {
  test('a folder is of one tier at a time', async () => {
    const first = make('shared');
    await put(first, 'k');
    const second = make('shared');
    const error = await failure(second.get('k'));
    assert.equal(error.kind, 'unavailable');
    assert.match(error.message, /in use/);
    await close(first);
    assert.deepEqual(await second.get('k'), pattern(10));
    await close(second);
  });

  test('a folder is of one process at a time, until that one ends', async () => {
    const directory = join(root, 'held');
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      const tier = new DiskStorageTier({ directory });
      await put(tier, 'k');
      const lock = (await readdir(directory)).find((name) => name.startsWith('lock')) ?? '';
      await close(tier);
      const [, kind, boot] = lock.split('_');
      await writeFile(join(directory, ['lock', kind, boot, other.pid, ''].join('_')), '');
      const error = await failure(tier.get('k'));
      assert.equal(error.kind, 'unavailable');
      assert.match(error.message, new RegExp(`process ${other.pid}`));
      const ended = new Promise((done) => other.once('exit', done));
      other.kill('SIGKILL');
      await ended;
      assert.deepEqual(await tier.get('k'), pattern(10));
      await close(tier);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('a file that is not whole is told as corrupt, and an overwrite mends it', async () => {
    const tier = make('torn');
    for (const [cut, size] of [0, 10, 60, 150, 10_000].entries()) {
      await put(tier, 'k', 20_000);
      const [file] = await files('torn');
      await truncate(file as string, size);
      assert.equal((await failure(tier.get('k'))).kind, 'corrupt', `cut ${cut}`);
    }
    await put(tier, 'k', 5);
    assert.deepEqual(await tier.get('k'), pattern(5));
    await close(tier);
  });

  test('a file that stands for another key is told as corrupt', async () => {
    const tier = make('moved');
    await put(tier, 'a', 10, 1);
    const [file] = await files('moved');
    const bytes = await readFile(file as string);
    await put(tier, 'b', 10, 2);
    const other = (await files('moved')).find((found) => found !== file) as string;
    await writeFile(other, bytes);
    assert.equal((await failure(tier.get('b'))).kind, 'corrupt');
    assert.equal((await failure(tier.getMetadata('b'))).kind, 'corrupt');
    assert.deepEqual(await tier.get('a'), pattern(10, 1));
    await close(tier);
  });

  test('what was being written when the process ended is removed', async () => {
    const tier = make('temporary');
    await put(tier, 'k');
    await close(tier);
    const folder = join(root, 'temporary/temporary');
    await writeFile(join(folder, 'half'), 'half of an entry');
    await put(tier, 'other');
    assert.deepEqual(await readdir(folder), []);
    assert.deepEqual(await gathered(tier.listKeys()), ['k', 'other']);
    await close(tier);
  });

  test('nothing is left outside of the folder, whatever the key', async () => {
    const tier = make('inside/tier');
    for (const key of ['../../out', '/etc/tiered-storage-test', '..', 'a/../../../b', 'C:\\x']) await put(tier, key);
    assert.deepEqual(await readdir(join(root, 'inside')), ['tier']);
    assert.equal((await tier.getStats()).items, 5);
    await close(tier);
  });

  test('what was not read for longest is given up first, or what was written first', async () => {
    for (const evictionPolicy of ['lru', 'fifo'] as const) {
      const tier = make(`order-${evictionPolicy}`, { maxItems: 3, evictionPolicy });
      for (const key of ['a', 'b', 'c']) await put(tier, key);
      await tier.get('a');
      await put(tier, 'd');
      const expected = evictionPolicy === 'lru' ? ['a', 'c', 'd'] : ['b', 'c', 'd'];
      assert.deepEqual(await gathered(tier.listKeys()), expected, evictionPolicy);
      await close(tier);
    }
  });

  test('wrong options are refused', () => {
    const wrong = [undefined, {}, { directory: '' }, { directory: 1 }, { directory: root, durability: 'some' }];
    for (const options of [...wrong, { directory: root, evictionPolicy: 'size' }, { directory: root, maxItems: 0 }]) {
      assert.throws(() => new DiskStorageTier(options as never), { name: 'StorageError', kind: 'invalid' });
    }
  });

  test('a folder that cannot be made is told', async () => {
    await writeFile(join(root, 'file'), '');
    const tier = make('file/tier');
    const error = await failure(tier.get('k'));
    assert.ok(error.kind === 'unavailable' || error.kind === 'denied', error.kind);
  });
});
