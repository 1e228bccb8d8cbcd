/** What Chromium should know of its memory, so that it looks for garbage before there is much. */

/** Less is not worth it. */
const BYTES_MIN = 2 ** 18;
/** A byte counts as so many: Chromium begins to look after 64 MiB, and takes its time. */
const WEIGHT = 8;
/** What is counted at once; of smaller memory Chromium would make real one. */
const STEP_BYTES = 2 ** 22;

const isNeeded = !!globalThis.navigator?.userAgent?.includes('Chrome/');

/**
 * Has so many bytes counted that will be garbage soon. A database's answers, and what was sent and came over a network, are
 * held beside the bytes that were made of them, and Chromium counts none of it: in seconds, hundreds of megabytes lie about.
 * What is counted here instead is memory that is never touched, and so is none.
 */
export function count(bytes: number): void {
  if (!isNeeded || bytes < BYTES_MIN) return;
  try {
    for (let left = WEIGHT * bytes; left > 0; left -= STEP_BYTES) new ArrayBuffer(STEP_BYTES);
  } catch {
    // There is not even room to count it; then garbage is looked for at once.
  }
}
