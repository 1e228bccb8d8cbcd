/** Makes of TypeScript what Node or a page can run. */

import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** The folder `tests/web` (this file may have been bundled into another), the root, and what the build tool makes. */
export const WEB = findFolder(dirname(fileURLToPath(import.meta.url)));
export const ROOT = join(WEB, '../..');
export const DIST = join(ROOT, 'pkg/dist');
const GENERATED = join(ROOT, 'pkg/generated');
const OUT = join(WEB, '.out');

/**
 * Bundles programs for Node. Packages stay imports; `tiered-storage` is the built package.
 *
 * @param {string[]} files
 * @returns {Promise<string[]>} where the bundles are
 */
export async function bundleForNode(files) {
  const outs = files.map((file) => join(OUT, `${relative(WEB, file).replace(/\.m?ts$/, '')}.mjs`));
  const entryPoints = files.map((file, at) => ({ in: file, out: outs[at]?.replace(/\.mjs$/, '') ?? '' }));
  await build({
    ...common,
    entryPoints,
    platform: 'node',
    target: 'node20',
    outdir: '/',
    outExtension: { '.js': '.mjs' },
    sourcemap: 'inline',
    plugins: [builtPackage(true), packagesStayImports],
  });
  return outs;
}

/**
 * Bundles one module for a page; `tiered-storage` is the default entry of the built package.
 *
 * @param {string} file
 * @param {{minify?: boolean, define?: Record<string, string>}} [options]
 * @returns {Promise<string>} its text
 */
export async function bundleForPage(file, { minify = false, define = {} } = {}) {
  const { outputFiles } = await build({
    ...common,
    entryPoints: [file],
    platform: 'browser',
    target: 'es2022',
    sourcemap: minify ? false : 'inline',
    outdir: OUT,
    write: false,
    minify,
    define,
    plugins: [builtPackage(false)],
  });
  return /** @type {import('esbuild').OutputFile} */ (outputFiles[0]).text;
}

/** What is missing to import the package, as a sentence. */
export const NOT_BUILT = 'the npm package is not built: run `cargo run --package tiered-storage-build` first';

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: WEB,
  bundle: true,
  format: 'esm',
  logLevel: 'warning',
  // The parts of the package find the glue where the build tool puts it.
  alias: { '#glue': join(GENERATED, 'tiers.js') },
};

/**
 * @param {string} folder
 * @returns {string}
 */
function findFolder(folder) {
  return existsSync(join(folder, 'run.mjs')) ? folder : findFolder(dirname(folder));
}

/**
 * Finds `tiered-storage` in `pkg/dist`: for Node as an import of the built files, else to be bundled.
 *
 * @param {boolean} isForNode
 * @returns {import('esbuild').Plugin}
 */
export function builtPackage(isForNode) {
  return {
    name: 'built-package',
    setup({ onResolve }) {
      onResolve({ filter: /^tiered-storage(\/|$)/ }, ({ path }) => {
        if (!existsSync(join(DIST, 'inline.js'))) return { errors: [{ text: NOT_BUILT }] };
        const named = path.split('/')[1] ?? (isForNode ? 'node' : 'inline');
        const part = isForNode && named === 'queue' ? 'queue-node' : named;
        const file = join(DIST, part.includes('.') ? part : `${part}.js`);
        return isForNode ? { path: pathToFileURL(file).href, external: true } : { path: file };
      });
    },
  };
}

/** @type {import('esbuild').Plugin} */
const packagesStayImports = {
  name: 'packages-stay-imports',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./#]/ }, ({ path, kind }) => (kind === 'entry-point' ? null : { path, external: true }));
  },
};
