/** One tier of one process has a folder. */

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join, resolve } from 'node:path';
import { StorageError } from '../errors.js';

/** The folders that tiers of this process have. */
const taken = new Set<string>();

/** A folder that is ours. */
export interface Held {
  /** Whether it was last used in an earlier life of this machine, and not closed. */
  readonly wasCutOff: boolean;
  release(): Promise<void>;
}

/** Takes a folder, or fails as `unavailable` if someone else has it. */
export async function hold(directory: string): Promise<Held> {
  const folder = resolve(directory);
  if (taken.has(folder)) throw inUse(folder, 'another tier of this process');
  taken.add(folder);
  try {
    await mkdir(folder, { recursive: true });
    const path = join(folder, 'lock');
    const boot = await bootId();
    const mine = JSON.stringify({ pid: process.pid, boot, token: randomUUID() });
    let before: { pid?: number; boot?: string } | undefined;
    // A second turn where the one who had it went meanwhile.
    for (let turn = 0; ; turn++) {
      const isNew = await writeFile(path, mine, { flag: 'wx' }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error;
        },
      );
      if (isNew) break;
      before = await readLock(path);
      const isGone = before.boot !== boot || before.pid === process.pid || !isAlive(before.pid);
      if (!isGone || turn > 1) throw inUse(folder, `process ${before.pid ?? 'unknown'}`);
      await rm(path, { force: true });
    }
    const release = async (): Promise<void> => {
      await rm(path, { force: true });
      taken.delete(folder);
    };
    return { wasCutOff: before !== undefined && before.boot !== boot, release };
  } catch (error) {
    taken.delete(folder);
    throw error;
  }
}

async function readLock(path: string): Promise<{ pid?: number; boot?: string }> {
  try {
    const lock: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof lock === 'object' && lock !== null ? lock : {};
  } catch {
    // One that was being written when the machine went down.
    return {};
  }
}

function isAlive(pid: number | undefined): boolean {
  if (typeof pid !== 'number') return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What names this run of the machine: where the system has no name for it, the minute in which it began. */
async function bootId(): Promise<string> {
  const began = (): string => String(Math.round((Date.now() / 1000 - uptime()) / 60));
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((id) => id.trim(), began);
}

function inUse(folder: string, by: string): StorageError {
  return new StorageError('unavailable', `${folder} is in use by ${by}; give each tier a folder of its own`);
}
