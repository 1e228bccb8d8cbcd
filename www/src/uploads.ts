/** Files on their way to the bucket. */

import { StorageError } from 'tiered-storage';
import { Cell } from './cell.js';
import { sentenceOf, type Library } from './library.js';

export interface Upload {
  readonly id: number;
  readonly key: string;
  readonly size: number;
  readonly phase: 'waiting' | 'running' | 'done' | 'failed' | 'conflict';
  readonly problem: string | undefined;
}

interface Job {
  readonly file: File;
  readonly abort: AbortController;
}

/** How long one that is done stays in the list. */
const SHOWN_MS = 4_000;

export class Uploads {
  readonly all = new Cell<readonly Upload[]>([]);
  readonly #library: Library;
  readonly #jobs = new Map<number, Job>();
  #last = 0;
  #isRunning = false;

  constructor(library: Library) {
    this.#library = library;
  }

  /** Puts files into a folder, one after the other. */
  add(prefix: string, files: Iterable<File>): void {
    for (const file of files) {
      this.#last += 1;
      this.#jobs.set(this.#last, { file, abort: new AbortController() });
      const upload: Upload = { id: this.#last, key: prefix + file.name, size: file.size, phase: 'waiting', problem: undefined };
      this.all.value = [...this.all.value, upload];
    }
    void this.#run();
  }

  /** Replaces what is there, or takes another name for this. */
  resolve(id: number, choice: 'replace' | 'rename'): void {
    const upload = this.all.value.find((one) => one.id === id);
    const job = this.#jobs.get(id);
    if (!upload || !job) return;
    if (choice === 'rename') {
      this.#change(id, { key: this.#free(upload.key), phase: 'waiting' });
      return void this.#run();
    }
    void this.#one({ ...upload }, job, true);
  }

  /** Gives one up, or takes it off the list. */
  cancel(id: number): void {
    this.#jobs.get(id)?.abort.abort();
    this.#jobs.delete(id);
    this.all.value = this.all.value.filter((upload) => upload.id !== id);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#next(); next; next = this.#next()) await this.#one(next[0], next[1], false);
    this.#isRunning = false;
  }

  #next(): [Upload, Job] | undefined {
    const upload = this.all.value.find(({ phase }) => phase === 'waiting');
    const job = upload && this.#jobs.get(upload.id);
    return upload && job && [upload, job];
  }

  async #one({ id, key }: Upload, { file, abort }: Job, isReplacing: boolean): Promise<void> {
    this.#change(id, { phase: 'running', problem: undefined });
    try {
      await this.#library.upload(key, file, isReplacing, abort.signal);
      this.#change(id, { phase: 'done' });
      setTimeout(() => this.cancel(id), SHOWN_MS);
    } catch (error) {
      if (abort.signal.aborted) return;
      const isTaken = error instanceof StorageError && error.kind === 'conflict';
      this.#change(id, { phase: isTaken ? 'conflict' : 'failed', problem: isTaken ? undefined : sentenceOf(error) });
    }
  }

  /** A name like `key` that nothing has. */
  #free(key: string): string {
    const dot = key.lastIndexOf('.') > key.lastIndexOf('/') + 1 ? key.lastIndexOf('.') : key.length;
    for (let number = 2; ; number++) {
      const other = `${key.slice(0, dot)} (${number})${key.slice(dot)}`;
      if (!this.#library.catalog.value.has(other)) return other;
    }
  }

  #change(id: number, change: Partial<Upload>): void {
    this.all.value = this.all.value.map((upload) => (upload.id === id ? { ...upload, ...change } : upload));
  }
}
