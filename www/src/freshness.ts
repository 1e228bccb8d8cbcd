/** How old copies may be. Pages and the service worker share them, so they go by the same times. */

/** After this, a copy is compared with the bucket before it is shown: one small request, no bytes. */
export const FRESH_MS = 5 * 60_000;
/** While the bucket cannot be reached, a copy is shown that was current this long ago: a year. */
export const STALE_MS = 365 * 24 * 3_600_000;
