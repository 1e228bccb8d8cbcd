/** The embedded S3 server, as a process of its own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { ROOT } from '../lib/bundle.mjs';

/** Where the server is and what it lets in. */
export interface Place {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface RunningServer {
  readonly place: Place;
  /** Changes a stored body and leaves its ETag and its headers as they were. `false` if there is no such object. */
  damage(bucket: string, key: string, how: string): Promise<boolean>;
  /** Resolves when nobody listens any more. */
  close(): Promise<void>;
}

/** Starts a server with these buckets, and with CORS for `origin`. */
export async function startServer(buckets: string[], origin: string, more: string[] = []): Promise<RunningServer> {
  const keys = { accessKeyId: 'access-key', secretAccessKey: 'secret-key' };
  const flags = ['--access-key', keys.accessKeyId, '--secret-key', keys.secretAccessKey, '--cors-origin', origin];
  const words = [...flags, ...buckets.flatMap((bucket) => ['--bucket', bucket]), '--damage-on-demand', ...more];
  const child = spawn(await builtProgram('s3-server'), words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the S3 server went away');
    return value;
  };
  await started(child);
  const place = { endpoint: await line(), region: 'us-east-1', ...keys };
  return {
    place,
    async damage(bucket, key, how) {
      child.stdin.write(`${JSON.stringify({ bucket, key, how })}\n`);
      const answer = JSON.parse(await line()) as boolean | { error: string };
      if (typeof answer === 'boolean') return answer;
      throw new Error(answer.error);
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

async function started(child: ChildProcess): Promise<void> {
  await once(child, 'spawn');
}

const built = new Map<string, Promise<string>>();

/** Where a program of the tests is, built if need be. */
export function builtProgram(name: string): Promise<string> {
  const path = built.get(name) ?? build(name);
  built.set(name, path);
  return path;
}

async function build(name: string): Promise<string> {
  // With the features that all of the workspace has: with others, cargo would build its dependencies once more.
  const words = ['build', '--quiet', '--workspace', '--all-features', '--bin', name];
  const format = '--message-format=json-render-diagnostics';
  const { stdout } = await promisify(execFile)('cargo', [...words, format], { cwd: ROOT, maxBuffer: 2 ** 26 });
  for (const line of stdout.split('\n').reverse()) {
    if (!line.startsWith('{')) continue;
    const { executable } = JSON.parse(line) as { executable?: string | null };
    if (typeof executable === 'string') return executable;
  }
  throw new Error(`cargo does not say where ${name} is`);
}
