/** How the entries start the module. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import type * as Slim from '../../../pkg/ts/entries/slim.js';
import { DIST } from '../lib/bundle.mjs';

const entry = async <M>(name: string): Promise<M> => (await import(pathToFileURL(join(DIST, `${name}.js`)).href)) as M;

test('a start that fails is an error of the package, is tried again, and a later one changes nothing', async () => {
  const { MemoryStorageTier, StorageError, TieredStorage, init } = await entry<typeof Slim>('slim');
  const open = () => TieredStorage.open({ tiers: { cold: new MemoryStorageTier() } });
  const isKind = (kind: string) => (error: unknown) => error instanceof StorageError && error.kind === kind;
  await assert.rejects(open, isKind('invalid'));
  await assert.rejects(init(new Uint8Array(8)), isKind('unavailable'));
  await assert.rejects(open, isKind('unavailable'));
  const module = await readFile(join(DIST, 'tiers.wasm'));
  await Promise.all([init(module), init(module)]);
  await (await open()).close();
  await init(new Uint8Array(8));
  await (await open()).close();
});

test('all entries share one set of classes, which have their own names', async () => {
  const names = ['inline', 'url', 'slim', 'node', 'deno'];
  const entries = await Promise.all(names.map((name) => entry<Record<string, unknown>>(name)));
  const [first, ...others] = entries;
  for (const [name, value] of Object.entries(first ?? {})) {
    assert.ok(others.every((other) => other[name] === value), name);
    assert.equal(typeof value === 'function' && value.name, name);
  }
});
