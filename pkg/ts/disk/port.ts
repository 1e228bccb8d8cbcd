/** Files behind the tier: reads go to the file that the key names; what is there in all is known from an index. */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, opendir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DiskOptions } from '../disk.js';
import { StorageError } from '../errors.js';
import { PlainPort } from '../plain.js';
import type { PortListing, PortTraits, PortUsage, StoredEntry } from '../port.js';
import { SortedKeys } from '../sorted.js';
import type { Wasm } from '../wasm.js';
import { hold, type Held } from './lock.js';
import { HEAD_BYTES_MAX, decode, decodeHead, encodeHead } from './record.js';

/** What the index knows of an entry: the size of its file, and of its body. */
interface Known {
  readonly weight: number;
  readonly bytes: number;
}

/** How many files are looked at side by side. */
const CONCURRENCY = 32;

export class DiskPort extends PlainPort {
  readonly traits: PortTraits;
  readonly #options: DiskOptions;
  readonly #held: Held;
  readonly #onClosed: () => void;
  readonly #entries: string;
  readonly #temporary: string;
  /** What there is, what is given up first in front. Read from the files when it is first needed. */
  #index: Promise<Map<string, Known>> | undefined;
  readonly #sorted = new SortedKeys();
  #weight = 0;
  #bytes = 0;
  #evictions = 0;
  /** Writes that change the index wait for each other while they make room. */
  #room: Promise<unknown> = Promise.resolve();
  /** Entries that are counted and not there yet. */
  readonly #writing = new Map<string, Promise<void>>();

  private constructor(loaded: Wasm, options: DiskOptions, held: Held, onClosed: () => void) {
    super(loaded);
    this.#options = options;
    this.#held = held;
    this.#onClosed = onClosed;
    this.#entries = join(options.directory, 'entries');
    this.#temporary = join(options.directory, 'temporary');
    const { maxSizeBytes, maxItems } = options;
    this.traits = {
      announced: true,
      ...(maxSizeBytes === undefined ? {} : { entryBytesMax: maxSizeBytes }),
      ...(maxItems === undefined ? {} : { itemsMax: maxItems }),
    };
  }

  static async open(loaded: Wasm, options: DiskOptions, onClosed: () => void): Promise<DiskPort> {
    const held = await hold(options.directory);
    const port = new DiskPort(loaded, options, held, onClosed);
    try {
      // What was being written when the process ended.
      await rm(port.#temporary, { recursive: true, force: true });
      await mkdir(port.#temporary, { recursive: true });
      if (held.wasCutOff && options.durability === 'cache') await port.clear();
      return port;
    } catch (error) {
      await held.release();
      throw wrapped(error);
    }
  }

  async read(key: string): Promise<StoredEntry | null> {
    const file = await readFile(this.#path(key)).catch(orMissing);
    if (!file) return null;
    const entry = decode(key, file);
    if (!entry) throw new StorageError('corrupt', 'the file is not the entry that was written', { key });
    await this.#use(key);
    return entry;
  }

  async head(key: string): Promise<string | null> {
    const head = await readHead(this.#path(key));
    if (head && head.key !== key) throw new StorageError('corrupt', 'the file is of another entry', { key });
    return head?.line ?? null;
  }

  async write(key: string, { body, line }: StoredEntry): Promise<undefined> {
    const head = encodeHead(key, line, body.length);
    const known = { weight: head.length + body.length, bytes: body.length };
    const { maxSizeBytes = Infinity } = this.#options;
    if (known.weight > maxSizeBytes) {
      throw new StorageError('full', `the entry takes ${known.weight} bytes; the tier holds ${maxSizeBytes} in all`, { key });
    }
    const end = await this.#makeRoom(key, known);
    try {
      await this.#put(key, [head, body]).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') throw wrapped(error);
        await this.#giveUpAny(known.weight, key);
        await this.#put(key, [head, body]).catch((cause: unknown) => {
          throw new StorageError('full', 'the device is full', { key, cause });
        });
      });
      await end(true);
    } catch (error) {
      await end(false);
      throw error;
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (let at = 0; at < keys.length; at += CONCURRENCY) {
      await Promise.all(
        keys.slice(at, at + CONCURRENCY).map(async (key) => {
          const path = this.#path(key);
          const isGone = await unlink(path).then(() => true, orMissing);
          if (isGone) folders.add(dirname(path));
          await this.#note(key, undefined);
        }),
      );
    }
    await Promise.all(Array.from(folders, (folder) => this.#sync(folder)));
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    return this.#sorted.list(await this.#known(), prefix, after, limit);
  }

  async usage(): Promise<PortUsage> {
    const { size } = await this.#known();
    return { bytes: this.#bytes, items: size, evictions: this.#evictions };
  }

  /** Puts the files aside, and removes them behind. */
  async clear(): Promise<void> {
    const aside = join(this.#temporary, randomUUID());
    await rename(this.#entries, aside).catch(orMissing);
    await this.#sync(this.#options.directory);
    this.#index = Promise.resolve(new Map());
    this.#weight = this.#bytes = 0;
    await rm(aside, { recursive: true, force: true });
  }

  override async close(): Promise<void> {
    await this.#held.release();
    this.#onClosed();
  }

  #path(key: string): string {
    const name = createHash('sha256').update(key).digest('hex');
    return join(this.#entries, name.slice(0, 2), name.slice(2));
  }

  async #put(key: string, parts: Uint8Array[]): Promise<void> {
    const [path, temporary] = [this.#path(key), join(this.#temporary, randomUUID())];
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writev(parts);
        if (this.#options.durability !== 'cache') await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        await mkdir(dirname(path), { recursive: true });
        await rename(temporary, path);
      });
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.#sync(dirname(path));
  }

  /** Makes what happened in a folder outlast a power loss, where that is asked for and the system can. */
  async #sync(folder: string): Promise<void> {
    if (this.#options.durability === 'cache') return;
    const file = await open(folder, 'r').catch(() => undefined);
    await file?.sync().catch(() => undefined);
    await file?.close();
  }

  /**
   * Gives entries up until another one fits, and counts that in. Gives a function to be called when it was written, or
   * was not: until then it is not given up itself.
   */
  async #makeRoom(key: string, known: Known): Promise<(isWritten: boolean) => Promise<void>> {
    const { maxSizeBytes = Infinity, maxItems = Infinity } = this.#options;
    if (maxSizeBytes !== Infinity || maxItems !== Infinity) await this.#known();
    // An index that is read meanwhile may be before the file.
    if (!this.#index) return (isWritten) => (isWritten ? this.#note(key, known) : Promise.resolve());
    const index = await this.#index;
    const turn = this.#room.then(async () => {
      const isFull = (): boolean => {
        const old = index.get(key);
        return this.#weight + known.weight - (old?.weight ?? 0) > maxSizeBytes || index.size + (old ? 0 : 1) > maxItems;
      };
      while (isFull()) {
        if (await this.#giveUpFirst(index, key)) continue;
        if (!this.#writing.size) break;
        await Promise.race(this.#writing.values());
      }
      const old = index.get(key);
      let finish = (): void => undefined;
      this.#writing.set(key, new Promise((done) => (finish = done)));
      await this.#note(key, known);
      return async (isWritten: boolean): Promise<void> => {
        if (!isWritten) await this.#note(key, old);
        this.#writing.delete(key);
        finish();
      };
    });
    this.#room = turn.catch(() => undefined);
    return turn;
  }

  /** Gives up about as much as another entry takes, though no limit of this tier asks for it. */
  async #giveUpAny(weight: number, kept: string): Promise<void> {
    const index = await this.#known();
    const target = this.#weight - weight;
    while (this.#weight > target && (await this.#giveUpFirst(index, kept)));
  }

  async #giveUpFirst(index: Map<string, Known>, kept: string): Promise<boolean> {
    for (const key of index.keys()) {
      if (key === kept || this.#writing.has(key)) continue;
      await this.remove([key]);
      this.#evictions += 1;
      return true;
    }
    return false;
  }

  /** A read entry is given up later. */
  async #use(key: string): Promise<void> {
    if (!this.#index || this.#options.evictionPolicy === 'fifo') return;
    const index = await this.#index;
    const known = index.get(key);
    if (!known) return;
    index.delete(key);
    index.set(key, known);
  }

  /** Has the index know of a change, if there is one yet. */
  async #note(key: string, known: Known | undefined): Promise<void> {
    if (!this.#index) return;
    const index = await this.#index;
    const old = index.get(key);
    this.#weight += (known?.weight ?? 0) - (old?.weight ?? 0);
    this.#bytes += (known?.bytes ?? 0) - (old?.bytes ?? 0);
    index.delete(key);
    if (!known) return;
    if (!old) this.#sorted.add(key);
    index.set(key, known);
  }

  #known(): Promise<Map<string, Known>> {
    this.#index ??= this.#scan().catch((error: unknown) => {
      this.#index = undefined;
      throw wrapped(error);
    });
    return this.#index;
  }

  /** Reads the heads of all files, what was written first in front. */
  async #scan(): Promise<Map<string, Known>> {
    const found: { key: string; known: Known; at: number }[] = [];
    let looking: Promise<unknown>[] = [];
    for await (const path of files(this.#entries)) {
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
    this.#weight = found.reduce((sum, { known }) => sum + known.weight, 0);
    this.#bytes = found.reduce((sum, { known }) => sum + known.bytes, 0);
    return new Map(found.map(({ key, known }) => [key, known]));
  }
}

async function* files(root: string): AsyncGenerator<string> {
  const folders = await opendir(root).catch(orMissing);
  if (!folders) return;
  for await (const folder of folders) {
    const entries = await opendir(join(root, folder.name)).catch(orMissing);
    if (!entries) continue;
    for await (const entry of entries) yield join(root, folder.name, entry.name);
  }
}

async function readHead(path: string): ReturnType<typeof headOf> {
  const file = await open(path, 'r').catch(orMissing);
  return file ? headOf(file) : undefined;
}

async function headOf(file: Awaited<ReturnType<typeof open>>): Promise<ReturnType<typeof decodeHead>> {
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES_MAX), 0, HEAD_BYTES_MAX, 0);
    return decodeHead(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** That something is not there is no error. */
function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw wrapped(error);
}

function wrapped(error: unknown): StorageError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const kind = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'denied' : 'unavailable';
  return StorageError.from(error, 'the folder cannot be used', undefined, kind);
}
