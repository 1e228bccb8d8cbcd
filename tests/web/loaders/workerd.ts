/** A worker in workerd, on loopback. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { WEB } from '../lib/bundle.mjs';

const PLATFORM = `${process.platform}-${process.arch === 'x64' ? '64' : process.arch}`;
const WORKERD = join(WEB, 'node_modules/@cloudflare', `workerd-${PLATFORM}`, 'bin/workerd');

/** Bundles `worker.mjs` with a condition, deploys it with the module under a name, and asks it once. */
export async function answerOfWorkerd(folder: string, condition: string, module: string): Promise<string> {
  await build({
    absWorkingDir: folder,
    entryPoints: ['worker.mjs'],
    outfile: join(folder, 'out/worker.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    conditions: [condition],
    external: [`./${module}`],
  });
  await writeFile(join(folder, 'config.capnp'), config(module));
  // It tells on a descriptor of its own which port it took.
  const words = ['serve', 'config.capnp', '--control-fd=3'];
  const worker = spawn(WORKERD, words, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  try {
    const port = await portOf(worker.stdio[3] as Readable);
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(30_000) });
    return await response.text();
  } finally {
    const ended = once(worker, 'exit');
    worker.kill();
    await ended;
  }
}

async function portOf(control: Readable): Promise<number> {
  for await (const line of createInterface(control)) {
    const said = JSON.parse(line) as { event: string; port?: number };
    if (said.event === 'listen' && said.port) return said.port;
  }
  throw new Error('workerd ended before it listened');
}

function config(module: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "out/worker.mjs"),
    (name = "${module}", wasm = embed "node_modules/tiered-storage/dist/tiers.wasm"),
  ],
  compatibilityDate = "2026-01-01",
);
`;
}
