/** Bodies on their way into a folder. */

import { rm } from 'node:fs/promises';
import { StorageError } from '../errors.js';
import type { Pieces, Source, Stage } from '../port.js';
import { MemorySource } from '../staged.js';
import { OpenFile, damaged, wrapped } from './files.js';
import { HEADS_BYTES, SMALL_BYTES_MAX, type Head } from './record.js';
import type { Room } from './room.js';

/** How much is read at once, in bytes. */
export const PIECE_BYTES = 2 ** 20;

/** Gathers a small body; what is larger goes to a file of its own, in which there is room for heads in front. */
export class DiskStage implements Stage {
  readonly #room: Room;
  readonly #key: string;
  readonly #path: string;
  readonly #buffer = new Uint8Array(SMALL_BYTES_MAX);
  #filled = 0;
  #size = 0;
  #file: OpenFile | undefined;
  /** What is under way. */
  #work: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(room: Room, key: string, path: string) {
    this.#room = room;
    this.#key = key;
    this.#path = path;
  }

  write(piece: Uint8Array): Promise<void> {
    return this.#while(async () => {
      this.#room.check(this.#key, this.#size + this.#filled + piece.length);
      for (let at = 0; at < piece.length; ) {
        // There is always something to come, so that what is small never gets a file.
        if (this.#filled === this.#buffer.length) await this.#flush();
        const part = piece.subarray(at, at + this.#buffer.length - this.#filled);
        this.#buffer.set(part, this.#filled);
        this.#filled += part.length;
        at += part.length;
      }
    });
  }

  finish(): Promise<Source> {
    return this.#while(async () => {
      if (!this.#file) return new MemorySource(this.#buffer.slice(0, this.#filled));
      const file = await this.#flush();
      this.#isOver = true;
      return new DiskSource(this.#room, file, this.#path, this.#size);
    });
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // A file that is being made is there only then.
    void this.#work.then(() => discard(this.#file, this.#path));
  }

  async #flush(): Promise<OpenFile> {
    const bytes = this.#buffer.subarray(0, this.#filled);
    const file = (this.#file ??= await OpenFile.make(this.#path));
    await this.#room.within(this.#key, bytes.length, () => file.write(bytes, HEADS_BYTES + this.#size));
    this.#size += this.#filled;
    this.#filled = 0;
    return file;
  }

  #while<T>(work: () => Promise<T>): Promise<T> {
    const done = work().catch((error: unknown) => {
      throw wrapped(error);
    });
    this.#work = done.catch(() => undefined);
    return done;
  }
}

/** A body that lies ready in a file, behind room for heads. */
export class DiskSource implements Source {
  /** Whose it is. */
  readonly room: Room;
  readonly file: OpenFile;
  readonly path: string;
  readonly size: number;
  /** The file is that of an entry now. */
  isStored = false;

  constructor(room: Room, file: OpenFile, path: string, size: number) {
    this.room = room;
    this.file = file;
    this.path = path;
    this.size = size;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = await this.file.read(HEADS_BYTES + start, HEADS_BYTES + end);
    if (!bytes) throw gone();
    return bytes;
  }

  cancel(): void {
    if (this.isStored) this.file.giveUp();
    else discard(this.file, this.path);
  }
}

/** The body of an entry: the file is that of one version, whatever becomes of its name. */
export class FilePieces implements Pieces {
  readonly #key: string;
  readonly #file: OpenFile;
  readonly #end: number;
  #at: number;

  constructor(key: string, file: OpenFile, { start, bytes }: Head) {
    this.#key = key;
    this.#file = file;
    this.#at = start;
    this.#end = start + bytes;
  }

  async next(): Promise<Uint8Array | undefined> {
    const [start, end] = [this.#at, Math.min(this.#at + PIECE_BYTES, this.#end)];
    if (start >= end) return undefined;
    this.#at = end;
    const piece = await this.#file.read(start, end).catch((error: unknown) => {
      throw wrapped(error);
    });
    if (!piece) throw damaged(this.#key);
    return piece;
  }

  cancel(): void {
    this.#file.giveUp();
  }
}

/** What was staged is not there. */
export function gone(): StorageError {
  return new StorageError('unavailable', 'what was staged of the body is gone; write it again');
}

/** Closes and removes a file that nobody needs; what fails now is swept when the folder is opened. */
function discard(file: OpenFile | undefined, path: string): void {
  file?.giveUp();
  if (file) void rm(path, { force: true }).catch(() => undefined);
}
