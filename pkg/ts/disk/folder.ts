/** The files of a folder: how an entry gets its name, and loses it. */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DiskOptions } from '../disk.js';
import { Parts } from '../parts.js';
import { OpenFile, files, orMissing, readHead, syncFolder } from './files.js';
import type { DiskPartial } from './parts.js';
import { HEADS_BYTES, encodeHead, encodeTurn } from './record.js';
import { Room, type Known } from './room.js';
import { gone, type DiskSource } from './stage.js';

/** How many files are looked at side by side. */
const CONCURRENCY = 32;

export class Folder {
  readonly parts = new Parts<DiskPartial>();
  readonly room: Room;
  readonly #options: DiskOptions;
  readonly #entries: string;
  readonly #temporary: string;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#entries = join(options.directory, 'entries');
    this.#temporary = join(options.directory, 'temporary');
    this.room = new Room(options, this.parts, () => scan(this.#entries), (key) => this.drop([key]));
  }

  /** Removes what was staged, or kept in part, when the process ended. */
  async sweep(): Promise<void> {
    await rm(this.#temporary, { recursive: true, force: true });
    await mkdir(this.#temporary, { recursive: true });
  }

  /** Where the entry of a key is. */
  path(key: string): string {
    const name = createHash('sha256').update(key).digest('hex');
    return join(this.#entries, name.slice(0, 2), name.slice(2));
  }

  /** A place for a file that no reader sees. */
  newPath(): string {
    return join(this.#temporary, randomUUID());
  }

  async write(key: string, body: Uint8Array, line: string): Promise<undefined> {
    const head = encodeHead(key, line, body.length);
    await this.#place(key, { weight: head.length + body.length, bytes: body.length }, async () => {
      const path = this.newPath();
      try {
        const file = await OpenFile.make(path);
        try {
          // Large bodies are not copied only to be written at once.
          const isLarge = head.length === HEADS_BYTES;
          await file.write(isLarge ? head : Buffer.concat([head, body]), 0);
          if (isLarge) await file.write(body, head.length);
          await this.syncFile(file);
        } finally {
          file.giveUp();
        }
        await this.#name(key, path);
      } catch (error) {
        await rm(path, { force: true }).catch(() => undefined);
        throw error;
      }
    });
  }

  /** Makes an entry of a file that has its body. */
  async adopt(key: string, source: DiskSource, line: string): Promise<undefined> {
    if (source.isStored) throw gone();
    await this.#place(key, { weight: HEADS_BYTES + source.size, bytes: source.size }, async () => {
      await source.file.write(...encodeTurn(key, line, source.size, 0));
      await this.syncFile(source.file);
      await this.#name(key, source.path);
      source.isStored = true;
    });
  }

  async drop(keys: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (let at = 0; at < keys.length; at += CONCURRENCY) {
      await Promise.all(
        keys.slice(at, at + CONCURRENCY).map(async (key) => {
          const path = this.path(key);
          const isGone = await unlink(path).then(() => true, orMissing);
          if (isGone) folders.add(dirname(path));
          await this.#dropParts(key);
          await this.room.note(key, undefined);
        }),
      );
    }
    await Promise.all(Array.from(folders, (folder) => this.#sync(folder)));
  }

  /** Puts the files aside, and removes them behind. */
  async clear(): Promise<void> {
    const aside = this.newPath();
    await rename(this.#entries, aside).catch(orMissing);
    await this.#sync(this.#options.directory);
    await Promise.all(Array.from(this.parts.held.keys(), (key) => this.#dropParts(key)));
    this.room.reset();
    await rm(aside, { recursive: true, force: true });
  }

  /** Makes what was written to a file outlast a power loss, where that is asked for. */
  async syncFile(file: OpenFile): Promise<void> {
    if (this.#options.durability !== 'cache') await file.sync();
  }

  /** Has an entry put in place, in the room of what it replaces and of others. */
  async #place(key: string, known: Known, put: () => Promise<void>): Promise<void> {
    const end = await this.room.make(key, known);
    try {
      await this.room.within(key, known.weight, put);
    } catch (error) {
      await end(false);
      throw error;
    }
    await this.#dropParts(key);
    await end(true);
  }

  async #dropParts(key: string): Promise<void> {
    const partial = this.parts.remove(key);
    // It may be that of an entry by now.
    if (partial) await rm(partial.path, { force: true });
  }

  async #name(key: string, path: string): Promise<void> {
    const named = this.path(key);
    await rename(path, named).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await mkdir(dirname(named), { recursive: true });
      await rename(path, named);
    });
    await this.#sync(dirname(named));
  }

  /** As `syncFile`, of names in a folder. */
  async #sync(folder: string): Promise<void> {
    if (this.#options.durability !== 'cache') await syncFolder(folder);
  }
}

/** Reads the heads of all files, what was written first in front. */
async function scan(root: string): Promise<Map<string, Known>> {
  const found: { key: string; known: Known; at: number }[] = [];
  let looking: Promise<unknown>[] = [];
  for await (const path of files(root)) {
    const look = async (): Promise<void> => {
      const [head, status] = [await readHead(path), await stat(path).catch(orMissing)];
      if (!head || !status) return;
      found.push({ key: head.key, known: { weight: status.size, bytes: head.bytes }, at: status.mtimeMs });
    };
    looking.push(look());
    if (looking.length >= CONCURRENCY) {
      await Promise.all(looking);
      looking = [];
    }
  }
  await Promise.all(looking);
  found.sort((one, other) => one.at - other.at);
  return new Map(found.map(({ key, known }) => [key, known]));
}
