/** The package in pages: without a bundler, and by each of the usual ones. */

import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { build as esbuild } from 'esbuild';
import type { Browser } from 'playwright-core';
import * as vite from 'vite';
import * as vite7 from 'vite7';
import webpack from 'webpack';
import { launchChromium } from '../lib/browser.js';
import { folder as filesOf, serve, type Answer } from '../lib/serve.js';
import { WELL, install, uninstall } from '../lib/installed.js';

/** What this uses of either Vite. */
interface Vite {
  build(options: object): Promise<unknown>;
  createServer(options: object): Promise<{
    resolvedUrls: { local: string[] } | null;
    listen(): Promise<unknown>;
    close(): Promise<void>;
  }>;
}

const VITES: [string, Vite][] = [
  ['Vite', vite],
  ['the previous Vite', vite7],
];

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(async () => {
  await browser.close();
  await uninstall();
});

for (const entry of ['tiered-storage', 'tiered-storage/url']) {
  test(`no bundler, and a policy for content: ${entry}`, async () => {
    const folder = await install(`/node_modules/tiered-storage/dist/${entry.split('/')[1] ?? 'inline'}.js`);
    const files = filesOf(folder);
    const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:";
    assert.equal(
      await resultOf(async (path, request) => {
        const body = (await files(path, request)) as Uint8Array | undefined;
        return body && { body, headers: { 'content-security-policy': policy } };
      }),
      WELL,
    );
  });

  test(`esbuild: ${entry}`, async () => {
    const folder = await install(entry);
    const outfile = join(folder, 'out/main.mjs');
    await esbuild({ absWorkingDir: folder, entryPoints: ['main.mjs'], bundle: true, format: 'esm', minify: true, outfile });
    // It leaves URLs alone: the file they name is copied by hand.
    const files = filesOf(folder);
    const assets = filesOf(join(folder, 'node_modules/tiered-storage/dist'));
    assert.equal(
      await resultOf((path, request) => {
        if (path === '/main.mjs') return files('/out/main.mjs', request);
        return path.endsWith('.wasm') ? assets(path, request) : files(path, request);
      }),
      WELL,
    );
  });

  test(`webpack: ${entry}`, async () => {
    const folder = await install(entry);
    await webpacked(folder);
    const html = '<!doctype html><link rel="icon" href="data:,"><script src="/main.js"></script>';
    await writeFile(join(folder, 'out/index.html'), html);
    assert.equal(await resultOf(filesOf(join(folder, 'out'))), WELL);
  });

  for (const [name, bundler] of VITES) {
    test(`${name}, built: ${entry}`, async () => {
      const folder = await install(entry);
      await bundler.build({ root: folder, configFile: false, logLevel: 'error' });
      assert.equal(await resultOf(filesOf(join(folder, 'dist'))), WELL);
    });

    test(`${name}, while developing: ${entry}`, async () => {
      const folder = await install(entry);
      // The previous one moves what it optimizes away from its files.
      const exclude = bundler === vite || entry === 'tiered-storage' ? [] : ['tiered-storage'];
      const server = { host: '127.0.0.1', hmr: false };
      const started = await bundler.createServer({ root: folder, configFile: false, logLevel: 'error', server, optimizeDeps: { exclude } });
      try {
        await started.listen();
        assert.equal(await resultAt(started.resolvedUrls?.local[0] ?? ''), WELL);
      } finally {
        await started.close();
      }
    });
  }
}

test('the write queue, which knows no files in a page, by every bundler', async () => {
  const expected = `unsupported, ${WELL}`;
  const folder = await install();
  await copyFile(join(folder, 'queued.mjs'), join(folder, 'main.mjs'));
  const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>';
  await webpacked(folder);
  await writeFile(join(folder, 'out/index.html'), html);
  assert.equal(await resultOf(filesOf(join(folder, 'out'))), expected);
  const { warnings } = await esbuild({ absWorkingDir: folder, entryPoints: ['main.mjs'], bundle: true, format: 'esm', outfile: join(folder, 'out/main.js') });
  assert.deepEqual(warnings, []);
  assert.equal(await resultOf(filesOf(join(folder, 'out'))), expected);
  for (const [, bundler] of VITES) {
    await bundler.build({ root: folder, configFile: false, logLevel: 'error' });
    assert.equal(await resultOf(filesOf(join(folder, 'dist'))), expected);
  }
});

/** What the page says that a site answers with. */
async function resultOf(answer: Answer): Promise<string> {
  const site = await serve(async (path, request) => answer(path, request));
  try {
    return await resultAt(`${site.origin}/`);
  } finally {
    await site.close();
  }
}

async function resultAt(url: string): Promise<string> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(url);
  const said = page.waitForFunction(() => (globalThis as { result?: Promise<string> }).result, undefined, { timeout: 20_000 });
  const result = await said.then((result) => result.jsonValue()).catch((error: unknown) => String(error));
  await context.close();
  assert.deepEqual(errors, []);
  return result ?? 'nothing';
}

function webpacked(folder: string): Promise<void> {
  return new Promise((done, fail) => {
    const output = { path: join(folder, 'out'), filename: 'main.js' };
    webpack({ context: folder, entry: './main.mjs', mode: 'production', output, performance: false }, (error, stats) => {
      if (error || stats?.hasErrors()) fail(error ?? new Error(stats?.toString()));
      else done();
    });
  });
}
