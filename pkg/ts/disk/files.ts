/** Reading and writing files. */

import { constants } from 'node:fs';
import { open, opendir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from '../errors.js';
import { HEADS_BYTES, decodeHead, type Head } from './record.js';

/** An open file, which is closed when it was given up and nobody uses it any more. */
export class OpenFile {
  readonly #file: FileHandle;
  #uses = 0;
  #isGivenUp = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Opens a file; `undefined` if it is not there. */
  static async open(path: string, flags: 'r' | 'r+'): Promise<OpenFile | undefined> {
    const file = await open(path, flags).catch(orMissing);
    return file && new OpenFile(file);
  }

  /** Makes a file, unless it is there. */
  static async make(path: string): Promise<OpenFile> {
    return new OpenFile(await open(path, constants.O_RDWR | constants.O_CREAT));
  }

  /** Reads bytes; `undefined` if the file ends before them. */
  async read(start: number, end: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(end - start);
    return (await this.#read(bytes, start)) === bytes.length ? bytes : undefined;
  }

  async head(): Promise<Head | undefined> {
    const bytes = Buffer.alloc(HEADS_BYTES);
    return decodeHead(bytes.subarray(0, await this.#read(bytes, 0)));
  }

  /** Writes all of it: a system may take less than it was given. */
  write(bytes: Uint8Array, at: number): Promise<void> {
    return this.#use(async () => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done);
        if (!bytesWritten) throw Object.assign(new Error('nothing of it was written'), { code: 'ENOSPC' });
        done += bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return this.#use(() => this.#file.datasync());
  }

  /** Comes last, and may come again. */
  giveUp(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#close();
  }

  /** Reads as much of `bytes` as there is, and says how much that is. */
  #read(bytes: Uint8Array, at: number): Promise<number> {
    return this.#use(async () => {
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await this.#file.read(bytes, done, bytes.length - done, at + done);
        if (!bytesRead) break;
        done += bytesRead;
      }
      return done;
    });
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isGivenUp) throw new StorageError('unavailable', 'the file was given up; begin again');
    this.#uses += 1;
    try {
      return await work();
    } finally {
      this.#uses -= 1;
      this.#close();
    }
  }

  #close(): void {
    // What was to be kept of it was synced before.
    if (this.#isGivenUp && !this.#uses) void this.#file.close().catch(() => undefined);
  }
}

/** The files of entries under a folder. */
export async function* files(root: string): AsyncGenerator<string> {
  const folders = await opendir(root).catch(orMissing);
  if (!folders) return;
  for await (const folder of folders) {
    const entries = await opendir(join(root, folder.name)).catch(orMissing);
    if (!entries) continue;
    for await (const entry of entries) yield join(root, folder.name, entry.name);
  }
}

/** The head of a file; `undefined` if there is no such file, or no head in it that is whole. */
export async function readHead(path: string): Promise<Head | undefined> {
  const file = await OpenFile.open(path, 'r');
  try {
    return await file?.head();
  } finally {
    file?.giveUp();
  }
}

/** Makes the names in a folder outlast a power loss, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

/** That something is not there is no error. */
export function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw wrapped(error);
}

/** Whether the device, or what its user may have of it, is used up. */
export function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function wrapped(error: unknown): StorageError {
  if (isFull(error)) return StorageError.from(error, 'the device is full', undefined, 'full');
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const kind = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'denied' : 'unavailable';
  return StorageError.from(error, 'the folder cannot be used', undefined, kind);
}

/** An error about a file that is not the entry that was written. */
export function damaged(key: string): StorageError {
  return new StorageError('corrupt', 'the file is not the entry that was written', { key });
}
