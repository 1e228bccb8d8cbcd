/** Writes that wait for the cold tier: queued durably while it cannot be reached, sent in order when it can. */

import { StorageError, attempt, invalid, report } from './errors.js';
import { checkCallOptions } from './options.js';
import { DatabaseStore } from './queue/database.js';
import { Flushes } from './queue/flushes.js';
import { bodyOf, checkDelete, checkId, checkQueue, checkWrite, toWrite, type Body, type CheckedWrite } from './queue/input.js';
import { Orders } from './queue/orders.js';
import { Sender, type Message } from './queue/sender.js';
import { folders, type QueueStore } from './queue/store.js';
import { askForSync } from './queue/sync.js';
import { News, exclusively, inTurn, onReturn, unless } from './queue/tabs.js';
import type { QueueChoice, QueueDeleteOptions, QueueEvents, QueueOptions, QueueRecord, QueueWriteOptions, QueuedWrite } from './queue/types.js';
import type { TieredStorage } from './storage.js';
import { checkKey } from './tier.js';
import { wasm } from './wasm.js';

const CHOICES = ['mine', 'theirs'];
const EVENTS = ['change', 'sent', 'conflict', 'failed'];
/** How long a write that names nothing waits for what the storage knows. */
const KNOWN_MS = 1000;
const NAME = 'tiered-storage-queue';

type Listener<K extends keyof QueueEvents> = (event: QueueEvents[K]) => void;

/**
 * Durable writes of one storage, on their way to its cold tier, in IndexedDB or, in Node, Deno and Bun, in a folder. All tabs of an
 * origin, and its service worker, share the queue of one name; one of them sends at a time, and if it is closed or dies, another goes on.
 *
 * Writes are sent one at a time, first in, first out. A queued write carries what its writer saw (see `QueueWriteOptions`), so
 * that nothing is overwritten unseen, and nothing is written twice where an answer was lost: the second attempt finds the
 * first one's entry in its way (the same body, MIME type and fields) and is done. Where somebody else wrote meanwhile it is in
 * conflict, which holds up the later writes of that key alone, until somebody chooses. Reads of the storage do not see what is
 * queued.
 *
 * ```ts
 * const queue = await WriteQueue.open(storage);
 * await queue.set('notes/1.txt', 'written on a train', { ifAbsent: true }); // durable now
 * queue.on('conflict', ({ write }) => void queue.resolve(write.id, { both: `${write.key} (mine)` }));
 * ```
 */
export class WriteQueue {
  readonly #storage: TieredStorage;
  readonly #orders: Orders;
  readonly #store: QueueStore;
  readonly #bytesMax: number;
  readonly #sender: Sender;
  readonly #news: News<Message> | undefined;
  readonly #isAuto: boolean;
  readonly #listeners = new Map<string, Set<(event: never) => void>>(EVENTS.map((type) => [type, new Set()]));
  readonly #flushes: Flushes;
  /** What is being queued, by key: writes of one key are queued in the order of their calls. */
  readonly #entering = new Map<string, Promise<unknown>>();
  readonly #stopListening: () => void;
  readonly #closing = new AbortController();
  #isClosed = false;

  private constructor(storage: TieredStorage, orders: Orders, bytesMax: number, isAuto: boolean) {
    this.#storage = storage;
    this.#orders = orders;
    this.#store = orders.store;
    this.#bytesMax = bytesMax;
    this.#isAuto = isAuto;
    if (this.#store.isShared) this.#news = new News(this.#store.name, (message) => this.#hear(message, true));
    const tell = (message: Message): void => this.#tell(message);
    // What was told may have been told to nobody: the tab that sent it may be gone.
    const rest = (): void => this.#flushes.look();
    this.#sender = new Sender({ orders, storage, tell, rest }, isAuto);
    this.#flushes = new Flushes(orders, this.#sender);
    this.#stopListening = isAuto ? onReturn(() => this.#sender.wake()) : () => undefined;
    if (isAuto) this.#sender.wake();
  }

  /**
   * Opens a queue of `storage`, with what is in it.
   *
   * Fails as `unsupported` where there is neither IndexedDB nor, in Node, Deno and Bun, a `directory`; as `unavailable` while another
   * queue has that folder; as `corrupt` if a file in it is not what was stored; as `invalid` for wrong options.
   */
  static async open<T = unknown>(storage: TieredStorage<T>, options?: QueueOptions): Promise<WriteQueue> {
    const checked = checkQueue(options);
    const { maxWrites = 1000, maxBytes = Number.MAX_SAFE_INTEGER, send } = checked;
    const isStorage = attempt(() => typeof storage?.setStream === 'function', 'the storage cannot be looked at');
    if (!isStorage) throw invalid('a queue is opened with a TieredStorage');
    const loaded = await wasm();
    const orders = new Orders(await openStore(checked), loaded, [maxWrites, maxBytes]);
    return new WriteQueue(storage as unknown as TieredStorage, orders, maxBytes, send !== 'manual');
  }

  /**
   * Queues the writing of an entry, and resolves once that survives a power loss. `Uint8Array` and other views, `ArrayBuffer`,
   * `Blob`, streams and async iterables of bytes are queued as their bytes, a MiB at a time; everything else as JSON.
   *
   * Fails as `invalid` for bad arguments; as `full` if the queue or the browser has no more room, and then nothing is queued;
   * as `unavailable` if the stream fails.
   */
  async set(key: string, value: unknown, options?: QueueWriteOptions): Promise<QueuedWrite> {
    checkKey(key);
    const checked = checkWrite(options);
    const body = bodyOf(value, key);
    return this.#inTurn(key, checked, () => this.#enter(key, false, checked, body));
  }

  /** Queues the removal of an entry, and resolves once that survives a power loss. Fails as `set` does. */
  async delete(key: string, options?: QueueDeleteOptions): Promise<QueuedWrite> {
    checkKey(key);
    const checked = checkDelete(options);
    return this.#inTurn(key, checked, () => this.#enter(key, true, checked));
  }

  /** The writes that are not sent yet, in order. */
  async pending(): Promise<QueuedWrite[]> {
    return (await this.#store.look((records) => records.after(0))).map(toWrite);
  }

  /** The body of a queued write, for previews; `null` if there is no such write, or it removes. */
  async body(id: number): Promise<Blob | null> {
    checkId(id);
    const record = await this.#store.look((records) => records.one(id));
    if (!record?.body) return null;
    // One blob for each piece: the browser may keep blobs out of memory.
    const parts: Blob[] = [];
    try {
      for await (const piece of this.#store.pieces(record.body, record.row[3])) parts.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
    } catch (error) {
      // It may have been sent meanwhile.
      if (await this.#store.look((records) => records.one(id))) throw error;
      return null;
    }
    return new Blob(parts, { type: record.how.mimeType ?? '' });
  }

  /**
   * Sends what may be sent, now, and resolves when nothing is left but what waits for a choice. It does not matter which tab sends.
   *
   * Fails as `unavailable` at the first outage, which leaves the rest queued; with the signal's reason.
   */
  async flush(options?: { signal?: AbortSignal | undefined }): Promise<void> {
    const { signal } = checkCallOptions(options);
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    this.#news?.tell({ type: 'wake' });
    await this.#flushes.wait(signal);
  }

  /**
   * Chooses for a write that is in conflict or has failed. `mine`: it takes the place of what was found to be there, and of
   * nothing else; after a failure, it is tried again. `theirs`: it is given up. `{ both: key }`: what is there stays, and it
   * is written under another key, where nothing may be.
   *
   * Fails as `invalid` if the write is neither, or the choice is none for it.
   */
  async resolve(id: number, choice: QueueChoice): Promise<void> {
    checkId(id);
    const both = typeof choice === 'object' ? attempt(() => choice?.both, '`choice` cannot be read') : undefined;
    const at = both === undefined ? CHOICES.indexOf(choice as string) : 2;
    if (at < 0) throw invalid("a choice is 'mine', 'theirs' or { both: key }");
    if (both !== undefined) checkKey(both);
    const amend = (record: QueueRecord): void => {
      delete record.current;
      delete record.error;
    };
    await this.#orders.change('resolve', [id, at, both], { amend });
    this.#tell({ type: 'change' });
    if (this.#isAuto) this.#sender.wake();
  }

  /** Takes a write out, and says whether it was there. One that is being sent is given up, and may have taken effect. */
  async cancel(id: number): Promise<boolean> {
    checkId(id);
    const [isThere] = await this.#orders.change('cancel', [id]);
    this.#tell({ type: 'cancelled', id });
    this.#tell({ type: 'change' });
    // It may have held up others of its key.
    if (this.#isAuto) this.#sender.wake();
    return isThere;
  }

  /** Has `listener` told of every event of one type, in whichever tab it happens, until the function that this returns is called. */
  on<K extends keyof QueueEvents>(type: K, listener: Listener<K>): () => void {
    const listeners = this.#listeners.get(type);
    if (!listeners) throw invalid(`a type of event is ${EVENTS.join(', ')}`);
    if (typeof listener !== 'function') throw invalid('`on` takes a type of event and a function');
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /**
   * Gives up what this tab is sending, which stays queued, and bodies that are on their way; releases the database or folder. The
   * storage stays open. In Node, Deno and Bun, a queue that waits out an outage keeps its process from ending until then.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.abort(closed());
    this.#stopListening();
    await this.#sender.close();
    await Promise.allSettled([...this.#entering.values()]);
    this.#flushes.fail(closed());
    this.#news?.close();
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Does `work` behind what is being queued of the same key. */
  #inTurn<R>(key: string, { signal }: CheckedWrite, work: () => Promise<R>): Promise<R> {
    return this.#isClosed ? Promise.reject(closed()) : inTurn(this.#entering, key, signal, work);
  }

  async #enter(key: string, isDelete: boolean, options: CheckedWrite, body?: Body): Promise<QueuedWrite> {
    const { signal, over, how, follows } = options;
    signal?.throwIfAborted();
    const lead = follows ? await this.#orders.lead(key) : undefined;
    const condition = over === 2 ? await this.#known(key) : options.condition;
    const name = body && crypto.randomUUID();
    const enter = async (): Promise<QueueRecord> => {
      const size = body && name ? await this.#bring(name, body, signal) : 0;
      const row: QueueRecord['row'] = [0, key, isDelete, size, condition, undefined, 0, 0, undefined];
      const record = { row, body: name, isJson: body?.isJson ?? false, queuedAt: Date.now(), how };
      return this.#orders.enter(record, over, lead);
    };
    const kept = async (): Promise<QueueRecord> => {
      try {
        return await enter();
      } catch (error) {
        // Nothing is half queued. What cannot be dropped now is swept.
        await this.#store.dropBody(name as string).catch(() => undefined);
        throw error;
      }
    };
    // A tab that sweeps must not take a body that is on its way for one that was left behind.
    const entering = name ? exclusively(`${this.#store.name}/body/${name}`, new AbortController().signal, kept) : enter();
    const record = await entering.finally(() => this.#orders.release(lead));
    this.#tell({ type: 'change' });
    if (this.#isAuto) this.#sender.wake();
    return toWrite(record);
  }

  async #bring(name: string, body: Body, signal: AbortSignal | undefined): Promise<number> {
    let size = 0;
    let at = 0;
    // A stream that gives nothing any more must not hold up who gives it up.
    const next = (): Promise<IteratorResult<Uint8Array, void>> => unless([signal, this.#closing.signal], body.pieces.next());
    try {
      for (let one = await next(); !one.done; one = await next()) {
        await this.#store.addPiece(name, at++, one.value);
        size += one.value.length;
        // It need not all be there to be too much.
        if (size > this.#bytesMax) throw new StorageError('full', `the queue takes bodies of ${this.#bytesMax} bytes in all`);
      }
      return size;
    } finally {
      body.cancel();
    }
  }

  /** What the storage knows of a key, if that takes no longer than a moment: a version, or `null`. */
  async #known(key: string): Promise<string | null> {
    const signal = AbortSignal.timeout(KNOWN_MS);
    const known = await this.#storage.getMetadata(key, { signal }).catch((error: unknown) => {
      if (error instanceof StorageError && error.kind === 'closed') throw error;
      // Nobody can have seen what nobody can read.
      return null;
    });
    return known?.version ?? null;
  }

  #tell(message: Message): void {
    if (this.#isClosed) return;
    this.#news?.tell(message);
    this.#hear(message, false);
  }

  #hear(message: Message, isFromAfar: boolean): void {
    if (this.#isClosed) return;
    if (message.type === 'outage') {
      const { error, begun } = message;
      this.#flushes.fail(new StorageError(error.kind, error.message), begun);
      if (this.#isAuto && !isFromAfar) askForSync(this.#store.name);
    } else if (message.type === 'cancelled') this.#sender.cancel(message.id);
    else if (message.type === 'wake') this.#sender.wake();
    else if (message.type === 'change') {
      this.#flushes.look();
      this.#emit('change', undefined);
      // If the tab that sends dies, this one is next.
      if (isFromAfar && this.#isAuto) this.#sender.wake();
    } else if (message.type === 'sent') {
      const { record, metadata } = message;
      this.#orders.leave(record.row[0], metadata?.version);
      this.#emit('sent', { write: toWrite(record), metadata });
    } else if (message.type === 'conflict' || message.type === 'failed') {
      this.#emit(message.type, { write: toWrite(message.record) });
    }
  }

  #emit<K extends keyof QueueEvents>(type: K, event: QueueEvents[K]): void {
    for (const listener of this.#listeners.get(type) ?? []) report(listener as Listener<K>, event);
  }
}

/** Where its writes are kept. */
function openStore({ directory, name = NAME, indexedDB = globalThis.indexedDB }: QueueOptions): Promise<QueueStore> {
  const openFolder = folders();
  if (directory !== undefined) {
    if (!openFolder) throw new StorageError('unsupported', 'this host has no folders to queue writes in; leave `directory` out');
    return openFolder(directory);
  }
  if (indexedDB) return DatabaseStore.open(indexedDB, name);
  throw new StorageError('unsupported', `this host has no IndexedDB to queue writes in; give \`${openFolder ? 'directory' : 'indexedDB'}\``);
}

function closed(): StorageError {
  return new StorageError('closed', 'the queue was closed; open it again');
}
