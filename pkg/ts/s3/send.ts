/** Sending requests from browsers. */

import { isBytes } from '../tier.js';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** From how many bytes on it pays, which was measured in Chromium; it is even at 16 KiB. */
const BLOB_BYTES_MIN = 2 ** 16;

/**
 * `fetch`, which is given bodies in blobs in browsers. Bytes go to the process that sends them through a narrow pipe: for 16 MiB of them
 * Chromium takes twenty times as long as for a blob, and keeps them in the page's process until they are sent.
 */
export function sending(fetch: Fetch | undefined): Fetch | undefined {
  if (!('indexedDB' in globalThis)) return fetch;
  return (url, init) => {
    const { body } = init;
    const isLarge = isBytes(body) && body.length >= BLOB_BYTES_MIN;
    const sent = isLarge ? { ...init, body: new Blob([body as Uint8Array<ArrayBuffer>]) } : init;
    return fetch ? fetch(url, sent) : globalThis.fetch(url, sent);
  };
}
