/** Bundles the entries of the package into `dist`, with the one copy of the module beside them. */

import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(PACKAGE, 'dist');
const GENERATED = join(PACKAGE, 'generated');
const MODULE = join(GENERATED, 'tiers.wasm');
/** Stands for the text of the module until the bundles are written, so that it is in no source map. */
const PLACEHOLDER = '@text@';
const ENTRIES = ['inline', 'url', 'slim', 'node', 'deno', 'workerd', 'edge', 'http', 'inspector', 'queue', 'queue-node', 'sw'];
/** The files that entries share: their names, by something that is in them. */
const SHARED = new Map([
  ['ts/index.ts', 'core'],
  ['ts/disk.ts', 'disk'],
  ['ts/disk/lock.ts', 'files'],
  ['ts/queue.ts', 'writes'],
  ['ts/http.ts', 'answers'],
  ['ts/errors.ts', 'common'],
]);

/** @type {import('esbuild').BuildOptions & {write: false, metafile: true}} */
const common = {
  absWorkingDir: PACKAGE,
  outdir: DIST,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  // It would hold up every module that imports the package, and not every bundler takes it.
  supported: { 'top-level-await': false },
  alias: { '#glue': join(GENERATED, 'tiers.js') },
  sourcemap: true,
  metafile: true,
  write: false,
  logLevel: 'warning',
};
const entries = await build({
  ...common,
  entryPoints: ENTRIES.map((name) => `ts/entries/${name}.ts`),
  splitting: true,
  external: ['node:*', '*.wasm', '*.wasm?module', './text.js'],
});
const text = await build({
  ...common,
  entryPoints: ['ts/entries/text.ts'],
  plugins: [{ name: 'module-text', setup: addText }],
});

const packed = await readFile(join(GENERATED, 'tiers.gz'), 'base64');
const names = renames(entries.metafile);
await mkdir(DIST, { recursive: true });
for (const old of await readdir(DIST)) {
  if (/\.(js|map|wasm)$/.test(old)) await rm(join(DIST, old));
}
for (const { path, text: contents } of [...entries.outputFiles, ...text.outputFiles]) {
  const written = path.endsWith('.js') ? renamed(contents).replace(PLACEHOLDER, packed) : renamed(contents);
  await writeFile(join(DIST, renamed(basename(path))), written);
}
await copyFile(MODULE, join(DIST, 'tiers.wasm'));

/** @param {import('esbuild').PluginBuild} build */
function addText({ onResolve, onLoad }) {
  const namespace = 'module-text';
  onResolve({ filter: /^#text$/ }, () => ({ path: 'text', namespace }));
  onLoad({ filter: /^text$/, namespace }, () => ({ contents: `export const text = '${PLACEHOLDER}';` }));
}

/**
 * What each shared file is to be called: names that stay the same when contents change.
 *
 * @param {import('esbuild').Metafile} metafile
 */
function renames({ outputs }) {
  const shared = Object.entries(outputs).filter(([path, { entryPoint }]) => !entryPoint && path.endsWith('.js'));
  const found = shared.map(([path, { inputs }]) => {
    const name = [...SHARED].find(([input]) => input in inputs)?.[1];
    if (!name) throw new Error(`there is no name for the file that holds ${Object.keys(inputs).join(', ')}`);
    return /** @type {const} */ ([basename(path, '.js'), name]);
  });
  return new Map(found);
}

/**
 * Puts in the names of shared files; gives classes their own names, which errors and stack traces show; and leaves out imports of
 * nothing, of which other bundlers complain: who needs such a file imports it.
 *
 * @param {string} contents
 */
function renamed(contents) {
  const classes = [...contents.matchAll(/^var (\w+) = class (_\1) /gm)];
  const named = classes.reduce((text, [, name, other]) => text.replace(new RegExp(`\\b${other}\\b`, 'g'), `${name}`), contents);
  const needed = named.replace(/^import "\.\/[\w-]+\.js";$/gm, '');
  return needed.replace(/\bchunk-[A-Z0-9]{8}\b/g, (chunk) => names.get(chunk) ?? chunk);
}
