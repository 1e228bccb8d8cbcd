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

/** So many bytes may be left when more is to be sent; sending waits so long at most for them to be collected, and looks this often, in ms. */
const HELD_BYTES_MAX = 2 ** 22;
const WAIT_MS = 800;
const LOOK_MS = 20;
/** What is counted at each look, so that there is a collection. */
const LOOK_BYTES = 2 ** 23;

let heldBytes = 0;
const held = isNeeded ? new FinalizationRegistry<number>((bytes) => (heldBytes -= bytes)) : undefined;

/** Notes an object of so many bytes that nobody needs any more. */
export function leave(object: object, bytes: number): void {
  if (bytes < BYTES_MIN || !held) return;
  heldBytes += bytes;
  held.register(object, bytes);
}

/** Waits a little for what was left to be collected, if that is much: who sends is quicker than the collector. */
export async function collected(): Promise<void> {
  for (let waited = 0; heldBytes > HELD_BYTES_MAX && waited < WAIT_MS; waited += LOOK_MS) {
    count(LOOK_BYTES);
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}
