/** Those who wait for a queue to be sent. */

import type { Orders } from './orders.js';
import type { Sender } from './sender.js';

interface Waiting {
  /** In ms since 1970. */
  readonly since: number;
  resolve(): void;
  reject(reason: unknown): void;
}

export class Flushes {
  readonly #orders: Orders;
  readonly #sender: Sender;
  readonly #waiting = new Set<Waiting>();
  #isLooking = false;
  /** Whether something has happened since the last look. */
  #isStale = false;

  constructor(orders: Orders, sender: Sender) {
    this.#orders = orders;
    this.#sender = sender;
  }

  /** Waits until nothing is left but what waits for a choice. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    let waiting: Waiting | undefined;
    const stop = (): void => waiting?.reject(signal?.reason);
    try {
      await new Promise<void>((resolve, reject) => {
        waiting = { since: Date.now(), resolve, reject };
        this.#waiting.add(waiting);
        signal?.addEventListener('abort', stop);
        this.#sender.wake();
        this.look();
      });
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#waiting.delete(waiting as Waiting);
    }
  }

  /** Something was sent, or came to rest: those who wait may be done. However often it is told, there is one look at a time. */
  look(): void {
    this.#isStale = true;
    if (!this.#isLooking) void this.#look();
  }

  /** An attempt of this time failed. One from before somebody waited says nothing of now. */
  fail(error: unknown, begun = Infinity): void {
    for (const { since, reject } of this.#waiting) if (begun >= since) reject(error);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      while (this.#isStale && this.#waiting.size) {
        this.#isStale = false;
        const waiting = [...this.#waiting];
        const isLeft = await this.#orders.isLeft();
        if (!isLeft) for (const { resolve } of waiting) resolve();
        // It was queued after this tab had found nothing more to send.
        else if (!this.#sender.isRunning) this.#sender.wake();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isLooking = false;
    }
  }
}
