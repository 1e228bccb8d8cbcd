/** How bodies go from this package to the S3 of the core, and from there to the store. */

import { collected, count, leave } from '../garbage.js';
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
 * of them Chromium, with other work to do, takes twenty times as long as for a blob. What is sent and comes is garbage soon, which it is told.
 */
export function toFetch(given: Fetch | undefined): Fetch | undefined {
  if (!('indexedDB' in globalThis)) return given;
  return async (url, init) => {
    const { body } = init;
    const size = isBytes(body) ? body.length : 0;
    if (size < BLOB_BYTES_MIN || !isBytes(body)) return given ? given(url, init) : answered(await fetch(url, init));
    await collected();
    const blob = new Blob([body as Uint8Array<ArrayBuffer>]);
    const sent = { ...init, body: blob };
    try {
      return given ? await given(url, sent) : answered(await fetch(url, sent));
    } finally {
      leave(blob, size);
    }
  };
}

/** The same, with its body counted. */
function answered(response: Response): Response {
  count(Math.min(Number(response.headers.get('content-length')), ANSWER_BYTES_MAX));
  return response;
}
