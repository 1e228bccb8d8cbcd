/** Calls of the core, and what may end them early. */

import type { StorageMetadata } from './contract.js';
import { StorageError, attempt, isRaw } from './errors.js';
import type { MaybePromise } from './port.js';

/** What `work` of the core's gives, with errors of ours. */
export async function guarded<R>(work: () => MaybePromise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw StorageError.from(error, 'the core failed', undefined, 'internal');
  }
}

/** As `guarded`, of work that `signal` gives up and rejects with its reason. */
export async function abortable<R>(signal: AbortSignal | undefined, work: (abort?: Promise<never>) => Promise<R>): Promise<R> {
  if (!signal) return guarded(work);
  const reason = (): unknown => signal.reason ?? new DOMException('the call was given up', 'AbortError');
  if (signal.aborted) throw reason();
  let given: { reason: unknown } | undefined;
  let onAbort = (): void => undefined;
  const abort = new Promise<never>((_, reject) => {
    onAbort = () => reject((given = { reason: reason() }).reason as Error);
  });
  abort.catch(() => undefined);
  attempt(() => signal.addEventListener('abort', onAbort), '`signal` cannot be listened to');
  try {
    return await work(abort);
  } catch (error) {
    if (given && error === given.reason) throw error;
    throw StorageError.from(error, 'the call failed', undefined, 'internal');
  } finally {
    attempt(() => signal.removeEventListener('abort', onAbort), '`signal` cannot be left');
  }
}

/** A `conflict` of the core's tells what is there; `toMetadata` reads its line. */
export async function telling<R>(work: Promise<R>, toMetadata: (key: string, line: string) => StorageMetadata): Promise<R> {
  try {
    return await work;
  } catch (error) {
    if (!isRaw(error) || error[0] !== 'conflict') throw error;
    const [, , , key, , , line] = error;
    throw StorageError.fromRaw(error, line === undefined ? null : toMetadata(key ?? '', line));
  }
}

/** Work that the core asks for while it is called: what it throws, the call throws as it is. */
export function asked<A, R>(work: (found: A) => Promise<R>): { during<W>(call: (ask: (found: A) => Promise<R>) => Promise<W>): Promise<W> } {
  let thrown: { error: unknown } | undefined;
  const ask = (found: A): Promise<R> =>
    work(found).catch((error: unknown) => {
      thrown = { error };
      throw error;
    });
  return {
    during: (call) =>
      call(ask).catch((error: unknown) => {
        throw thrown ? thrown.error : error;
      }),
  };
}
