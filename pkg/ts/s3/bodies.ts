/** How bodies go from this package to the S3 of the core, and from there to the store. */

import { count } from '../garbage.js';
import type { Source } from '../port.js';
import { isBytes } from '../tier.js';

/** Longer bodies are asked for in part before much of them has come. */
const ANSWER_BYTES_MAX = 2 ** 24;
/** From how many bytes on a blob pays, which was measured in Chromium; it is even at 16 KiB. */
const BLOB_BYTES_MIN = 2 ** 16;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The core gives up what it was given; but this is the storage's own, which may bring it to another tier as well. */
export function lent(body: Uint8Array | Source): Uint8Array | Source {
  return isBytes(body) ? body : { size: body.size, read: (start, end) => body.read(start, end), cancel: () => undefined };
}

/**
 * `fetch` as browsers should have it: given bodies in blobs. Bytes go to the process that sends them through a narrow pipe: for 16 MiB
 * of them Chromium takes twenty times as long as for a blob, and keeps them in the page's process until they are sent. Bodies are
 * counted, too, since they are garbage soon.
 */
export function toFetch(given: Fetch | undefined): Fetch | undefined {
  if (!('indexedDB' in globalThis)) return given;
  return async (url, init) => {
    const { body } = init;
    const size = isBytes(body) ? body.length : 0;
    count(size);
    const sent = size < BLOB_BYTES_MIN ? init : { ...init, body: new Blob([body as Uint8Array<ArrayBuffer>]) };
    if (given) return given(url, sent);
    const response = await fetch(url, sent);
    count(Math.min(Number(response.headers.get('content-length')), ANSWER_BYTES_MAX));
    return response;
  };
}
