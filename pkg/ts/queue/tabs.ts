/** What the tabs of one origin agree on: who does something, and what has happened. */

/** Web Locks, where there are such; else only this realm is asked. */
interface Locks {
  request<T>(name: string, options: { ifAvailable?: boolean; signal?: AbortSignal }, work: (lock: unknown) => Promise<T>): Promise<T>;
}

/** Who has a name in this realm, where there are no Web Locks. */
const held = new Map<string, Promise<unknown>>();

/** Does `work` while nobody else does anything of this name. A page that dies has ended. `signal` ends the wait. */
export async function exclusively<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const locks = webLocks();
  if (locks) return locks.request(name, { signal }, work);
  return inTurn(held, name, signal, work);
}

/**
 * Does `work` behind what was to be done under this name before; `last` has the end of that. `signal` ends the wait, which moves nobody
 * else up.
 */
export function inTurn<T>(last: Map<string, Promise<unknown>>, name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const before = last.get(name) ?? Promise.resolve();
  const mine = unless([signal], before).then(work);
  const ended = Promise.allSettled([before, mine]);
  last.set(name, ended);
  void ended.then(() => last.get(name) === ended && last.delete(name));
  return mine;
}

/** Does `work` if nobody does anything of this name, else nothing. */
export async function ifFree(name: string, work: () => Promise<unknown>): Promise<void> {
  const locks = webLocks();
  if (locks) await locks.request(name, { ifAvailable: true }, async (lock) => lock && work());
  else if (!held.has(name)) await exclusively(name, new AbortController().signal, work);
}

function webLocks(): Locks | undefined {
  const { navigator } = globalThis as { navigator?: { locks?: Locks } };
  return navigator?.locks;
}

/** Calls `wake` when the network may be back, until the function that this returns is called. */
export function onReturn(wake: () => void): () => void {
  // Neither is there in every realm: service workers have no document, Node has no such events.
  const realm = globalThis as { addEventListener?: typeof addEventListener; document?: Document };
  const stopped = new AbortController();
  const { signal } = stopped;
  realm.addEventListener?.('online', wake, { signal });
  const seen = (): void => {
    if (realm.document?.visibilityState === 'visible') wake();
  };
  realm.document?.addEventListener('visibilitychange', seen, { signal });
  return () => stopped.abort();
}

/** What `work` gives; or fails with the reason of a signal that is aborted before. */
export async function unless<T>(signals: readonly (AbortSignal | undefined)[], work: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      const stop = (): void => reject(signal?.reason as Error);
      if (signal?.aborted) stop();
      else signal?.addEventListener('abort', stop, { signal: ended.signal });
    }
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    ended.abort();
  }
}

/** Tells the other tabs, and hears them. */
export class News<M> {
  readonly #channel: BroadcastChannel | undefined;

  constructor(name: string, hear: (message: M) => void) {
    if (typeof BroadcastChannel !== 'function') return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => hear(data as M);
    // It keeps no process of Node's alive.
    (this.#channel as { unref?: () => void }).unref?.();
  }

  tell(message: M): void {
    this.#channel?.postMessage(message);
  }

  close(): void {
    this.#channel?.close();
  }
}
