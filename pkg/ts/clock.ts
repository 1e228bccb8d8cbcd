/** The time for statistics, which need not be exact. */

/** How long a time stands for the present, in ms. */
const TICK_MS = 4;
/** After so many uses the clock is read in any case: a timer may ring late, or never. */
const USES_MAX = 1024;

let time = 0;
let uses = 0;

/**
 * In ms since 1970, a few ms late. To read the system's clock can cost as much as all else of a hot hit, so it is read
 * once for those that follow each other closely.
 */
export function roughly(): number {
  if (uses === 0) {
    time = Date.now();
    uses = USES_MAX;
    const timer: unknown = setTimeout(forget, TICK_MS);
    // Node would not end before it rang.
    (timer as { unref?: () => void }).unref?.();
  }
  uses -= 1;
  return time;
}

function forget(): void {
  uses = 0;
}
