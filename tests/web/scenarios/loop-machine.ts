/** The machine of Node, where all tiers are in memory: the end of the event loop is where nothing moves any more. */

import type { Clock } from './clock.js';
import type { Machine, Pending } from './machine.js';
import type { Activity } from './seat.js';

/** A real timer that somebody left running keeps the loop alive; after so long without a movement, it is passed over. */
const STALLED_FOR_MS = 300;

export class LoopMachine implements Machine {
  readonly clock: Clock;
  readonly activity: Activity;

  constructor(clock: Clock, activity: Activity) {
    this.clock = clock;
    this.activity = activity;
  }

  async rest(): Promise<void> {
    let moves: number;
    do {
      moves = this.activity.moves + this.clock.moves;
      if (await loopEnds(STALLED_FOR_MS)) return;
    } while (this.activity.moves + this.clock.moves !== moves);
  }

  async stall(): Promise<void> {
    await this.rest();
  }

  async wait(pending: readonly Pending<unknown>[]): Promise<boolean> {
    await this.rest();
    return pending.every((one) => one.isDone);
  }

  async advance(ms: number): Promise<void> {
    await this.rest();
    const until = this.clock.now() + ms;
    while (this.clock.step(until)) await this.rest();
  }
}

/** Whether the event loop runs dry within `ms`. */
function loopEnds(ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDry: boolean): void => {
      process.off('beforeExit', dry);
      clearTimeout(timer);
      // A new turn: an empty loop would end the process.
      setImmediate(() => resolve(isDry));
    };
    const dry = (): void => settle(true);
    const timer = setTimeout(() => settle(false), ms).unref();
    process.once('beforeExit', dry);
    // So that there is a turn after this one, however empty.
    setImmediate(() => undefined);
  });
}
