/** The tests that are compiled to WebAssembly (`adapters/src/web`), in Node and in Chromium. Each is an export. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../lib/bundle.mjs';
import { launchChromium, openModule } from '../lib/browser.js';
import { load } from './load.js';

/** Where `cargo verify wasm-tests` puts them. */
const MADE = join(ROOT, 'target/web-tests');
const LIMIT_MS = 60_000;

const glue = await readFile(join(MADE, 'tests.js'), 'utf8');
const module = await readFile(join(MADE, 'tests_bg.wasm'));
const inNode = await load(pathToFileURL(join(MADE, 'tests.js')).href, module);
const names = Object.keys(inNode).sort();

suite('compiled for WebAssembly, in Node', () => {
  test('there are tests', () => assert.ok(names.length > 30));
  for (const name of names) test(inWords(name), { timeout: LIMIT_MS }, async () => void (await inNode[name]?.()));
});

const browser = await launchChromium();
const context = await browser.newContext();
const served = (path: string) => (path === '/tests.js' ? glue : path === '/tests.wasm' ? module : undefined);
const page = await openModule(context, 'wasm/page.ts', served);
after(async () => {
  await page.close();
  await browser.close();
});

suite('compiled for WebAssembly, in Chromium', () => {
  for (const name of names) {
    test(inWords(name), { timeout: LIMIT_MS }, async () => {
      const failure = await page.call<string | null>('run', name);
      assert.equal(failure, null, failure ?? '');
    });
  }
});

function inWords(name: string): string {
  return name.replaceAll('_', ' ');
}
