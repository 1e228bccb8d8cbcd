/** Servers that others wrote, as processes of their own. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { builtProgram } from '../../scenarios/server.js';
import type { Peer, PeerName } from './work.js';

export interface RunningPeer {
  /** Why there is none, where it cannot be had. */
  readonly missing?: string;
  readonly peer: Omit<Peer, 'folder'>;
  close(): Promise<void>;
}

export async function startPeer(name: PeerName): Promise<RunningPeer> {
  const child = spawn(await builtProgram('s3-peer'), [name], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout ?? assert.fail('a pipe') });
  const line = await new Promise<string>((done, fail) => {
    lines.once('line', done).once('close', () => fail(new Error(`${name} went away`)));
  });
  const { missing, ...place } = JSON.parse(line) as Omit<Peer, 'name' | 'folder'> & { missing?: string };
  const close = async (): Promise<void> => {
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.stdin?.end();
    await ended;
  };
  return { ...(missing !== undefined && { missing }), peer: { name, ...place }, close };
}
