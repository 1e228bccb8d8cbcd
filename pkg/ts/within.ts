/** Time limits for what is not ours. */

import { StorageError } from './errors.js';

/**
 * What `work` gives, if it does within `ms`; else fails as a time-out of `what`. What comes of it later is passed over.
 * That `work` throws is as if it rejected.
 */
export async function within<R>(ms: number, what: string, work: () => R | Promise<R>): Promise<R> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `${what} did not answer within ${ms} ms`;
    timer = setTimeout(() => reject(new StorageError('unavailable', message, { isTimeout: true })), ms);
  });
  try {
    return await Promise.race([new Promise<R>((done) => done(work())), late]);
  } finally {
    clearTimeout(timer);
  }
}
