/** The package in runtimes without a page: Node, Deno, Bun, workerd. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { after } from 'node:test';
import { build } from 'esbuild';
import { WEB } from '../lib/bundle.mjs';
import { WELL, install, run, uninstall } from '../lib/installed.js';
import { startServer } from '../scenarios/server.js';
import { ask, deploy } from './workerd.js';

const BIN = join(WEB, 'node_modules');
const DENO = join(BIN, '@deno', `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`, 'deno');
const BUN = join(BIN, '@oven', `bun-${process.platform}-${process.arch}`, 'bin/bun');

/** What `range.mjs` says if all is well. */
const RANGE = '206 bytes 6-10/11 world';

after(uninstall);

test('Node', async () => {
  const folder = await install();
  assert.equal(await run(process.execPath, ['program.mjs'], folder), WELL);
});

test('Node, bundled to a place from which the module cannot be read', async () => {
  const folder = await install();
  const outfile = join(folder, 'bundled/program.mjs');
  await build({ absWorkingDir: folder, entryPoints: ['program.mjs'], bundle: true, platform: 'node', format: 'esm', outfile });
  assert.equal(await run(process.execPath, [outfile], folder), WELL);
});

test('Node, with the module handed in', async () => {
  const folder = await install();
  assert.equal(await run(process.execPath, ['slim.mjs'], folder), WELL);
});

test('Node, by the entry for pages that download the module', async () => {
  const folder = await install('tiered-storage/url');
  assert.equal(await run(process.execPath, ['program.mjs'], folder), WELL);
});

test('Deno, without any permission', async () => {
  const folder = await install();
  const env = { DENO_DIR: join(folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' };
  assert.equal(await run(DENO, ['run', '--no-prompt', '--no-remote', 'program.mjs'], folder, env), WELL);
});

test('Bun', async () => {
  const folder = await install();
  assert.equal(await run(BUN, ['run', 'program.mjs'], folder), WELL);
});

test('workerd, where a module worker answers a request', async () => {
  const folder = await install();
  await using worker = await deploy(folder, 'worker.mjs', 'workerd', 'tiers.wasm');
  assert.equal(await ask(worker), WELL);
});

test('an edge runtime that takes modules by a suffix', async () => {
  const folder = await install();
  await using worker = await deploy(folder, 'worker.mjs', 'edge-light', 'tiers.wasm?module');
  assert.equal(await ask(worker), WELL);
});

test('ranges of entries, in Node, Deno and Bun', async () => {
  const folder = await install();
  const env = { DENO_DIR: join(folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' };
  assert.equal(await run(process.execPath, ['range.mjs'], folder), RANGE);
  assert.equal(await run(DENO, ['run', '--no-prompt', '--no-remote', 'range.mjs'], folder, env), RANGE);
  assert.equal(await run(BUN, ['run', 'range.mjs'], folder), RANGE);
});

/** Runtimes with files, and how they run a program that may use those of its folder and nothing else. */
const WITH_FILES: [program: string, words: string[]][] = [
  [process.execPath, []],
  [DENO, ['run', '--no-prompt', '--no-remote', '--allow-read=.', '--allow-write=.', '--allow-sys=osUptime']],
  [BUN, ['run']],
];

test('a queue in a folder, which its process is killed over, in Node, Deno and Bun', async () => {
  for (const [program, words] of WITH_FILES) {
    const folder = await install();
    const env = { DENO_DIR: join(folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' };
    const first = spawn(program, [...words, 'queue.mjs'], { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [said] = (await once(createInterface({ input: first.stdout }), 'line')) as [string];
      assert.equal(said, 'held', program);
      assert.equal(await run(program, [...words, 'queue.mjs'], folder, env), '["unavailable"]', program);
    } finally {
      const ended = once(first, 'exit');
      first.kill('SIGKILL');
      await ended;
    }
    const expected = [['film 3000000', 'note 16'], 'sent film', 'sent note', 3_000_000, { text: 'hello' }, 0];
    assert.equal(await run(program, [...words, 'queue.mjs'], folder, env), JSON.stringify(expected), program);
  }
});

test('bodies in pieces and in part on disk, in Node, Deno and Bun', async () => {
  for (const [program, words] of WITH_FILES) {
    const folder = await install();
    const env = { DENO_DIR: join(folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' };
    assert.equal(await run(program, [...words, 'disk.mjs'], folder, env), 'bodies in pieces and in part');
  }
});

test('bodies in pieces in the caches of Deno and workerd', async () => {
  const folder = await install();
  const env = { DENO_DIR: join(folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' };
  const film = 'warm 4800000 36000000';
  const expected = `${film}, warm 3,4, unavailable, ${film}, `;
  assert.equal(await run(DENO, ['run', '--no-prompt', '--no-remote', 'cache.mjs'], folder, env), expected.trim());
  await using worker = await deploy(folder, 'cache-worker.mjs', 'workerd', 'tiers.wasm');
  assert.equal(await ask(worker), expected);
});

test('ranges of entries, and what another program encoded, over the wire from workerd', async () => {
  const folder = await install();
  await using worker = await deploy(folder, 'media.mjs', 'workerd', 'tiers.wasm');
  const url = `${worker.origin}/hello.txt`;
  const part = await fetch(url, { headers: { range: 'bytes=6-' } });
  assert.deepEqual([part.status, part.headers.get('content-range'), await part.text()], [206, 'bytes 6-10/11', 'world']);
  const head = await fetch(url, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '11', '']);
  const etag = head.headers.get('etag') ?? '';
  const known = await fetch(url, { headers: { 'if-none-match': etag } });
  assert.deepEqual([known.status, known.headers.get('etag'), await known.text()], [304, etag, '']);
  const behind = await fetch(url, { headers: { range: 'bytes=11-' } });
  assert.deepEqual([behind.status, behind.headers.get('content-range')], [416, 'bytes */11']);
  const packed = await fetch(`${worker.origin}/packed.txt`);
  assert.deepEqual([packed.headers.get('content-encoding'), await packed.text()], ['gzip', 'hello world']);
});

/** workerd ends a request that waits for what another one began, so a storage of all requests once hung. */
test('workerd, with a storage for each request and a hot tier for all', async () => {
  const server = await startServer(['bucket'], '*');
  try {
    const folder = await install();
    await using worker = await deploy(folder, 'requests.mjs', 'workerd', 'tiers.wasm');
    const where = `s3=${encodeURIComponent(JSON.stringify(server.place))}`;
    assert.equal(await ask(worker, `/set?${where}`), 'set');
    for (let turn = 0; turn < 4; turn++) {
      const gone = new AbortController();
      const left = fetch(`${worker.origin}/get?${where}`, { signal: gone.signal }).catch(() => undefined);
      const asked = Array.from({ length: 12 }, () => ask(worker, `/get?${where}`));
      gone.abort();
      for (const answer of await Promise.all(asked)) assert.match(answer, /^\["value","(hot|cold)"\]$/);
      await left;
      assert.equal(await ask(worker, `/set?${where}`), 'set');
    }
    await ask(worker, `/get?${where}`);
    assert.equal(await ask(worker, `/get?${where}`), '["value","hot"]');
  } finally {
    server.close();
  }
});
