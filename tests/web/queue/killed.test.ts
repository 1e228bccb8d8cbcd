/** Processes of Node that are killed while they queue and while they send. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test, type TestContext } from 'node:test';
import { Random } from '../fuzz/random.js';
import { WEB, bundleForNode } from '../lib/bundle.mjs';
import { Proxy, type Passing } from '../s3/proxy.js';
import { startServer, type RunningServer } from '../scenarios/server.js';
import { fails } from '../storage/open.js';
import { folderOf, queueing, type Where } from './world.js';

let program: string;
let server: RunningServer;
let prefixes = 0;

before(async () => {
  [program = ''] = await bundleForNode([resolve(WEB, 'queue/child.ts')]);
  server = await startServer(['bucket'], '*');
});
after(() => server.close());

function place(endpoint = server.place.endpoint): Where {
  const { accessKeyId, secretAccessKey } = server.place;
  return { endpoint, accessKeyId, secretAccessKey, prefix: `killed-${(prefixes += 1)}/` };
}

/** A process with a queue, and what it says, line by line. */
async function start(t: TestContext, where: Where, folder: string, ...words: string[]) {
  const child = spawn(process.execPath, [program, JSON.stringify(where), folder, ...words], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string | undefined> => (await lines.next()).value as string | undefined;
  assert.equal(await line(), 'ready');
  const kill = async (): Promise<string[]> => {
    child.kill('SIGKILL');
    await ended;
    const left: string[] = [];
    for (let last = await line(); last !== undefined; last = await line()) left.push(last);
    return left;
  };
  return { pid: child.pid, line, kill };
}

test('a write that was being queued is as if it had never been, and a folder is of one process until that one ends', async (t) => {
  const [folder, where] = [await folderOf(t), place()];
  const child = await start(t, where, folder, 'stall', 'film');
  assert.equal(await child.line(), 'stalled');
  assert.equal((await readdir(join(folder, 'bodies'))).length, 1);
  await fails('unavailable', () => queueing(where, { directory: folder }), new RegExp(`in use by process ${child.pid}; give each queue`));
  await child.kill();
  const { queue, close, pending } = await queueing(where, { directory: folder });
  assert.deepEqual(await pending(), []);
  await queue.set('film', 'another');
  await queue.flush();
  assert.deepEqual(await readdir(join(folder, 'bodies')), []);
  await close();
});

test('of many that come for a folder at once, after one that was killed, one gets it at most', async (t) => {
  const [folder, where] = [await folderOf(t), place()];
  const child = await start(t, where, folder, 'stall', 'film');
  await child.kill();
  const opened = Array.from({ length: 6 }, () => start(t, where, folder, 'stall', 'film').catch(() => undefined));
  const got = (await Promise.all(opened)).filter((one) => one !== undefined);
  assert.ok(got.length <= 1, `${got.length} processes have the folder`);
  await Promise.all(got.map(({ kill }) => kill()));
  const { close } = await queueing(where, { directory: folder });
  await close();
});

test('a process that is killed while it sends loses nothing and repeats nothing', async (t) => {
  for (const isLost of [false, true]) {
    const proxy = await Proxy.start(server.place.endpoint);
    t.after(() => proxy[Symbol.asyncDispose]());
    const [folder, where] = [await folderOf(t), place(proxy.endpoint)];
    let reached = (): void => undefined;
    const isReached = new Promise<void>((done) => (reached = done));
    const stop = ({ method, path }: Passing): boolean => {
      const isStopped = method === 'PUT' && path.split('?')[0]?.endsWith('/a') === true;
      if (isStopped) reached();
      return isStopped;
    };
    // The attempt never ends: before it had an effect, or after.
    if (isLost) proxy.hold = (passing) => (stop(passing) ? new Promise(() => undefined) : undefined);
    else proxy.answer = (passing) => (stop(passing) ? { never: true } : undefined);
    const child = await start(t, where, folder, 'set', 'a', 'mine');
    assert.equal(await child.line(), 'done a');
    await isReached;
    await child.kill();
    [proxy.hold, proxy.answer] = [() => undefined, () => undefined];
    const { queue, storage, events, pending, close } = await queueing(where, { directory: folder });
    assert.deepEqual(await pending(), ['a waiting']);
    await queue.set('a', 'mine, again');
    await queue.flush();
    assert.deepEqual([events, await storage.get('a')], [['sent a', 'sent a'], 'mine, again'], `lost: ${isLost}`);
    await close();
  }
});

test('nothing that was acknowledged is lost or sent twice', async (t) => {
  const [folder, where] = [await folderOf(t), place()];
  const dice = new Random(11);
  const acknowledged = new Map<string, number>();
  const hear = (line: string | undefined): void => {
    const [, key, version] = /^done (\S+) (\d+)$/.exec(line ?? '') ?? assert.fail(`the child says ${line}`);
    acknowledged.set(key as string, Number(version));
  };
  let sent = 0;
  for (let round = 0; round < 6; round++) {
    // Every other child finds the server gone.
    const isAway = round % 2 === 1;
    if (isAway) await server.obey({ order: 'stop' });
    const child = await start(t, where, folder, 'go', String(dice.below(2 ** 32)), String(1 + round * 1000));
    for (let lines = 3 + dice.below(12); lines > 0; lines--) hear(await child.line());
    for (const line of await child.kill()) hear(line);
    if (isAway) await server.obey({ order: 'restart' });
    sent += (await server.obey<{ objects: string[] }>({ order: 'show', bucket: 'bucket', prefix: where.prefix })).objects.length;
  }
  assert.ok(sent > 0, 'the children sent nothing, so that nothing was tried');
  const { queue, storage, pending, close } = await queueing(where, { directory: folder });
  const ids = (await queue.pending()).map(({ id }) => id);
  assert.ok(ids.length > 0, 'nothing was left over, so that nothing was tried');
  assert.deepEqual(ids, ids.toSorted((one, other) => one - other));
  await queue.flush();
  assert.deepEqual(await pending(), [], 'a write was sent twice, and is in its own way');
  for (const [key, version] of acknowledged) {
    const found = await storage.getWithMetadata(key);
    const there = Number(found?.metadata.customMetadata?.['version']);
    // The last write of a child may have been queued and not acknowledged.
    assert.ok(there === version || (key === 'again' && there > version), `${key} has ${there}, not ${version}`);
    assert.equal((found?.data as Uint8Array)[0], there % 256);
  }
  assert.deepEqual(await readdir(join(folder, 'bodies')), []);
  await close();
});
