/** Folders that are to be on this device: brought here one entry after the other, and again after every interruption. */

import { Cell } from './cell.js';
import { sentenceOf, type Library } from './library.js';
import type { Pin, State } from './state.js';

const AT_ONCE = 4;

export interface PinState {
  readonly prefix: string;
  /** `idle`: nothing is being brought here; what is missing can be. */
  readonly phase: 'idle' | 'running' | 'failed';
  /** How many entries of how many are on this device. */
  readonly done: number;
  readonly total: number;
  readonly problem: string | undefined;
}

export class Pins {
  readonly all = new Cell<readonly PinState[]>([]);
  readonly #library: Library;
  readonly #state: State;
  readonly #runs = new Map<string, AbortController>();
  #wanted = new Map<string, Pin>();

  constructor(library: Library, state: State) {
    this.#library = library;
    this.#state = state;
    library.kept.listen(() => this.#count());
    library.catalog.listen(() => this.#count());
  }

  /** Goes on with what was not finished when the app was closed. */
  async restore(): Promise<void> {
    const pins = (await this.#state.get('pins', this.#library.id)) ?? [];
    this.#wanted = new Map(pins.map((pin) => [pin.prefix, pin]));
    this.all.value = pins.map(({ prefix }) => ({ prefix, phase: 'idle', done: 0, total: 0, problem: undefined }));
    this.#count();
    for (const { prefix, isWanted } of pins) if (isWanted) void this.run(prefix);
  }

  of(prefix: string): PinState | undefined {
    return this.all.value.find((pin) => pin.prefix === prefix);
  }

  /** Pins a folder, or goes on with one. Returns when it is done, or was stopped. */
  async run(prefix: string): Promise<void> {
    if (this.#runs.has(prefix)) return;
    const run = new AbortController();
    this.#runs.set(prefix, run);
    await this.#save({ prefix, isWanted: true });
    this.#put({ prefix, phase: 'running', done: 0, total: 0, problem: undefined });
    this.#count();
    try {
      await this.#bring(prefix, run.signal);
      if (!run.signal.aborted) {
        await this.#library.lookAtKept();
        this.#change(prefix, { phase: 'idle' });
        await this.#save({ prefix, isWanted: false });
      }
    } catch (error) {
      if (!run.signal.aborted) this.#change(prefix, { phase: 'failed', problem: sentenceOf(error) });
    } finally {
      run.abort();
      this.#runs.delete(prefix);
    }
  }

  /** Stops. What is on this device stays there, and the rest can be brought later. */
  async cancel(prefix: string): Promise<void> {
    this.#runs.get(prefix)?.abort();
    this.#change(prefix, { phase: 'idle' });
    await this.#save({ prefix, isWanted: false });
  }

  /** Forgets that a folder was pinned, and removes its copies. */
  async unpin(prefix: string): Promise<void> {
    this.#runs.get(prefix)?.abort();
    this.#wanted.delete(prefix);
    this.all.value = this.all.value.filter((pin) => pin.prefix !== prefix);
    await this.#write();
    const keys = this.#library.catalog.value.under(prefix).filter((key) => !this.covers(key));
    await this.#library.drop(keys);
  }

  /** Whether a key is in a pinned folder. */
  covers(key: string): boolean {
    return [...this.#wanted.keys()].some((prefix) => key.startsWith(prefix));
  }

  async #bring(prefix: string, signal: AbortSignal): Promise<void> {
    const kept = this.#library.kept.value;
    const missing = this.#library.catalog.value.under(prefix).filter((key) => !kept.has(key)).values();
    const worker = async (): Promise<void> => {
      for (const key of missing) {
        signal.throwIfAborted();
        await this.#library.keep(key, signal);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** Counts what is on this device. */
  #count(): void {
    const kept = this.#library.kept.value;
    this.all.value = this.all.value.map((pin) => {
      const keys = this.#library.catalog.value.under(pin.prefix);
      return { ...pin, total: keys.length, done: keys.reduce((sum, key) => sum + Number(kept.has(key)), 0) };
    });
  }

  #change(prefix: string, change: Partial<PinState>): void {
    this.all.value = this.all.value.map((pin) => (pin.prefix === prefix ? { ...pin, ...change } : pin));
  }

  #put(pin: PinState): void {
    const others = this.all.value.filter(({ prefix }) => prefix !== pin.prefix);
    this.all.value = [...others, pin].sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  }

  #save(pin: Pin): Promise<void> {
    this.#wanted.set(pin.prefix, pin);
    return this.#write();
  }

  #write(): Promise<void> {
    return this.#state.set('pins', [...this.#wanted.values()], this.#library.id);
  }
}
