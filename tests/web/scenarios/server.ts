/** The embedded S3 server, as a process of its own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { ROOT } from '../lib/bundle.mjs';

/** Where the server is and what it lets in. */
export interface Place {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** A fault by its name, as `tests/src/orders.rs` knows it. */
export type FaultName =
  | 'slowDown'
  | 'internalError'
  | 'errorIn200'
  | 'truncate'
  | 'hang'
  | 'dropBefore'
  | 'dropAfter'
  | 'conflict'
  | 'requestTimeout'
  | 'expiredToken'
  | 'accessDenied'
  | 'notImplemented'
  | 'redirect'
  | 'keyDenied'
  | 'keyBusy';

/** What a request asks for. */
export type RequestKind =
  | 'get'
  | 'head'
  | 'put'
  | 'delete'
  | 'deleteObjects'
  | 'list'
  | 'copy'
  | 'createMultipart'
  | 'uploadPart'
  | 'copyPart'
  | 'complete'
  | 'abort';

/** What the server is told to do. */
export type Order =
  | { order: 'damage'; bucket: string; key: string; how: string }
  /** Without `on`, any request; only those that name a text; without `times`, always. */
  | { order: 'fault'; fault: FaultName; on?: RequestKind; naming?: string; times?: number }
  | { order: 'calm' | 'stop' | 'restart' }
  /** Drops the faults of requests that name a text that starts like this. */
  | { order: 'clear'; naming: string }
  | { order: 'skew'; ms: number }
  | { order: 'untilFired'; fired: number }
  | { order: 'show'; bucket: string; prefix: string }
  | { order: 'fill'; bucket: string; prefix: string; count: number };

/** What there is with names that start with a prefix. */
export interface Shown {
  /** How many faults that name such befell a request, and how many did in all. */
  fired: number;
  firedInAll: number;
  objects: string[];
  uploads: string[];
}

/** Resolves to what an order gives: `Shown`, or whether there was something to damage. */
export type Obey<Also = never> = <R = null>(order: Order | Also) => Promise<R>;

export interface RunningServer {
  readonly place: Place;
  readonly obey: Obey;
  /** Changes a stored body and leaves its ETag and its headers as they were. `false` if there is no such object. */
  damage(bucket: string, key: string, how: string): Promise<boolean>;
  /** Resolves when nobody listens any more. */
  close(): Promise<void>;
}

/** Starts a server with these buckets, and with CORS for `origin`. */
export async function startServer(buckets: string[], origin: string, more: string[] = []): Promise<RunningServer> {
  const keys = { accessKeyId: 'access-key', secretAccessKey: 'secret-key' };
  const flags = ['--access-key', keys.accessKeyId, '--secret-key', keys.secretAccessKey, '--cors-origin', origin];
  const words = [...flags, ...buckets.flatMap((bucket) => ['--bucket', bucket]), '--obey', ...more];
  const child = spawn(await builtProgram('s3-server'), words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const first = new Promise<string>((done, fail) => {
    lines.once('line', done).once('close', () => fail(new Error('the S3 server went away')));
  });
  await started(child);
  const endpoint = await first;
  const obey = obeying(child.stdin, lines);
  return {
    place: { endpoint, region: 'us-east-1', ...keys },
    obey,
    damage: (bucket, key, how) => obey<boolean>({ order: 'damage', bucket, key, how }),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

/** Sends orders by number, and gives each the answer with that number. */
function obeying(orders: Writable, lines: Interface): Obey {
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  lines.on('line', (line) => {
    const answer = JSON.parse(line) as Answer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  lines.on('close', () => waiting.forEach((end, id) => end({ id, error: 'the S3 server went away' })));
  return async <R>(order: Order): Promise<R> => {
    const id = ++last;
    const answered = new Promise<Answer>((end) => waiting.set(id, end));
    orders.write(`${JSON.stringify({ id, ...order })}\n`);
    const { value, error } = await answered;
    if (error !== undefined) throw new Error(error);
    return value as R;
  };
}

interface Answer {
  id: number;
  value?: unknown;
  error?: string;
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
