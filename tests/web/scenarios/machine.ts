/** Time, and when nothing moves any more. */

import type { Clock } from './clock.js';
import type { Activity } from './seat.js';

/** What was begun. */
export class Pending<T> {
  isDone = false;
  value: T | undefined;
  readonly promise: Promise<void>;

  constructor(promise: Promise<T>, activity: Activity) {
    this.promise = promise.then((value) => {
      this.value = value;
      this.isDone = true;
      activity.moves += 1;
    });
  }
}

/** How a host waits. */
export interface Machine {
  readonly clock: Clock;
  readonly activity: Activity;
  /** Lets everything go as far as it goes by itself, where the host knows when that is; elsewhere it goes anyway. */
  rest(): Promise<void>;
  /** Waits until `isDone`, or until nothing moves any more without another step. */
  stall(isDone: () => boolean): Promise<void>;
  /** Waits until all have ended; `false` if that will not be. `isHeld` tells whether a call waits to be released. */
  wait(pending: readonly Pending<unknown>[], isHeld: () => boolean): Promise<boolean>;
  /** Moves the clock, and lets the work of every timer on the way be done at its time. */
  advance(ms: number): Promise<void>;
}

/** After so long without a movement, what is done by real I/O goes no further by itself. In ms, as all here. */
const STALLED_FOR = 200;
/** After so long with a call held and nothing else happening, nothing will. */
const HELD_FOR = 3_000;
/** No step takes longer than this. */
const LONGEST = 120_000;
/** How long the work behind a timer may take before the clock moves on. */
const TIMER_LONGEST = 2_000;
/** Between two calls of tiers, bodies are hashed or packed: no movement that can be seen. */
const SETTLED_FOR = 25;

/** For a host with real I/O: only time tells that nothing moves. */
export class PatientMachine implements Machine {
  readonly clock: Clock;
  readonly activity: Activity;

  constructor(clock: Clock, activity: Activity) {
    this.clock = clock;
    this.activity = activity;
  }

  async rest(): Promise<void> {}

  async stall(isDone: () => boolean): Promise<void> {
    await this.#still(STALLED_FOR, LONGEST, isDone);
  }

  async wait(pending: readonly Pending<unknown>[], isHeld: () => boolean): Promise<boolean> {
    const isDone = (): boolean => pending.every((one) => one.isDone);
    const end = performance.now() + LONGEST;
    let isOver = false;
    const watch = async (): Promise<void> => {
      while (!isOver && performance.now() < end) {
        await this.#still(HELD_FOR, LONGEST, () => isOver || performance.now() > end);
        if (isHeld()) return;
      }
    };
    await Promise.race([Promise.all(pending.map((one) => one.promise)), watch()]);
    isOver = true;
    return isDone();
  }

  async advance(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    for (;;) {
      const moves = this.#moves();
      if (!this.clock.step(until)) return;
      await turn();
      await turn();
      if (this.#moves() !== moves) await this.#still(SETTLED_FOR, TIMER_LONGEST, () => false);
    }
  }

  #moves(): number {
    return this.activity.moves + this.clock.moves;
  }

  /** Waits until nothing has moved for `quiet`, no longer than `longest`, and not once `isDone`. */
  async #still(quiet: number, longest: number, isDone: () => boolean): Promise<void> {
    const start = performance.now();
    let moves = this.#moves();
    let since = start;
    while (!isDone() && performance.now() - start < longest) {
      if (this.#moves() !== moves || this.activity.running > 0) {
        moves = this.#moves();
        since = performance.now();
      } else if (performance.now() - since >= quiet) {
        return;
      }
      await turn();
    }
  }
}

/** Lets whatever is due be done. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
