/** `cargo demo --web`, as a person starts it, killed while the app is open. */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test, type TestContext } from 'node:test';
import { Engine } from '../browsers/engine.js';
import { watch } from '../lib/browser.js';
import { serve } from '../lib/serve.js';
import { builtProgram } from '../scenarios/server.js';
import { PICTURE } from './files.js';
import { listed, shoot } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

test('the app goes on when the demo is killed, and sends what was written meanwhile when it runs again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tiered-storage-demo-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'notes'));
  await writeFile(join(folder, 'notes/kept.txt'), 'still here');
  await writeFile(join(folder, 'notes/never opened.txt'), 'only in the bucket');
  await writeFile(join(folder, 'dot.png'), PICTURE);
  const port = await freePort();
  const demo = await start(t, folder, port);
  const page = await engine.context.newPage();
  watch(page);
  await page.goto(`http://127.0.0.1:${port}/#/view/notes/kept.txt`);
  await listed(page);
  await page.getByText('still here').waitFor();
  await page.locator('.facts').getByText('On this device', { exact: true }).waitFor();

  demo.kill('SIGKILL');
  await once(demo, 'exit');
  await page.reload();
  await page.getByTestId('offline').waitFor();
  await page.getByText('still here').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByTestId('missing').waitFor();
  await page.keyboard.press('Escape');
  await page.getByTestId('upload').setInputFiles({ name: 'new.txt', mimeType: 'text/plain', buffer: Buffer.from('written meanwhile') });
  await page.getByTestId('pending').getByText('1 change to be sent').waitFor();
  await shoot(page, 'demo-killed');

  await start(t, folder, port);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByTestId('pending').waitFor({ state: 'detached' });
  const link = page.getByRole('link', { name: /new\.txt/ });
  await link.waitFor();
  assert.doesNotMatch((await link.textContent()) ?? '', /Waits/);
});

/** Starts the demo over a folder, and waits until it says where the library is. */
async function start(t: TestContext, folder: string, port: number): Promise<ChildProcess> {
  const words = ['--as-built', folder, '--port', String(port)];
  const demo = spawn(await builtProgram('demo'), words, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => demo.kill('SIGKILL'));
  for await (const line of createInterface({ input: demo.stdout })) {
    if (line.includes(`The library is at http://127.0.0.1:${port}`)) return demo;
  }
  throw new Error('the demo ended before it served anything');
}

/** A port that nobody has, nor the next. */
async function freePort(): Promise<number> {
  for (;;) {
    const { port, close } = await serve(() => undefined);
    const next = await serve(() => undefined, port + 1).catch(() => undefined);
    await Promise.all([close(), next?.close()]);
    if (next) return port;
  }
}
