/** Time that moves only when a scenario says so. */

/** 2026-01-01T00:00:00Z. */
const START_MS = Date.UTC(2026, 0, 1);

interface Timer {
  at: number;
  end: () => void;
}

/** The clock of all storages of one scenario. */
export class Clock {
  #now = START_MS;
  /** By the time they end at, then in the order in which they were set. */
  #timers: Timer[] = [];
  /** How many timers were set. */
  moves = 0;

  now(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    this.moves += 1;
    return new Promise((end) => {
      const at = this.#now + Math.max(0, ms);
      const behind = this.#timers.findLastIndex((timer) => timer.at <= at);
      this.#timers.splice(behind + 1, 0, { at, end });
    });
  }

  /** Moves to the next timer that ends by `until`, and ends it; else moves to `until`. Says whether there was one. */
  step(until: number): boolean {
    const next = this.#timers[0];
    if (!next || next.at > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#timers.shift();
    this.#now = Math.max(this.#now, next.at);
    next.end();
    return true;
  }
}
