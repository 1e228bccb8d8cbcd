/**
 * Queued writes in a folder, for Node, Deno and Bun:
 *
 *     <16 digits>.write    a queued write; replaced by a rename, so that none is ever found half-written
 *     <16 digits>.new      one that is being replaced; swept when the folder is opened
 *     bodies/<name>        a body, which is whole, and on the device, before there is a write of it
 *
 * One queue of one process has the folder, and knows what is in it.
 */

import { createHash, type Hash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OpenFile, syncFolder, wrapped } from '../disk/files.js';
import { hold, type Held } from '../disk/lock.js';
import { StorageError } from '../errors.js';
import { decode, encode, type Kept } from './record.js';
import type { MaybePromise } from '../port.js';
import { PIECE_BYTES, type Change, type Durability, type QueueStore, type Records, type Step } from './store.js';
import type { QueueRecord } from './types.js';

/** A body on its way into the queue. */
interface Draft {
  readonly file: OpenFile;
  readonly hash: Hash;
  size: number;
}

export class FolderStore implements QueueStore {
  readonly name: string;
  readonly isShared = false;
  readonly #bodies: string;
  readonly #held: Held;
  /** What there is, by ids, which are in order. */
  readonly #kept: Map<number, Kept>;
  readonly #drafts = new Map<string, Draft>();
  readonly #records: Records = {
    one: (id) => this.#kept.get(id)?.record,
    of: (key) => this.#some(({ row }) => row[1] === key),
    after: (id, count) => this.#some(({ row }) => row[0] > id, count),
    count: () => this.#kept.size,
  };
  #last: number;
  /** Steps wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(folder: string, held: Held, kept: Map<number, Kept>) {
    this.name = folder;
    this.#bodies = join(folder, 'bodies');
    this.#held = held;
    this.#kept = kept;
    this.#last = [...kept.keys()].at(-1) ?? 0;
  }

  /** Takes a folder. Fails as `unavailable` while another queue has it; as `corrupt` if a file in it is not what was stored. */
  static async open(directory: string): Promise<FolderStore> {
    const folder = resolve(directory);
    const held = await hold(folder, 'queue').catch(fail);
    try {
      await mkdir(join(folder, 'bodies'), { recursive: true });
      const kept = new Map<number, Kept>();
      for (const name of (await readdir(folder)).sort()) {
        const path = join(folder, name);
        if (name.endsWith('.new')) await rm(path, { force: true });
        if (!name.endsWith('.write')) continue;
        const one = decode(await readFile(path, 'utf8'), path);
        kept.set(one.record.row[0], one);
      }
      return new FolderStore(folder, held, kept);
    } catch (error) {
      await held.release();
      return fail(error);
    }
  }

  async look<T>(work: (records: Records) => MaybePromise<T>): Promise<T> {
    this.#checkOpen();
    return work(this.#records);
  }

  async change<T>(durability: Durability, step: Step<T>): Promise<T> {
    return this.#inTurn(async () => {
      const [answer, changes] = await step(this.#records, async () => (this.#last += 1));
      for (const change of changes) await this.#keep(change, durability);
      return answer;
    });
  }

  async addPiece(body: string, _at: number, piece: Uint8Array): Promise<void> {
    this.#checkOpen();
    try {
      let draft = this.#drafts.get(body);
      if (!draft) {
        draft = { file: await OpenFile.make(this.#bodyPath(body)), hash: createHash('sha256'), size: 0 };
        this.#drafts.set(body, draft);
      }
      draft.hash.update(piece);
      await draft.file.write(piece, draft.size);
      draft.size += piece.length;
    } catch (error) {
      fail(error);
    }
  }

  async *pieces(body: string, size: number): AsyncGenerator<Uint8Array> {
    if (!size) return;
    const sum = Array.from(this.#kept.values()).find(({ record }) => record.body === body)?.sum;
    const hash = createHash('sha256');
    const file = await OpenFile.open(this.#bodyPath(body), 'r').catch(fail);
    try {
      for (let at = 0; at < size; ) {
        const piece = await file?.read(at, Math.min(at + PIECE_BYTES, size)).catch(fail);
        if (!piece) throw damaged();
        hash.update(piece);
        at += piece.length;
        // So that what is damaged never comes to its end.
        if (at === size && hash.digest('hex') !== sum) throw damaged();
        yield piece;
      }
    } finally {
      file?.giveUp();
    }
  }

  async dropBody(body: string): Promise<void> {
    this.#drafts.get(body)?.file.giveUp();
    this.#drafts.delete(body);
    await rm(this.#bodyPath(body), { force: true }).catch(fail);
  }

  async strays(): Promise<string[]> {
    this.#checkOpen();
    const used = new Set(this.#some(() => true).map(({ body }) => body));
    return (await readdir(this.#bodies).catch(fail)).filter((body) => !used.has(body));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#turn;
    for (const { file } of this.#drafts.values()) file.giveUp();
    await this.#held.release().catch(fail);
  }

  /** Stores a change, then knows of it: one that fails was not made, and those before it were. */
  async #keep(change: Change, durability: Durability): Promise<void> {
    if ('gone' in change) return this.#forget(change.gone);
    const { row, body } = change.stored;
    const [id] = row;
    const sum = this.#kept.get(id)?.sum ?? (await this.#settle(body));
    const kept: Kept = { record: change.stored, sum };
    // What need not outlast the process is not worth a file.
    if (durability === 'strict') await this.#store(id, encode(kept));
    this.#kept.set(id, kept);
  }

  async #store(id: number, text: string): Promise<void> {
    const path = this.#path(id, 'new');
    try {
      const file = await OpenFile.make(path);
      try {
        await file.write(new TextEncoder().encode(text), 0);
        await file.sync();
      } finally {
        file.giveUp();
      }
      await rename(path, this.#path(id, 'write'));
      await syncFolder(this.name);
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined);
      fail(error);
    }
  }

  /** The body goes last: without a write it is nobody's. */
  async #forget({ row: [id], body }: QueueRecord): Promise<void> {
    try {
      await rm(this.#path(id, 'write'), { force: true });
      await syncFolder(this.name);
    } catch (error) {
      fail(error);
    }
    this.#kept.delete(id);
    // What stays is swept.
    if (body) await this.dropBody(body).catch(() => undefined);
  }

  /** Brings a body that came in pieces onto the device; gives its checksum. */
  async #settle(body: string | undefined): Promise<string | undefined> {
    const draft = body === undefined ? undefined : this.#drafts.get(body);
    if (!draft) return undefined;
    try {
      await draft.file.sync();
      await syncFolder(this.#bodies);
    } catch (error) {
      fail(error);
    }
    draft.file.giveUp();
    this.#drafts.delete(body as string);
    return draft.hash.digest('hex');
  }

  /** The first `count` that are so. */
  #some(isSo: (record: QueueRecord) => boolean, count = Infinity): QueueRecord[] {
    const some: QueueRecord[] = [];
    for (const { record } of this.#kept.values()) {
      if (some.length >= count) break;
      if (isSo(record)) some.push(record);
    }
    return some;
  }

  #path(id: number, kind: 'write' | 'new'): string {
    return join(this.name, `${String(id).padStart(16, '0')}.${kind}`);
  }

  #bodyPath(body: string): string {
    return join(this.#bodies, body);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(() => {
      this.#checkOpen();
      return work();
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError('closed', 'the queue was closed; open it again');
  }
}

function damaged(): StorageError {
  return new StorageError('corrupt', 'the queued body is not what was queued; cancel this write and queue it again');
}

function fail(error: unknown): never {
  throw error instanceof StorageError ? error : wrapped(error);
}
