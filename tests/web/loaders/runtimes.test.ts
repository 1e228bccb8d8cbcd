/** The package in runtimes without a page: Node, Deno, Bun, workerd. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { build } from 'esbuild';
import { WEB } from '../lib/bundle.mjs';
import { WELL, install, run, uninstall } from '../lib/installed.js';
import { answerOfWorkerd } from './workerd.js';

const BIN = join(WEB, 'node_modules');
const DENO = join(BIN, '@deno', `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`, 'deno');
const BUN = join(BIN, '@oven', `bun-${process.platform}-${process.arch}`, 'bin/bun');

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
  assert.equal(await answerOfWorkerd(folder, 'workerd', 'tiers.wasm'), WELL);
});

test('an edge runtime that takes modules by a suffix', async () => {
  const folder = await install();
  assert.equal(await answerOfWorkerd(folder, 'edge-light', 'tiers.wasm?module'), WELL);
});
