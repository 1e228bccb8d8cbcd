/**
 * Bundles a TypeScript test or program of this folder and runs it in Node:
 *
 *     node run.mjs NAME [args]
 *
 * `NAME` is `storage/basic` for `storage/basic.ts` or `storage/basic.test.ts`, `storage` for `storage/main.ts`, or a
 * folder without a `main.ts`, whose `*.test.ts` are all run, as in `. --except loaders`: all tests but those in a folder.
 */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

const WEB = import.meta.dirname;
const [name, ...words] = process.argv.slice(2);
process.exitCode = await run(name ?? '.', words);

/**
 * @param {string} name
 * @param {string[]} words
 */
async function run(name, words) {
  const except = words[0] === '--except' ? words.splice(0) : [];
  const files = find(name).filter((file) => !except.some((folder) => relative(WEB, file).startsWith(`${folder}/`)));
  if (!files.length) {
    console.error(`there is no test or program ${name} in ${relative(process.cwd(), WEB) || '.'}`);
    return 2;
  }
  const bundled = await bundle(files);
  if (!bundled) return 1;
  const closing = pathToFileURL(join(WEB, 'lib/closing.mjs')).href;
  const to = '--test-reporter-destination=stdout';
  const reporters = ['--test-reporter=spec', to, `--test-reporter=${closing}`, to];
  if (files.length > 1) reporters.push('--test', '--test-concurrency=1');
  return spawned(['--enable-source-maps', ...reporters, ...bundled, ...(files.length > 1 ? [] : words)]);
}

/**
 * @param {string} name
 * @returns {string[]}
 */
function find(name) {
  const path = join(WEB, name);
  const file = [path, `${path}.ts`, `${path}.test.ts`, join(path, 'main.ts')].find((file) => /\.m?ts$/.test(file) && existsSync(file));
  if (file) return [file];
  if (!existsSync(path)) return [];
  const inside = readdirSync(path, { recursive: true, encoding: 'utf8' });
  const isTest = (/** @type {string} */ file) => file.endsWith('.test.ts') && !/node_modules|\.out/.test(file);
  return inside.filter(isTest).sort().map((file) => join(path, file));
}

/**
 * @param {string[]} files
 * @returns {Promise<string[] | undefined>}
 */
async function bundle(files) {
  if (!existsSync(join(WEB, 'node_modules'))) {
    console.error('the packages of the tests are not installed: run `npm install --no-save --prefix tests/web` first');
    return undefined;
  }
  const { bundleForNode } = await import('./lib/bundle.mjs');
  // What went wrong, esbuild has said.
  return bundleForNode(files).catch(() => undefined);
}

/**
 * @param {string[]} words
 * @returns {Promise<number>}
 */
function spawned(words) {
  const child = spawn(process.execPath, words, { stdio: 'inherit' });
  return new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}
