/** Entries as answers to requests of HTTP, for service workers, edge workers and servers. */

import { attempt, invalid } from './errors.js';
import { check, checkCallOptions, isText, type Rule, type Rules } from './options.js';
import type { TieredStorage } from './storage.js';
import { toReadable } from './streams.js';
import { checkKey, isBytes } from './tier.js';
import { ANSWER, pairs, type RawFlow } from './wasm.js';

/** How to answer. */
export interface RespondOptions {
  /**
   * Which entry is asked for. Default: the path of the request's URL, decoded, without its first slash; a path that cannot
   * be a key is a 404. URLs have no `.` and `..` between slashes, so that keys with them must be given here.
   */
  key?: string | undefined;
  /** The header `cache-control` of 200, 206 and 304, such as `public, max-age=3600`. None by default. */
  cacheControl?: string | undefined;
}

export const HEADER: Rule = [
  (value) => isText(value) && /^[!-~]+( [!-~]+)*$/.test(value as string),
  'the value of a header, in printable ASCII',
];
const RESPOND: Rules = {
  key: [isText, 'a string'],
  cacheControl: HEADER,
};

const TAKES = '`respond` takes a TieredStorage and a Request';

/**
 * Answers a request with an entry, by RFC 9110.
 *
 * 200 is the whole entry, also where a `Range` is malformed or its ranges do not join into one. 206 is the part of it that a
 * `Range` names, unless an `If-Range` names another version. 304: the client has it (`If-None-Match`, `If-Modified-Since`).
 * 404: there is no live entry. 405: the method is neither `GET` nor `HEAD`. 412: it is not the one that the client wants
 * (`If-Match`, `If-Unmodified-Since`). 416: the `Range` begins behind its end.
 *
 * The `etag` is the SHA-256 of the bytes, the same from every tier and host; an object of another program has that of S3.
 * Values are answered as they are stored: bytes, JSON, or what the serializer made. No body is read for an answer that has
 * none: metadata is asked for first where there may be none. Large bodies come in pieces, as they are read, and of a range only
 * its bytes are asked for. The request's `signal` gives the answer up.
 *
 * Fails as `getWithMetadata` does: an outage is an error, and no answer. Fails as `invalid` for an illegal key or option.
 *
 * ```ts
 * addEventListener('fetch', (event) => {
 *   if (!new URL(event.request.url).pathname.startsWith('/media/')) return;
 *   const answer = async () => respond(await storage, event.request, { cacheControl: 'max-age=3600' });
 *   event.respondWith(answer().catch(() => fetch(event.request)));
 * });
 * ```
 */
export async function respond(storage: TieredStorage, request: Request, options?: RespondOptions): Promise<Response> {
  const { key: given, cacheControl } = check<RespondOptions>(options, RESPOND, 'the options of `respond`');
  if (given !== undefined) checkKey(given);
  const call = attempt(() => {
    if (typeof storage[ANSWER] !== 'function') throw invalid(TAKES);
    const { method, url, headers, signal } = request;
    const sent = Object.fromEntries(headers);
    // In Node, the signal of a request that nobody holds any more tells nothing.
    return { request, key: given ?? keyUnder(url, '/'), method, sent, signal: checkCallOptions({ signal }).signal };
  }, TAKES);
  const { key, method, sent, signal } = call;
  if (key === undefined) return new Response(null, { status: 404, headers: { 'content-length': '0' } });
  const [status, flat, body] = await storage[ANSWER](signal, key, method, sent, cacheControl);
  const headers: Record<string, string> = Object.fromEntries(pairs(flat));
  const init: ResponseInit & { encodeBody?: 'manual' } = { status, headers };
  // Else workerd would encode once more what another program stored so.
  if (headers['content-encoding'] !== undefined) init.encodeBody = 'manual';
  const whole = body === null || isBytes(body) ? (body as Uint8Array<ArrayBuffer> | null) : undefined;
  return new Response(whole === undefined ? toReadable(body as RawFlow, call) : whole, init);
}

/** The key that a URL names behind `base`, with which its path begins; if it can be one. */
export function keyUnder(url: string | URL, base: string): string | undefined {
  try {
    const key = decodeURIComponent(new URL(url).pathname.slice(base.length));
    checkKey(key);
    return key;
  } catch {
    return undefined;
  }
}
