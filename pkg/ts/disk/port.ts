/** Files behind the tier: reads go to the file that the key names; what is there in all is known from an index. */

import { readFile, rm } from 'node:fs/promises';
import type { ByteRange } from '../contract.js';
import type { DiskOptions } from '../disk.js';
import { StorageError, invalid, notSo } from '../errors.js';
import type { Run } from '../parts.js';
import { PlainPort } from '../plain.js';
import type {
  Facts,
  OpenedEntry,
  PortListing,
  PortTraits,
  PortUsage,
  ReadyEntry,
  Source,
  Stage,
  StoredEntry,
  StoredPart,
} from '../port.js';
import { extentOf } from '../ranges.js';
import { isBytes } from '../tier.js';
import type { Wasm } from '../wasm.js';
import { OpenFile, damaged, orMissing, readHead, wrapped } from './files.js';
import { Folder } from './folder.js';
import { hold, type Held } from './lock.js';
import { DiskPartial } from './parts.js';
import { HEADS_BYTES, SMALL_BYTES_MAX, decode, encodeTurn, type Head } from './record.js';
import { DiskSource, DiskStage, FilePieces, PIECE_BYTES } from './stage.js';

export class DiskPort extends PlainPort {
  readonly traits: PortTraits;
  readonly #wasm: Wasm;
  readonly #folder: Folder;
  readonly #held: Held;
  readonly #onClosed: () => void;
  /** The last change of each key that is being changed: those of several storages wait for each other, too. */
  readonly #changes = new Map<string, Promise<unknown>>();

  private constructor(loaded: Wasm, options: DiskOptions, held: Held, onClosed: () => void) {
    super(loaded);
    this.#wasm = loaded;
    this.#folder = new Folder(options);
    this.#held = held;
    this.#onClosed = onClosed;
    const { maxSizeBytes, maxItems } = options;
    this.traits = {
      announced: true,
      ...(maxSizeBytes === undefined ? {} : { entryBytesMax: maxSizeBytes }),
      ...(maxItems === undefined ? {} : { itemsMax: maxItems }),
    };
  }

  get evicted(): Set<(key: string) => void> {
    return this.#folder.room.evicted;
  }

  static async open(loaded: Wasm, options: DiskOptions, onClosed: () => void): Promise<DiskPort> {
    const held = await hold(options.directory, 'tier');
    const port = new DiskPort(loaded, options, held, onClosed);
    try {
      await port.#folder.sweep();
      if (held.wasCutOff && options.durability === 'cache') await port.clear();
      return port;
    } catch (error) {
      await held.release();
      throw wrapped(error);
    }
  }

  async read(key: string): Promise<StoredEntry | null> {
    const file = await readFile(this.#folder.path(key)).catch(orMissing);
    if (!file) return null;
    const entry = decode(key, file);
    if (!entry) throw damaged(key);
    await this.#folder.room.use(key);
    return entry;
  }

  readPieces(key: string): Promise<StoredEntry | OpenedEntry | null> {
    return this.#reading(key, async (file, head) => {
      if (head.bytes > SMALL_BYTES_MAX) return { pieces: new FilePieces(key, file, head), line: head.line };
      return { body: await bytesOf(key, file, head, [0, head.bytes]), line: head.line };
    });
  }

  async readRange(key: string, range: ByteRange): Promise<StoredPart | null> {
    const partial = this.#folder.parts.use(key);
    const kept = partial && (await partial.read(range));
    if (kept !== undefined) return kept;
    return this.#reading(key, async (file, head) => {
      const extent = extentOf(range, head.bytes);
      return { body: await bytesOf(key, file, head, extent), line: head.line, start: extent[0] };
    });
  }

  async head(key: string): Promise<string | null> {
    const line = this.#folder.parts.held.get(key)?.line;
    if (line !== undefined) return line;
    const head = await readHead(this.#folder.path(key));
    if (head && head.key !== key) throw new StorageError('corrupt', 'the file is of another entry', { key });
    return head?.line ?? null;
  }

  write(key: string, { body, line }: StoredEntry): Promise<undefined> {
    return this.#changing([key], () => this.#folder.write(key, body, line));
  }

  async stage(key: string): Promise<Stage> {
    return new DiskStage(this.#folder.room, key, this.#folder.newPath());
  }

  store(key: string, { body, line }: ReadyEntry, _facts: Facts, condition: string | null | undefined): Promise<undefined> {
    return this.#changing([key], async () => {
      if (condition !== undefined) {
        const there = await this.head(key);
        if (condition !== (there === null ? null : this.#wasm.describe(key, there).version)) throw notSo(key);
      }
      if (isBytes(body)) return this.#folder.write(key, body, line);
      if (body.size <= SMALL_BYTES_MAX) return this.#folder.write(key, await body.read(0, body.size), line);
      if (body instanceof DiskSource && body.room === this.#folder.room) return this.#folder.adopt(key, body, line);
      const copy = await this.#copy(key, body);
      try {
        return await this.#folder.adopt(key, copy, line);
      } finally {
        copy.cancel();
      }
    });
  }

  writePart(key: string, part: StoredPart, facts: Facts): Promise<void> {
    return this.#changing([key], async () => {
      try {
        await this.#keep(key, part, facts);
      } catch (error) {
        // What there is no room for is not kept.
        if (!(error instanceof StorageError && error.kind === 'full')) throw error;
      }
    });
  }

  /** Of a large entry, the body stays where it is. */
  override patch(key: string, line: string, facts: Facts): Promise<undefined | null> {
    return this.#changing([key], async () => {
      const partial = this.#folder.parts.held.get(key);
      if (partial) {
        this.checkVersion(key, partial.line, facts);
        partial.line = line;
        return undefined;
      }
      const isDone = await this.#patchLarge(key, line, facts);
      if (isDone) return undefined;
      const found = await this.read(key);
      if (!found) return null;
      this.checkVersion(key, found.line, facts);
      return this.#folder.write(key, found.body, line);
    });
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#changing(keys, () => this.#folder.drop(keys));
  }

  list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    return this.#folder.room.list(prefix, after, limit);
  }

  usage(): Promise<PortUsage> {
    return this.#folder.room.usage();
  }

  clear(): Promise<void> {
    return this.#folder.clear();
  }

  override async close(): Promise<void> {
    await this.#folder.drop([...this.#folder.parts.held.keys()]);
    await this.#held.release();
    this.#onClosed();
  }

  /** Reads an open file of an entry, which is closed unless its pieces are what is given. */
  async #reading<T extends object>(key: string, work: (file: OpenFile, head: Head) => Promise<T>): Promise<T | null> {
    const file = await OpenFile.open(this.#folder.path(key), 'r');
    if (!file) return null;
    let given: T | undefined;
    try {
      const head = await file.head();
      if (head?.key !== key) throw damaged(key);
      given = await work(file, head);
      await this.#folder.room.use(key);
      return given;
    } catch (error) {
      throw wrapped(error);
    } finally {
      if (!given || !('pieces' in given)) file.giveUp();
    }
  }

  /** Replaces the line of an entry whose file has room for two heads. */
  async #patchLarge(key: string, line: string, facts: Facts): Promise<boolean> {
    const file = await OpenFile.open(this.#folder.path(key), 'r+');
    try {
      const head = await file?.head();
      if (!file || head?.turn === undefined || head.key !== key) return false;
      this.checkVersion(key, head.line, facts);
      await file.write(...encodeTurn(key, line, head.bytes, head.turn + 1));
      await this.#folder.syncFile(file);
      return true;
    } catch (error) {
      throw wrapped(error);
    } finally {
      file?.giveUp();
    }
  }

  /** Keeps what is not there yet of a part. */
  async #keep(key: string, part: StoredPart, facts: Facts): Promise<void> {
    const { parts, room } = this.#folder;
    const { body, line, start } = part;
    const { version, size } = facts;
    const end = start + body.length;
    if (end > size) throw invalid('the part reaches beyond the end of its body; give its own bytes alone', key);
    let partial = parts.use(key);
    if (partial ? !partial.isOf(facts) : !(await this.#isWhole(key, version))) {
      await this.#folder.drop([key]);
      partial = new DiskPartial(facts, line, this.#folder.newPath());
    }
    if (!partial) return;
    if (body.length === size) return this.#folder.write(key, body, line);
    room.check(key, HEADS_BYTES + size);
    const lacking = partial.lacking(start, end);
    const isKept = lacking.length === 0 || (await this.#fill(key, partial, part, lacking));
    if (isKept && partial.isWhole) await this.#complete(key, partial);
  }

  /** Writes what is lacking; says whether there was room for it. */
  async #fill(key: string, partial: DiskPartial, part: StoredPart, lacking: readonly Run[]): Promise<boolean> {
    const { parts, room } = this.#folder;
    const more = lacking.reduce((sum, [from, to]) => sum + to - from, 0);
    const done = await room.makeForParts(key, { weight: partial.weight + more, bytes: partial.bytes + more });
    if (!done) return false;
    // Until it was counted it could be given up.
    if (partial.bytes && parts.held.get(key) !== partial) {
      await done(false);
      return false;
    }
    parts.add(key, partial, []);
    try {
      await room.within(key, more, () => partial.write(part, lacking));
      // It may have been given up meanwhile.
      const isThere = parts.held.get(key) === partial;
      if (isThere) parts.add(key, partial, lacking);
      else await rm(partial.path, { force: true });
      await done(isThere);
      return isThere;
    } catch (error) {
      await done(false);
      await this.#folder.drop([key]);
      throw error;
    }
  }

  /** Makes an entry of parts that are all there. */
  async #complete(key: string, partial: DiskPartial): Promise<void> {
    const file = await OpenFile.open(partial.path, 'r+');
    if (!file) return;
    const source = new DiskSource(this.#folder.room, file, partial.path, partial.size);
    try {
      await this.#folder.adopt(key, source, partial.line);
    } catch (error) {
      // They may have been given up meanwhile; else they are of no use now.
      if (this.#folder.parts.held.get(key) !== partial) return;
      await this.#folder.drop([key]);
      throw error;
    } finally {
      source.cancel();
    }
  }

  /** Whether there is a whole entry of this version. */
  async #isWhole(key: string, version: string): Promise<boolean> {
    const head = await readHead(this.#folder.path(key));
    return head?.key === key && this.versionOf(key, head.line) === version;
  }

  /** Takes over a body that lies ready elsewhere. */
  async #copy(key: string, body: Source): Promise<DiskSource> {
    const stage = new DiskStage(this.#folder.room, key, this.#folder.newPath());
    try {
      for (let at = 0; at < body.size; at += PIECE_BYTES) {
        await stage.write(await body.read(at, Math.min(at + PIECE_BYTES, body.size)));
      }
      return (await stage.finish()) as DiskSource;
    } finally {
      stage.cancel();
    }
  }

  /** Does what changes entries after what changes them already. */
  #changing<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const done = Promise.all(keys.map((key) => this.#changes.get(key))).then(work);
    const over = done.then(
      () => undefined,
      () => undefined,
    );
    const forget = (): void => keys.forEach((key) => this.#changes.get(key) === over && this.#changes.delete(key));
    void over.then(forget);
    for (const key of keys) this.#changes.set(key, over);
    return done;
  }
}

/** Bytes of the body of an entry. */
async function bytesOf(key: string, file: OpenFile, head: Head, [start, end]: [start: number, end: number]): Promise<Uint8Array> {
  const bytes = await file.read(head.start + start, head.start + end);
  if (!bytes) throw damaged(key);
  return bytes;
}
