/** The package as it would be published: what is in it, and whether tools and compilers find their way. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ROOT, WEB } from '../lib/bundle.mjs';
import { pack } from '../lib/tarball.js';

const PACKAGE = join(ROOT, 'pkg');
const SHARED = ['answers', 'common', 'core', 'disk', 'files', 'text', 'writes'];
const SCRIPTS = [...SHARED, 'deno', 'edge', 'http', 'inline', 'inspector', 'node', 'queue', 'queue-node', 'slim', 'sw', 'url', 'workerd'].sort();
const FILES = [
  'LICENSE-APACHE',
  'LICENSE-MIT',
  'README.md',
  'package.json',
  'dist/tiers.wasm',
  ...SCRIPTS.flatMap((name) => [`dist/${name}.js`, `dist/${name}.js.map`]),
];
/** Written so that this file does not have them. */
const MACHINE_PATHS = ['/ro' + 'ot/', '/ho' + 'me/', '/Us' + 'ers/', '/wo' + 'rk/', '.car' + 'go/', 'index.cra' + 'tes.io'];

const tarball = pack();

test('the tarball holds the entries, one module, and the types of the sources', async () => {
  const sources = await readdir(join(PACKAGE, 'ts'), { recursive: true });
  const types = sources.filter((name) => /(?<!\.d)\.ts$/.test(name)).map((name) => `dist/types/${name.replace(/\.ts$/, '.d.ts')}`);
  assert.deepEqual(tarball.files, [...FILES, ...types].sort());
  console.log(`${(tarball.bytes / 1024).toFixed(0)} KiB, ${tarball.files.length} files`);
});

test('no file knows the machine that built it', async () => {
  for (const name of tarball.files) {
    const text = (await readFile(join(PACKAGE, name))).toString('latin1');
    const found = MACHINE_PATHS.filter((path) => text.includes(path));
    assert.deepEqual(found, [], name);
  }
});

test('publint has nothing to say', async () => {
  const { messages, pkg = {} } = await publint({ pkgDir: PACKAGE, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test('@arethetypeswrong/cli finds the types of every entry', async () => {
  const attw = join(WEB, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const words = [attw, tarball.path, '--profile', 'esm-only', '--no-emoji', '--no-color', '--exclude-entrypoints', './tiers.wasm'];
  // It fails if it finds a problem.
  const { stdout } = await promisify(execFile)(process.execPath, words).catch((error: unknown) => {
    throw new Error(`attw: ${(error as { stdout: string }).stdout}`);
  });
  for (const name of ['', '/url', '/slim', '/http', '/inspector', '/queue', '/sw'].map((path) => `tiered-storage${path}`)) {
    assert.match(stdout, new RegExp(`"${name}" .* OK \\(ESM\\) .* OK `));
  }
});
