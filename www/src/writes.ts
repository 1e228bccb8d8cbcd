/** Files on their way to the bucket, and removals: kept on this device until the bucket has taken them. */

import { WriteQueue, type QueuedWrite } from 'tiered-storage/queue';
import type { Catalog } from './catalog.js';
import { Cell } from './cell.js';
import { typeOf } from './kinds.js';
import { isDenied, isFull, type Library } from './library.js';
import { databaseOf } from './place.js';

/** What to do where somebody else changed the same entry, or where a write failed. */
export type Choice = 'mine' | 'theirs' | 'both';

/** How much of a write has left, in the tab that sends it. */
export interface Sent {
  readonly id: number;
  readonly bytes: number;
}

/** A file that was not taken, and why. */
export interface Refused {
  readonly name: string;
  readonly error: unknown;
}

/** The names in the bucket, with what is not sent yet where it will be. */
export function withComing(known: Catalog, pending: readonly QueuedWrite[]): Catalog {
  return pending.reduce((all, { key, kind }) => (kind === 'set' ? all.with(key) : all), known);
}

/** Room that was made is there some time later: it is tried again after each of these times. */
const AGAIN_MS = [0, 500, 1_500, 4_000];
/** Other tabs are told this often how much has left. */
const TELL_MS = 200;

export class Writes {
  readonly pending = new Cell<readonly QueuedWrite[]>([]);
  readonly sent = new Cell<Sent | undefined>(undefined);
  readonly #library: Library;
  readonly #queue: WriteQueue;
  readonly #news: BroadcastChannel;
  /** URLs of what waits, by the numbers of the writes. */
  readonly #previews = new Map<number, Promise<string>>();
  /** What is being sent, and what the network had sent before. */
  #sending: { id: number; before: number } | undefined;
  #toldAt = 0;

  private constructor(library: Library, queue: WriteQueue) {
    this.#library = library;
    this.#queue = queue;
    this.#news = new BroadcastChannel(`${databaseOf(library.id)}-sent`);
    this.#news.onmessage = ({ data }: MessageEvent<Sent>) => void (this.sent.value = data);
  }

  /** `send`: by itself, or not at all, while nobody knows how to get into the bucket. */
  static async open(library: Library, send: 'auto' | 'manual'): Promise<Writes> {
    const queue = await WriteQueue.open(library.storage, { name: `${databaseOf(library.id)}-queue`, send });
    const writes = new Writes(library, queue);
    const look = (): void => void writes.#look().catch(() => undefined);
    queue.on('change', look);
    queue.on('sent', ({ write: { key, kind } }) => (kind === 'set' ? library.noteStored(key) : library.noteRemoved(key)));
    library.network.sent.listen(() => writes.#count());
    // The queue waits a while after an outage; whoever got through meanwhile knows better.
    const sendNow = (): unknown => library.network.reach.value === 'online' && writes.#send().catch(() => undefined);
    if (send === 'auto') {
      library.network.reach.listen(() => void sendNow());
      sendNow();
    }
    // Who takes another session in the place of one sees no moment in which nothing waits.
    await writes.#look().catch(() => undefined);
    return writes;
  }

  /** Puts files into a folder. They are safe on this device when this returns, and sent as soon as that can be; gives those that are not. */
  async add(prefix: string, files: Iterable<File>): Promise<Refused[]> {
    const refused: Refused[] = [];
    for (const file of files) {
      const enter = (): Promise<unknown> => this.#queue.set(prefix + file.name, file, { mimeType: file.type || undefined, ifAbsent: true });
      await this.#withRoom(enter).catch((error: unknown) => refused.push({ name: file.name, error }));
    }
    return refused;
  }

  async remove(key: string): Promise<void> {
    // Of what has no copy here, only the name was seen: whatever has that name is meant.
    await this.#queue.delete(key, this.#library.kept.value.has(key) ? {} : { overwrite: true });
  }

  async choose({ id, key }: QueuedWrite, choice: Choice): Promise<void> {
    await this.#queue.resolve(id, choice === 'both' ? { both: this.#free(key) } : choice);
  }

  /** Sends again what was refused: there is another key now. */
  async tryRefused(): Promise<void> {
    for (const { id, state, error } of await this.#queue.pending()) {
      if (state === 'failed' && isDenied(error)) await this.#queue.resolve(id, 'mine');
    }
  }

  /** Gives a write up. What is being sent may arrive all the same. */
  async cancel(id: number): Promise<void> {
    await this.#queue.cancel(id);
  }

  /** Where what waits can be looked at, until it is sent. */
  preview(id: number, key: string): Promise<string> {
    const made = async (): Promise<string> => {
      const body = (await this.#queue.body(id)) ?? new Blob();
      return URL.createObjectURL(body.slice(0, body.size, typeOf(key) ?? body.type));
    };
    const known = this.#previews.get(id) ?? made();
    this.#previews.set(id, known);
    return known;
  }

  async close(): Promise<void> {
    this.#news.close();
    this.#forget([]);
    await this.#queue.close();
  }

  /** What is to be kept for the user is worth more than copies of what the bucket has. */
  async #withRoom<R>(work: () => Promise<R>): Promise<R> {
    let isMade = false;
    for (const ms of AGAIN_MS) {
      if (ms) await new Promise((done) => setTimeout(done, ms));
      try {
        return await work();
      } catch (error) {
        if (!isFull(error) || !(isMade ||= await this.#library.makeRoom())) throw error;
      }
    }
    return work();
  }

  /** Sends what waits, now. To note that something is sent takes a little room. */
  async #send(): Promise<void> {
    await this.#withRoom(() => this.#queue.flush());
  }

  async #look(): Promise<void> {
    const pending = await this.#queue.pending();
    this.pending.value = pending;
    const id = pending.find(({ state }) => state === 'sending')?.id;
    if (id !== this.#sending?.id) this.#sending = id === undefined ? undefined : { id, before: this.#library.network.sent.value };
    this.#forget(pending);
  }

  /** Notes what has left of what is being sent. */
  #count(): void {
    if (!this.#sending) return;
    const { id, before } = this.#sending;
    const sent = { id, bytes: Math.max(0, this.#library.network.sent.value - before) };
    this.sent.value = sent;
    if (performance.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = performance.now();
    this.#news.postMessage(sent);
  }

  #forget(pending: readonly QueuedWrite[]): void {
    for (const [id, url] of this.#previews) {
      if (pending.some((write) => write.id === id)) continue;
      this.#previews.delete(id);
      void url.then((url) => URL.revokeObjectURL(url));
    }
  }

  /** A name like `key` that nothing has. */
  #free(key: string): string {
    const dot = key.lastIndexOf('.') > key.lastIndexOf('/') + 1 ? key.lastIndexOf('.') : key.length;
    const isTaken = (name: string): boolean => this.#library.catalog.value.has(name) || this.pending.value.some((write) => write.key === name);
    for (let number = 2; ; number++) {
      const other = `${key.slice(0, dot)} (${number})${key.slice(dot)}`;
      if (!isTaken(other)) return other;
    }
  }
}
