/** Files on their way to the bucket, and removals: kept on this device until the bucket has taken them. */

import { WriteQueue, type QueuedWrite } from 'tiered-storage/queue';
import { Cell } from './cell.js';
import { databaseOf } from './place.js';
import type { Library } from './library.js';

/** What to do where somebody else changed the same entry, or where a write failed. */
export type Choice = 'mine' | 'theirs' | 'both';

export class Writes {
  readonly pending = new Cell<readonly QueuedWrite[]>([]);
  readonly #library: Library;
  readonly #queue: WriteQueue;

  private constructor(library: Library, queue: WriteQueue) {
    this.#library = library;
    this.#queue = queue;
  }

  static async open(library: Library): Promise<Writes> {
    const queue = await WriteQueue.open(library.storage, { name: `${databaseOf(library.id)}-queue` });
    const writes = new Writes(library, queue);
    const look = (): void => void writes.#look().catch(() => undefined);
    queue.on('change', look);
    queue.on('sent', ({ write: { key, kind } }) => (kind === 'set' ? library.noteStored(key) : library.noteRemoved(key)));
    look();
    return writes;
  }

  /** Puts files into a folder. They are safe on this device when this returns, and sent as soon as that can be. */
  async add(prefix: string, files: Iterable<File>): Promise<void> {
    for (const file of files) {
      await this.#queue.set(prefix + file.name, file, { mimeType: file.type || undefined, ifAbsent: true });
    }
  }

  async remove(key: string): Promise<void> {
    // Of what has no copy here, only the name was seen: whatever has that name is meant.
    await this.#queue.delete(key, this.#library.kept.value.has(key) ? {} : { overwrite: true });
  }

  async choose({ id, key }: QueuedWrite, choice: Choice): Promise<void> {
    await this.#queue.resolve(id, choice === 'both' ? { both: this.#free(key) } : choice);
  }

  /** Gives a write up. What is being sent may arrive all the same. */
  async cancel(id: number): Promise<void> {
    await this.#queue.cancel(id);
  }

  /** Sends what waits, now. */
  async send(): Promise<void> {
    await this.#queue.flush();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #look(): Promise<void> {
    this.pending.value = await this.#queue.pending();
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
