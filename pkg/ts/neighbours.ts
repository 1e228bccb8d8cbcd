/**
 * Other instances over the same tiers: pages, workers and service workers of one origin.
 *
 * A change is told over a `BroadcastChannel`, when it begins and when it has ended. Web Locks keep apart what would get into
 * each other's way: each key has one, that a change holds, and a miss that may be copied to where others see it. A prefix
 * that is changed has one, too, a fence; whoever has got a key looks for fences over it, and whoever has put up a fence waits
 * for the keys under it that others had before. Nobody waits for a fence who has a key, so nobody waits for ever.
 *
 * What of the two is not there is not used: without locks, misses are not shared; without a channel, nothing is told.
 */

import type { StorageEvent } from './contract.js';
import type { Port } from './port.js';
import { STORAGE_CALLS, type RawClaim, type RawNeighbours, type RawStorage, type StorageCalls } from './wasm.js';

/** What is claimed, in the order of `claim` in `adapters/src/web/neighbours.rs`. */
const COPY = 0;
const TEND = 1;
const CHANGE_PREFIX = 3;

/** What became of a claim. */
const AT_ONCE = 0;
const AFTER_WAIT = 1;
const REFUSED = 2;

/** A change, when it begins and when it has ended; or counted reads: key, count and time of the last, by turns. */
type Message =
  | { readonly name: string; readonly isPrefix: boolean; readonly isDone: boolean }
  | { readonly accesses: readonly (string | number)[] };
type Tell = (event: StorageEvent) => void;
type Release = () => void;

export class Neighbours implements RawNeighbours {
  /** Whether this is the instance that keeps up what is shared. */
  keepsUp = true;
  readonly #base: string;
  readonly #limitMs: number;
  readonly #tell: Tell;
  readonly #channel: BroadcastChannel | undefined;
  #locks = globalThis.navigator?.locks as LockManager | undefined;
  readonly #end = new AbortController();

  constructor(name: string, limitMs: number, tell: Tell) {
    this.#base = `tiered-storage/${encodeURIComponent(name)}/`;
    this.#limitMs = limitMs;
    this.#tell = tell;
    this.#channel = channelOf(this.#base);
    // Node would wait for messages for ever.
    (this.#channel as { unref?(): void } | undefined)?.unref?.();
  }

  /** Has `core` told of what others change. `ports`: of its tiers. */
  join(core: RawStorage, ports: readonly (Port | undefined)[]): void {
    const call = (name: keyof StorageCalls, args: readonly unknown[]): Promise<unknown> =>
      core.call(STORAGE_CALLS.indexOf(name), args, undefined).catch(() => undefined);
    this.#channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
      if ('accesses' in data) {
        if (this.keepsUp) void call('countAccesses', data.accesses);
        return;
      }
      const { name, isPrefix, isDone } = data;
      // What could not be kept where others see it, each has for itself.
      const own = ports.reduce((bits, port, at) => (port?.isInMemory ? bits | (1 << at) : bits), 0);
      void call('elsewhere', [name, isPrefix, own]).then(() => {
        if (isDone) this.#tell({ type: 'changedElsewhere', ...scopeOf(name, isPrefix) });
      });
    });
    if (!this.#locks || !this.#channel) return;
    this.keepsUp = false;
    const ended = new Promise<void>((resolve) => this.#end.signal.addEventListener('abort', () => resolve()));
    const keepUp = (): Promise<void> => {
      this.keepsUp = true;
      return ended;
    };
    this.#locks.request(`${this.#base}upkeep`, { signal: this.#end.signal }, keepUp).catch(() => {
      // Where locks are refused, each keeps up by itself.
      this.keepsUp = true;
    });
  }

  claim(kind: number, name: string): RawClaim {
    return new Claim((claim) => this.#granted(claim, kind, name));
  }

  passOn(accesses: readonly (string | number)[]): void {
    this.#post({ accesses });
  }

  /** Leaves the others. */
  leave(): void {
    this.#end.abort();
    this.#channel?.close();
  }

  async #granted(claim: Claim, kind: number, name: string): Promise<number> {
    const isChange = kind > TEND;
    const isPrefix = kind === CHANGE_PREFIX;
    const granted = this.#locks ? await this.#locked(claim, kind, name) : AT_ONCE;
    if (granted === REFUSED && claim.isLate) this.#tell({ type: 'claimTimedOut', ...scopeOf(name, isPrefix) });
    if (!isChange) return granted;
    this.#post({ name, isPrefix, isDone: false });
    // Others hear of the end before they get what was held.
    claim.hold(() => this.#post({ name, isPrefix, isDone: true }));
    return granted === AFTER_WAIT ? AFTER_WAIT : AT_ONCE;
  }

  async #locked(claim: Claim, kind: number, name: string): Promise<number> {
    claim.limit(this.#limitMs);
    if (kind === CHANGE_PREFIX) return this.#fence(claim, name);
    const lock = this.#nameOf('key', name);
    let granted = AT_ONCE;
    for (;;) {
      let release = await this.#request(claim, lock, { ifAvailable: true });
      if (!release && kind !== TEND) {
        granted = AFTER_WAIT;
        release = await this.#request(claim, lock, {});
      }
      if (!release) return this.#locks ? REFUSED : AT_ONCE;
      const fence = await this.#fenceOver(name);
      if (fence === undefined) {
        claim.hold(release);
        return granted;
      }
      release();
      if (kind === COPY || kind === TEND) return REFUSED;
      // It is down when it can be had, and put up by nobody.
      (await this.#request(claim, fence, {}))?.();
    }
  }

  /** Puts a fence up, and waits for the keys under it. */
  async #fence(claim: Claim, prefix: string): Promise<number> {
    const release = await this.#request(claim, this.#nameOf('fence', prefix), { mode: 'shared' });
    if (!release) return REFUSED;
    claim.hold(release);
    const held = await this.#held();
    for (const lock of held.filter((name) => name.startsWith(this.#nameOf('key', prefix)))) {
      (await this.#request(claim, lock, {}))?.();
    }
    return claim.isLate ? REFUSED : AT_ONCE;
  }

  /** The lock of a fence over `key`. */
  async #fenceOver(key: string): Promise<string | undefined> {
    const fences = this.#nameOf('fence', '');
    const held = await this.#held();
    return held.find((name) => name.startsWith(fences) && key.startsWith(name.slice(fences.length)));
  }

  async #held(): Promise<string[]> {
    const { held = [] } = (await this.#locks?.query().catch(() => undefined)) ?? {};
    return held.map(({ name = '' }) => name);
  }

  /** What releases a lock, once it is granted; nothing if it is not. */
  #request(claim: Claim, name: string, options: LockOptions): Promise<Release | undefined> {
    return new Promise((resolve) => {
      const asked = options.ifAvailable ? options : { ...options, signal: claim.signal };
      const granted = (lock: Lock | null): Promise<void> | undefined => {
        if (!lock || claim.signal.aborted) return void resolve(undefined);
        return new Promise((release) => resolve(release));
      };
      const failed = (error: unknown): void => {
        // An origin that nobody shares has none.
        if ((error as Error).name === 'SecurityError') this.#locks = undefined;
        resolve(undefined);
      };
      if (this.#locks) this.#locks.request(name, asked, granted).catch(failed);
      else resolve(undefined);
    });
  }

  #nameOf(kind: 'key' | 'fence', name: string): string {
    return `${this.#base}${kind}/${name}`;
  }

  #post(message: Message): void {
    // A channel that was closed says so; then nobody is there who would have to know.
    if (!this.#end.signal.aborted) this.#channel?.postMessage(message);
  }
}

/** A claim of the core's, until it is released. */
class Claim implements RawClaim {
  readonly granted: Promise<number>;
  isLate = false;
  #isReleased = false;
  readonly #abort = new AbortController();
  readonly #releases: Release[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(granted: (claim: Claim) => Promise<number>) {
    this.granted = granted(this).finally(() => clearTimeout(this.#timer));
  }

  /** Gives up what waits for longer, or was released. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  limit(ms: number): void {
    this.#timer = setTimeout(() => {
      this.isLate = true;
      this.#abort.abort();
    }, ms);
  }

  /** Has `release` called at the end, before those that were given before. */
  hold(release: Release): void {
    this.#releases.unshift(release);
    if (this.#isReleased) this.release();
  }

  release(): void {
    this.#isReleased = true;
    this.#abort.abort();
    this.#releases.splice(0).forEach((release) => release());
  }
}

/** A channel; none where there are none, or where this origin may have none. */
function channelOf(name: string): BroadcastChannel | undefined {
  try {
    return globalThis.BroadcastChannel && new BroadcastChannel(name);
  } catch {
    return undefined;
  }
}

function scopeOf(name: string, isPrefix: boolean): { key?: string; prefix?: string } {
  return isPrefix ? { prefix: name } : { key: name };
}
