/** Timers that nobody waits for: the core's waits end at once, and its time limits when a test says so. */

/** The time limit that requests are given: no other timer is as long. */
export const LIMIT_MS = 1_000_000_000;

/** How long a busy machine may take. */
const STUCK_MS = 60_000;

type Handler = (...words: unknown[]) => void;

const { setTimeout: realSetTimeout, clearTimeout: realClearTimeout } = globalThis;
const limits = new Map<object, Handler>();

/** Takes over the timers of this realm, until the function that this gives is called. */
export function takeTimers(): () => void {
  const set = (handler: Handler, ms = 0, ...words: unknown[]): unknown => {
    if (ms < LIMIT_MS) return realSetTimeout(handler, 0, ...words);
    const timer = { unref: () => timer };
    limits.set(timer, handler);
    return timer;
  };
  const clear = (timer: unknown): void => {
    if (!limits.delete(timer as object)) realClearTimeout(timer as number);
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  return () => void Object.assign(globalThis, { setTimeout: realSetTimeout, clearTimeout: realClearTimeout });
}

/** What `work` gives, unless it takes longer than any test should: then `undefined`, and it is left to itself. */
export async function unlessStuck<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: unknown;
  const stuck = new Promise<undefined>((end) => (timer = realSetTimeout(end, STUCK_MS, undefined)));
  try {
    return await Promise.race([work, stuck]);
  } finally {
    realClearTimeout(timer as number);
  }
}

/** Ends all time limits that run. */
export function endLimits(): void {
  const handlers = [...limits.values()];
  limits.clear();
  for (const handler of handlers) handler();
}

/** What is done once in so long is not done while a test runs. */
const SOON_MS = 10_000;

/** The storage's clock: the machine's, and what it was moved by. Short waits end at once, and long ones never. */
export class MovedClock {
  #moved = 0;

  now(): number {
    return Date.now() + this.#moved;
  }

  sleep(ms: number): Promise<void> {
    return ms < SOON_MS ? Promise.resolve() : new Promise(() => {});
  }

  advance(ms: number): void {
    this.#moved += ms;
  }
}
