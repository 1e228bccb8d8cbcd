/** Sending when the browser says that the network is back, without any page: the event `sync` of service workers. */

import { StorageError, invalid } from '../errors.js';
import type { WriteQueue } from '../queue.js';

/** The event, where there is such. */
interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(work: Promise<unknown>): void;
}

const DEFAULT_NAME = 'tiered-storage-queue';

/** Asks the browser to wake the service worker once there is a network. Where it cannot, pages send when they are open. */
export function askForSync(name: string): void {
  type Registration = { sync?: { register(tag: string): Promise<void> } };
  const { navigator } = globalThis as { navigator?: { serviceWorker?: { ready: Promise<Registration> } } };
  // That it is not allowed to is no failure.
  navigator?.serviceWorker?.ready.then(({ sync }) => sync?.register(name)).catch(() => undefined);
}

/**
 * For a service worker, while its script first runs: sends what is queued under `name` when the browser says that the network is
 * back, which some do even if no page is open. `open` opens the queue, best with `send: 'manual'`; it is closed afterwards.
 *
 * ```ts
 * flushOnSync(async () => WriteQueue.open(await storage, { send: 'manual' }));
 * ```
 */
export function flushOnSync(open: () => Promise<WriteQueue>, name: string = DEFAULT_NAME): void {
  if (typeof open !== 'function' || typeof name !== 'string') throw invalid('`flushOnSync` takes a function that opens a queue, and its name');
  if (typeof addEventListener !== 'function') throw new StorageError('unsupported', '`flushOnSync` is for service workers; call `flush` here');
  addEventListener('sync', (event) => {
    const { tag } = event as SyncEvent;
    if (tag !== name) return;
    const flush = async (): Promise<void> => {
      const queue = await open();
      // If it fails, the browser tries again later.
      await queue.flush().finally(() => queue.close());
    };
    (event as SyncEvent).waitUntil(flush());
  });
}
