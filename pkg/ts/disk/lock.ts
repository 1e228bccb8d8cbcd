/**
 * A folder has one user, which leaves a file in it that says who it is. Nothing has to be removed for that to be taken by another: who
 * comes puts its own file beside what is there, and looks then. Of two that come at once, one at least sees the other.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join, resolve } from 'node:path';
import { StorageError } from '../errors.js';

/** How often two that saw each other try again, and how long they wait at most, in ms. */
const TURNS = 4;
const WAIT_MS = 40;

/** The folders that have a user in this realm. */
const taken = new Set<string>();

/** A folder that is ours. */
export interface Held {
  /** Whether it was last used in an earlier life of this machine, and not given back. */
  readonly wasCutOff: boolean;
  release(): Promise<void>;
}

/** Who has a folder; its file is named `lock` and these. `began`: when the process did, where the system says so. */
type User = readonly [kind: 'pid' | 'file', boot: string, pid: string, began: string];

/** Deno's locks of files, which end with the process; it may not ask for other processes without a permission. */
interface DenoFiles {
  open(path: string, options: object): Promise<{ tryLock(exclusive: boolean): Promise<boolean>; close(): void }>;
}

/** Takes a folder, or fails as `unavailable` if someone else has it. `what` it is for. */
export async function hold(directory: string, what: 'tier' | 'queue'): Promise<Held> {
  const folder = resolve(directory);
  const inUse = (by: string): StorageError => new StorageError('unavailable', `${folder} is in use by ${by}; give each ${what} a folder of its own`);
  if (taken.has(folder)) throw inUse('something else in this process');
  taken.add(folder);
  try {
    await mkdir(folder, { recursive: true });
    const me: User = [denoFiles() ? 'file' : 'pid', await bootId(), String(process.pid), await began('self')];
    for (let turn = 1; ; turn++) {
      const leave = await enter(folder, me);
      if (!leave) throw inUse('another thread of this process');
      const [other, gone] = await others(folder, me);
      if (!other) {
        await Promise.all(gone.map((user) => rm(pathOf(folder, user), { force: true })));
        const release = async (): Promise<void> => {
          await leave();
          taken.delete(folder);
        };
        return { wasCutOff: gone.some(([, boot]) => !isSameBoot(boot, me[1])), release };
      }
      await leave();
      if (turn === TURNS) throw inUse(`process ${other[2]}`);
      await new Promise((done) => setTimeout(done, Math.random() * WAIT_MS));
    }
  } catch (error) {
    taken.delete(folder);
    throw error;
  }
}

/** Says that we are there; gives what takes it back, or nothing if we were there already. */
async function enter(folder: string, me: User): Promise<(() => Promise<void>) | undefined> {
  const path = pathOf(folder, me);
  const leave = (): Promise<void> => rm(path, { force: true });
  const deno = denoFiles();
  if (!deno) {
    const isNew = await writeFile(path, '', { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
    return isNew ? leave : undefined;
  }
  // Whoever sees it finds it locked.
  const hidden = join(folder, `hidden-${randomUUID()}`);
  if (await isHeld(deno, path)) return undefined;
  const file = await deno.open(hidden, { write: true, createNew: true });
  await file.tryLock(true);
  await rename(hidden, path);
  return async () => {
    await leave();
    file.close();
  };
}

/** One who has the folder too, if there is one; and those who had it, and are gone. */
async function others(folder: string, me: User): Promise<[other: User | undefined, gone: User[]]> {
  const gone: User[] = [];
  for (const name of await readdir(folder)) {
    const [first, ...user] = name.split('_');
    if (first !== 'lock' || user.length !== me.length || user.join() === me.join()) continue;
    const other = user as unknown as User;
    if (await isThere(folder, other, me)) return [other, []];
    gone.push(other);
  }
  return [undefined, gone];
}

async function isThere(folder: string, other: User, me: User): Promise<boolean> {
  const [kind, boot, pid, start] = other;
  const deno = denoFiles();
  if (deno && kind === 'file') return isHeld(deno, pathOf(folder, other));
  if (!isSameBoot(boot, me[1]) || pid === me[2]) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // Another process may have got its number.
  const now = await began(pid);
  return !now || !start || now === start;
}

async function isHeld(deno: DenoFiles, path: string): Promise<boolean> {
  const file = await deno.open(path, { read: true, write: true }).catch(() => undefined);
  if (!file) return false;
  try {
    return !(await file.tryLock(true));
  } finally {
    file.close();
  }
}

function pathOf(folder: string, user: User): string {
  return join(folder, ['lock', ...user].join('_'));
}

function denoFiles(): DenoFiles | undefined {
  return (globalThis as { Deno?: DenoFiles }).Deno;
}

/** When a process began, in the system's own count; empty where it does not say. */
async function began(pid: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program comes before, and may have spaces and brackets.
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** What names this run of the machine: where the system has no name for it, the minute in which it began. */
async function bootId(): Promise<string> {
  const minute = (): string => String(Math.round((Date.now() / 1000 - uptime()) / 60));
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((id) => id.trim(), minute);
}

function isSameBoot(one: string, other: string): boolean {
  // Minutes are rounded, and clocks are set.
  return one === other || Math.abs(Number(one) - Number(other)) <= 1;
}
