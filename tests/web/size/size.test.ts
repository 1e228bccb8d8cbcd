/** What the package costs a page: its default entry, bundled, minified and gzipped, beside others. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { build, type BuildOptions } from 'esbuild';
import { ROOT, WEB, builtPackage } from '../lib/bundle.mjs';

const KIB = 1024;
/** What the entry is meant to take at most. */
const GOAL_BYTES = 75 * KIB;
/** What it may take until it gets there: about as much as it takes. Whoever makes it smaller lowers this. */
const LIMIT_BYTES = 162 * KIB;
/** What the inspector may take. */
const INSPECTOR_BYTES = 17 * KIB;

test('the default entry does not grow', async () => {
  const size = await gzipped(`export * from 'tiered-storage'`);
  const typescript = await gzipped(`export * from '${join(ROOT, 'pkg/ts/index.ts')}'`);
  const glue = await gzipped(`export * from '${join(ROOT, 'pkg/generated/tiers.js')}'`);
  const sdk = await gzipped(
    `export { S3Client, GetObjectCommand, HeadObjectCommand, PutObjectCommand, CopyObjectCommand, DeleteObjectCommand,
    DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'`,
  );
  const small = await gzipped(`export * from 'idb-keyval'; export * from 'aws4fetch'; export * from 'lru-cache'`);
  show('tiered-storage, the default entry with everything', size);
  show('  of it the module, as it is downloaded by ./url', await module());
  show('  of it the glue of wasm-bindgen', glue);
  show('  of it TypeScript', typescript);
  show('the goal for the default entry', GOAL_BYTES);
  show('@aws-sdk/client-s3, the client and eight commands', sdk);
  show('idb-keyval, aws4fetch and lru-cache', small);
  assert.ok(size <= LIMIT_BYTES, `the default entry has ${size} bytes, ${size - LIMIT_BYTES} too many`);
});

test('the inspector stays small, and brings nothing of the rest along', async () => {
  const size = await gzipped(`export * from 'tiered-storage/inspector'`);
  show('tiered-storage/inspector', size);
  assert.ok(size <= INSPECTOR_BYTES, `the inspector has ${size} bytes, ${size - INSPECTOR_BYTES} too many`);
});

/** Minifies and gzips a module with all that it imports. */
async function gzipped(contents: string): Promise<number> {
  const options: BuildOptions = {
    stdin: { contents, resolveDir: WEB },
    absWorkingDir: WEB,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['#glue'],
    plugins: [builtPackage(false)],
    logLevel: 'error',
  };
  const { outputFiles } = await build(options);
  return gzip(outputFiles?.[0]?.contents ?? new Uint8Array());
}

async function module(): Promise<number> {
  return gzip(await readFile(join(ROOT, 'pkg/dist/tiers.wasm')));
}

function gzip(bytes: Uint8Array): number {
  return gzipSync(bytes, { level: 9 }).length;
}

function show(what: string, bytes: number): void {
  console.log(`${(bytes / KIB).toFixed(1).padStart(7)} KiB gzip  ${what}`);
}
