/** How bodies go from this package to the S3 of the core, and from there to the store. */

import { count } from '../garbage.js';
import type { Source } from '../port.js';
import { isBytes } from '../tier.js';

/** Longer bodies are asked for in part before much of them has come. */
const ANSWER_BYTES_MAX = 2 ** 24;

/** The core gives up what it was given; but this is the storage's own, which may bring it to another tier as well. */
export function lent(body: Uint8Array | Source): Uint8Array | Source {
  return isBytes(body) ? body : { size: body.size, read: (start, end) => body.read(start, end), cancel: () => undefined };
}

/** In browsers, a `fetch` by which bodies are counted that are garbage soon. */
export function toFetch(): typeof fetch | undefined {
  if (!globalThis.navigator?.userAgent?.startsWith('Mozilla/')) return undefined;
  return async (url, init) => {
    if (isBytes(init?.body)) count(init.body.length);
    const response = await fetch(url, init);
    count(Math.min(Number(response.headers.get('content-length')), ANSWER_BYTES_MAX));
    return response;
  };
}
