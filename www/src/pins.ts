/** Folders that are to be on this device: brought here one entry after the other, and again after every interruption. */

import { StorageError } from 'tiered-storage';
import { Cell } from './cell.js';
import { counted } from './format.js';
import { isFull, sentenceOf, type Library } from './library.js';
import { databaseOf } from './place.js';
import type { Pin, State } from './state.js';

const AT_ONCE = 4;
/** How often it is looked at what another tab has brought. */
const LOOK_MS = 1_000;

export interface PinState {
  readonly prefix: string;
  /** `idle`: nothing is being brought here; what is missing can be. */
  readonly phase: 'idle' | 'running' | 'failed';
  /** How many entries of how many are on this device. */
  readonly done: number;
  readonly total: number;
  readonly problem: string | undefined;
}

/** The pinned folders of a place. All tabs have the same; of each folder, one tab brings the entries, and if it is closed, another goes on. */
export class Pins {
  readonly all = new Cell<readonly PinState[]>([]);
  readonly #library: Library;
  readonly #state: State;
  readonly #runs = new Map<string, AbortController>();
  readonly #news: BroadcastChannel;
  #wanted = new Map<string, Pin>();

  constructor(library: Library, state: State) {
    this.#library = library;
    this.#state = state;
    this.#news = new BroadcastChannel(`${databaseOf(library.id)}-pins`);
    this.#news.onmessage = () => void this.#follow().catch(() => undefined);
    library.kept.listen(() => this.#count());
    library.catalog.listen(() => this.#count());
  }

  /** Goes on with what was not finished when the app was closed. */
  async restore(): Promise<void> {
    await this.#read();
    for (const { prefix, isWanted } of this.#wanted.values()) if (isWanted) void this.run(prefix);
  }

  close(): void {
    for (const run of this.#runs.values()) run.abort();
    this.#news.close();
  }

  /** Pins a folder, or goes on with one. Returns when it is done, or was stopped. */
  async run(prefix: string): Promise<void> {
    if (this.#runs.has(prefix)) return;
    const run = new AbortController();
    const { signal } = run;
    this.#runs.set(prefix, run);
    this.#put({ prefix, phase: 'running', done: 0, total: 0, problem: undefined });
    try {
      if (!this.#wanted.get(prefix)?.isWanted) await this.#save({ prefix, isWanted: true });
      const refused = await this.#inTurn(prefix, signal, () => this.#bring(prefix, signal));
      await this.#library.lookAtKept();
      signal.throwIfAborted();
      const problem = refused ? `${sentenceOf(new StorageError('full', ''))} ${counted(refused, 'item')} could not be kept.` : undefined;
      this.#change(prefix, { phase: problem ? 'failed' : 'idle', problem });
      // What found no room finds none by itself the next time; without any room at all, it is tried when the app is opened.
      await this.#save({ prefix, isWanted: false }).catch((error: unknown) => {
        if (!isFull(error)) throw error;
      });
    } catch (error) {
      if (!signal.aborted) this.#change(prefix, { phase: 'failed', problem: sentenceOf(error) });
    } finally {
      run.abort();
      if (this.#runs.get(prefix) === run) this.#runs.delete(prefix);
    }
  }

  /** Stops. What is on this device stays there, and the rest can be brought later. */
  async cancel(prefix: string): Promise<void> {
    this.#stop(prefix);
    this.#change(prefix, { phase: 'idle' });
    await this.#save({ prefix, isWanted: false });
  }

  /** Forgets that a folder was pinned, and removes its copies. */
  async unpin(prefix: string): Promise<void> {
    this.#stop(prefix);
    this.#wanted.delete(prefix);
    this.all.value = this.all.value.filter((pin) => pin.prefix !== prefix);
    this.#tell();
    const keys = this.#library.catalog.value.under(prefix).filter((key) => !this.#library.isPinned(key));
    // To note it may need the room that this makes.
    await this.#library.drop(keys);
    await this.#write();
  }

  /** Does `work` while no other tab does it for this folder. */
  async #inTurn<R>(prefix: string, signal: AbortSignal, work: () => Promise<R>): Promise<R> {
    const look = setInterval(() => void this.#library.lookAtKept().catch(() => undefined), LOOK_MS);
    try {
      return await navigator.locks.request(`${databaseOf(this.#library.id)}-pin:${prefix}`, { signal }, () => {
        clearInterval(look);
        return work();
      });
    } finally {
      clearInterval(look);
    }
  }

  /** Brings what is missing, and gives how many entries found no room. */
  async #bring(prefix: string, signal: AbortSignal): Promise<number> {
    await this.#library.lookAtKept();
    const kept = this.#library.kept.value;
    const missing = this.#library.catalog.value.under(prefix).filter((key) => !kept.has(key)).values();
    let refused = 0;
    // What is as large as one that found no room is not even asked for.
    let sizeMax = Infinity;
    const worker = async (): Promise<void> => {
      for (const key of missing) {
        signal.throwIfAborted();
        const size = sizeMax < Infinity ? ((await this.#library.details(key))?.size ?? 0) : 0;
        const isKept = size < sizeMax && (await this.#library.keep(key, signal));
        if (isKept) continue;
        refused += 1;
        sizeMax = Math.min(sizeMax, (await this.#library.details(key))?.size ?? sizeMax);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return refused;
  }

  /** Another tab changed what is pinned. */
  async #follow(): Promise<void> {
    await this.#read();
    await this.#library.lookAtKept();
    for (const prefix of [...this.#runs.keys()]) if (!this.#wanted.get(prefix)?.isWanted) this.#stop(prefix);
    for (const { prefix, isWanted } of this.#wanted.values()) if (isWanted) void this.run(prefix);
  }

  #stop(prefix: string): void {
    this.#runs.get(prefix)?.abort();
    this.#runs.delete(prefix);
  }

  async #read(): Promise<void> {
    const pins = (await this.#state.get('pins', this.#library.id)) ?? [];
    this.#wanted = new Map(pins.map((pin) => [pin.prefix, pin]));
    this.#tell();
    const before = new Map(this.all.value.map((pin) => [pin.prefix, pin]));
    this.all.value = pins
      .map(({ prefix, isWanted }): PinState => {
        const known = before.get(prefix) ?? { prefix, done: 0, total: 0, phase: 'idle', problem: undefined };
        return known.phase === 'running' && !isWanted ? { ...known, phase: 'idle' } : known;
      })
      .sort(byPrefix);
    this.#count();
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
    this.all.value = [...others, pin].sort(byPrefix);
    this.#count();
  }

  #save(pin: Pin): Promise<void> {
    this.#wanted.set(pin.prefix, pin);
    return this.#write();
  }

  async #write(): Promise<void> {
    this.#tell();
    await this.#state.set('pins', [...this.#wanted.values()], this.#library.id);
    this.#news.postMessage('changed');
  }

  /** What is pinned is not given up, so it is known before anything of it comes. */
  #tell(): void {
    this.#library.pinned.value = [...this.#wanted.keys()];
  }
}

function byPrefix(one: PinState, other: PinState): number {
  return one.prefix < other.prefix ? -1 : 1;
}
