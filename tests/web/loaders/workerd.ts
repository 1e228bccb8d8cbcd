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

/** A worker that answers requests. */
export interface Worker extends AsyncDisposable {
  readonly origin: string;
}

/** Bundles a program with a condition, and deploys it with the module under a name. */
export async function deploy(folder: string, program: string, condition: string, module: string): Promise<Worker> {
  await build({
    absWorkingDir: folder,
    entryPoints: [program],
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
  const end = async (): Promise<void> => {
    const ended = once(worker, 'exit');
    worker.kill();
    await ended;
  };
  try {
    const port = await portOf(worker.stdio[3] as Readable);
    return { origin: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What a worker answers. */
export async function ask(worker: Worker, path = '/'): Promise<string> {
  const response = await fetch(worker.origin + path, { signal: AbortSignal.timeout(30_000) });
  return response.text();
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
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private", "public"])),
    (name = "cache", worker = .cache),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "out/worker.mjs"),
    (name = "${module}", wasm = embed "node_modules/tiered-storage/dist/tiers.wasm"),
  ],
  compatibilityDate = "2026-01-01",
  globalOutbound = "internet",
  cacheApiOutbound = "cache",
);

const cache :Workerd.Worker = (
  modules = [(name = "cache.mjs", esModule = embed "cache-service.mjs")],
  compatibilityDate = "2026-01-01",
);
`;
}
