/** A large body in a queue is never in memory as a whole, be it queued or sent: in Chromium, and in a process of Node. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { callIn, launchChromium, openModule } from '../lib/browser.js';
import { WEB, bundleForNode } from '../lib/bundle.mjs';
import { startServer } from '../scenarios/server.js';
import { folderOf } from './world.js';

const MIB = 400;
/** What a process may need more than before: parts of an upload, and what is not collected yet. It does not grow with the body. */
const EXTRA_MIB_MAX = { node: 224, chromium: 340 };
const SAMPLE_MS = 20;

const skip = platform() !== 'linux' && 'the system does not tell how much memory a process has';

function show(where: string, step: string, ms: number, extraMib: number): void {
  console.log(`${where}, ${step} ${MIB} MiB: ${(ms / 1000).toFixed(1)} s, ${Math.round(extraMib)} MiB more memory`);
}

test('in Node', { skip }, async (t) => {
  const server = await startServer(['bucket'], '*');
  t.after(() => server.close());
  const { endpoint, accessKeyId, secretAccessKey } = server.place;
  const [program = ''] = await bundleForNode([resolve(WEB, 'queue/child.ts')]);
  const where = JSON.stringify({ endpoint, accessKeyId, secretAccessKey, prefix: 'large/' });
  const child = spawn(process.execPath, [program, where, await folderOf(t), 'large', String(MIB)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const steps: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [, step = '', ms, kib] = /^took (\w+) (\d+) (\d+)$/.exec(line) ?? [];
    if (!step) continue;
    steps.push(step);
    show('Node', step, Number(ms), Number(kib) / 1024);
    assert.ok(Number(kib) <= EXTRA_MIB_MAX.node * 1024, `to ${step} it took ${Number(kib) / 1024} MiB`);
  }
  assert.deepEqual([await ended, steps], [[0, null], ['queue', 'send']]);
});

test('in Chromium', { skip }, async (t) => {
  const server = await startServer(['bucket'], '*');
  t.after(() => server.close());
  const browser = await launchChromium();
  t.after(() => browser.close());
  const { page, site } = await openModule(await browser.newContext(), 'queue/page.ts');
  t.after(() => site.close());
  const { endpoint, accessKeyId, secretAccessKey } = server.place;
  await callIn(page, 'open', [{ endpoint, accessKeyId, secretAccessKey, prefix: 'large/' }]);
  await callIn(page, 'pour', ['first', 1]);
  await callIn(page, 'flush', []);
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = (await cdp.send('SystemInfo.getProcessInfo')) as { processInfo: { type: string; id: number }[] };
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  const steps = { queue: ['pour', 'film', MIB], send: ['flush'] };
  for (const [step, [name = '', ...words]] of Object.entries(steps)) {
    const before = await memoryMib(renderers);
    let most = before;
    const timer = setInterval(async () => (most = Math.max(most, await memoryMib(renderers))), SAMPLE_MS);
    const begun = performance.now();
    await callIn(page, String(name), words);
    clearInterval(timer);
    show('Chromium', step, performance.now() - begun, most - before);
    assert.ok(most - before <= EXTRA_MIB_MAX.chromium, `to ${step} it took ${most - before} MiB`);
  }
  assert.deepEqual(await callIn(page, 'pending', []), []);
});

/** What processes have of memory that is no file's. */
async function memoryMib(pids: readonly number[]): Promise<number> {
  const one = async (pid: number): Promise<number> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  };
  return (await Promise.all(pids.map(one))).reduce((sum, mib) => sum + mib, 0);
}
