/** A run of the fuzzer, short enough for every day. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleForNode, WEB } from '../lib/bundle.mjs';

const SECONDS = '10';
/** The same each time, so that a failure is one of the change at hand. Other seeds are for runs by hand. */
const SEED = '31';

test('no arguments bring the package down', async () => {
  const [program = ''] = await bundleForNode([join(WEB, 'fuzz/main.ts')]);
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--enable-source-maps', program, SEED, SECONDS], { env, timeout: 120_000 });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.match(String(stdout), /^0 findings$/m);
});
