/** Fresh folders with a small program and the package, installed from its tarball. */

import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WEB } from './bundle.mjs';
import { pack } from './tarball.js';

/** What the program says if all is well. */
export const WELL = 'stored {"text":"hello"}';
const LIMIT_MS = 120_000;

const tarball = pack();
const folders: string[] = [];

/** Makes a folder that imports `tiered-storage`, or another entry in its place. */
export async function install(entry = 'tiered-storage'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tiered-storage-loader-'));
  folders.push(folder);
  await cp(join(WEB, 'loaders/app'), folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), 'utf8');
    await writeFile(join(folder, name), text.replace(`'tiered-storage'`, `'${entry}'`));
  }
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball.path], folder);
  return folder;
}

/** Runs a program in a folder, and gives what it printed. */
export async function run(program: string, words: string[], folder: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = { cwd: folder, timeout: LIMIT_MS, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(program, words, options).catch((error: unknown) => {
    const { message, stdout: printed } = error as { message: string; stdout: string };
    throw new Error(`${message}\n${printed}`);
  });
  return stdout.trim();
}

/** Removes all folders. */
export async function uninstall(): Promise<void> {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}
