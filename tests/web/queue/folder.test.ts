/** Queues that are kept in folders: order, choices, and what becomes of files. */

import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { QueueChoice, QueueOptions } from 'tiered-storage/queue';
import { WEB, bundleForNode } from '../lib/bundle.mjs';
import { Proxy } from '../s3/proxy.js';
import { startServer, type RunningServer } from '../scenarios/server.js';
import { fails } from '../storage/open.js';
import { folderOf, queueing, type Queueing, type Where } from './world.js';

let server: RunningServer;
let prefixes = 0;

before(async () => {
  server = await startServer(['bucket'], '*');
});
after(() => server.close());

/** A part of the bucket behind a proxy, a folder, and queues in it. */
async function world(t: TestContext) {
  const proxy = await Proxy.start(server.place.endpoint);
  t.after(() => proxy[Symbol.asyncDispose]());
  const { accessKeyId, secretAccessKey } = server.place;
  const where: Where = { endpoint: proxy.endpoint, accessKeyId, secretAccessKey, prefix: `folder-${(prefixes += 1)}/` };
  const directory = await folderOf(t);
  const open = async (options: QueueOptions = {}): Promise<Queueing> => {
    const opened = await queueing(where, { directory, ...options });
    t.after(() => opened.close());
    return opened;
  };
  const cut = (): void => void (proxy.answer = () => ({}));
  const mend = (): void => void (proxy.answer = () => undefined);
  return { proxy, where, directory, open, cut, mend };
}

const bodies = (directory: string): Promise<string[]> => readdir(join(directory, 'bodies'));
const writes = async (directory: string): Promise<string[]> => (await readdir(directory)).filter((name) => name.endsWith('.write')).sort();

test('what is queued without a network outlives the process, and is sent in order', async (t) => {
  const { directory, open, cut, mend } = await world(t);
  const first = await open();
  await first.storage.set('gone', 'old');
  const seen = await first.storage.getMetadata('gone');
  cut();
  const film = new Uint8Array(3_000_000).map((_, at) => at % 251);
  await first.queue.set('a', 'one', { ifAbsent: true, mimeType: 'text/x-note', metadata: { who: 'me' } });
  await first.queue.set('film', new Blob([film]));
  await first.queue.set('a', { number: 2 });
  await first.queue.delete('gone', { ifMatch: seen?.version });
  await first.queue.set('empty', new Uint8Array());
  await fails('unavailable', () => first.queue.flush());
  await first.close();
  await fails('closed', () => first.queue.set('b', 'late'));
  assert.deepEqual([(await writes(directory)).length, (await bodies(directory)).length], [5, 3]);

  const next = await open();
  assert.deepEqual(await next.pending(), ['a waiting', 'film waiting', 'a waiting', 'gone waiting', 'empty waiting']);
  const [one, two] = await next.queue.pending();
  assert.equal(await (await next.queue.body(one?.id ?? 0))?.text(), '"one"');
  assert.deepEqual(new Uint8Array((await (await next.queue.body(two?.id ?? 0))?.arrayBuffer()) ?? []), film);
  mend();
  await next.queue.flush();
  assert.deepEqual(next.events, ['sent a', 'sent film', 'sent a', 'sent gone', 'sent empty']);
  assert.deepEqual(await next.storage.get('film'), film);
  assert.deepEqual([await next.storage.get('a'), await next.storage.get('gone'), await next.storage.get('empty')], [{ number: 2 }, null, new Uint8Array()]);
  assert.deepEqual([await writes(directory), await bodies(directory)], [[], []]);
});

test('conflicts outlive the process, and each choice is heeded', async (t) => {
  const choices: [QueueChoice, string, string | null][] = [
    ['mine', 'mine', null],
    ['theirs', 'theirs', null],
    [{ both: 'a (mine)' }, 'theirs', 'mine'],
  ];
  for (const [choice, there, other] of choices) {
    const { open } = await world(t);
    const first = await open();
    await first.storage.set('a', 'old', { ttl: 3_600_000 });
    await first.queue.set('a', 'mine');
    await first.queue.set('b', 'b');
    await first.storage.set('a', 'theirs', { ttl: 3_600_000 });
    await first.queue.flush();
    assert.deepEqual(first.events, ['conflict a', 'sent b']);
    const told = await first.queue.pending();
    await first.close();
    const { queue, storage, pending } = await open();
    assert.deepEqual(await queue.pending(), told);
    assert.ok(told[0]?.current?.ttl instanceof Date);
    const { id } = told[0];
    await fails('invalid', () => queue.resolve(id, { both: 'a' }));
    await queue.resolve(id, choice);
    await queue.flush();
    assert.deepEqual([await pending(), await storage.get('a'), await storage.get('a (mine)')], [[], there, other]);
  }
});

test('what fails for good says so after a restart; what is cancelled is not sent', async (t) => {
  const { proxy, directory, open, mend } = await world(t);
  const first = await open();
  const body = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>';
  proxy.answer = ({ method, path }) => (method === 'PUT' && path.endsWith('/a') ? { status: 403, body } : undefined);
  const { id } = await first.queue.set('a', '1', { overwrite: true });
  const cancelled = await first.queue.set('b', '2', { overwrite: true });
  await first.queue.set('a', '3', { overwrite: true });
  assert.deepEqual([await first.queue.cancel(cancelled.id), await first.queue.cancel(cancelled.id)], [true, false]);
  await first.queue.flush();
  await first.close();
  mend();
  const { queue, storage } = await open();
  const [failed, waiting] = await queue.pending();
  assert.deepEqual([failed?.state, failed?.error?.kind, failed?.attempts, waiting?.state], ['failed', 'denied', 1, 'waiting']);
  await queue.resolve(id, 'mine');
  await queue.flush();
  assert.deepEqual([await storage.get('a'), await storage.get('b'), await bodies(directory)], ['3', null, []]);
});

test('the queue sends by itself, also after an outage, and what is cancelled while it is sent is given up', async (t) => {
  const { proxy, open, cut, mend } = await world(t);
  const { queue, events, pending } = await open({ send: 'auto' });
  cut();
  const { id } = await queue.set('a', '1', { overwrite: true });
  await queue.set('b', '2', { overwrite: true });
  await fails('unavailable', () => queue.flush());
  const isReached = new Promise<void>((done) => {
    proxy.answer = ({ method, path }) => {
      if (method !== 'PUT' || !path.endsWith('/a')) return undefined;
      done();
      return { never: true };
    };
  });
  const flushed = queue.flush();
  await isReached;
  assert.deepEqual(await pending(), ['a sending', 'b waiting']);
  mend();
  assert.equal(await queue.cancel(id), true);
  await flushed;
  assert.deepEqual([events, await pending()], [['sent b'], []]);
});

test('without room nothing is half queued', async (t) => {
  const { directory, open, cut } = await world(t);
  const { queue, pending } = await open({ maxWrites: 2, maxBytes: 4_000_000 });
  cut();
  let given = 0;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array((given += 1) && 1_000_000);
  };
  await fails('full', () => queue.set('huge', endless(), { overwrite: true }), /4000000 bytes/);
  assert.ok(given < 8, `${given} pieces were asked for`);
  assert.deepEqual([await pending(), await bodies(directory)], [[], []]);
  await queue.set('a', new Uint8Array(1_500_000), { overwrite: true });
  await queue.set('b', 'b', { overwrite: true });
  await fails('full', () => queue.set('c', 'c', { overwrite: true }), /2 writes/);
  assert.equal((await bodies(directory)).length, 2);
});

test('a folder is of one queue at a time, in all threads of a process', async (t) => {
  const { directory, where, open } = await world(t);
  const [program = ''] = await bundleForNode([resolve(WEB, 'queue/child.ts')]);
  const first = await open();
  await fails('unavailable', () => open(), /in use.*; give each queue a folder of its own/);
  // A thread has modules of its own; the file is what it sees.
  const worker = new Worker(program, { argv: [JSON.stringify(where), directory, 'set', 'a', 'late'] });
  const refused = await new Promise<Error>((done) => worker.once('error', done));
  assert.match(refused.message, /in use by another thread/);
  await first.close();
  const again = await open();
  assert.deepEqual(await again.pending(), []);
});

test('a file that is not what was stored is told: of a write when the folder is opened, of a body when it is sent', async (t) => {
  const { directory, open } = await world(t);
  const first = await open();
  await first.queue.set('a', new Uint8Array(2_000_000).fill(7), { overwrite: true });
  await first.queue.set('b', 'b', { overwrite: true });
  await first.close();
  const [name = ''] = await writes(directory);
  const text = await readFile(join(directory, name), 'utf8');
  for (const bad of ['', text.slice(0, -9), '{}', text.replace('"id":1', '"id":"x"'), text.replace('queue-1', 'queue-2')]) {
    await writeFile(join(directory, name), bad);
    await fails('corrupt', () => open(), new RegExp(`${name} is not a queued write`));
  }
  await writeFile(join(directory, name), text);
  await writeFile(join(directory, `${name.replace('.write', '.new')}`), 'half');
  const body = join(directory, 'bodies', (JSON.parse(text) as { body: string }).body);
  const bytes = await readFile(body);
  bytes[1_999_999] = 8;
  await writeFile(body, bytes);
  const { queue, storage, events } = await open();
  assert.deepEqual((await readdir(directory)).filter((found) => found.endsWith('.new')), []);
  await queue.flush();
  assert.deepEqual(events, ['failed a', 'sent b']);
  assert.equal((await queue.pending())[0]?.error?.kind, 'corrupt');
  assert.equal(await storage.get('a'), null);
});
