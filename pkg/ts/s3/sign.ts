/** Requests that a function of the user's signs. */

import { StorageError, invalid } from '../errors.js';
import { isText } from '../options.js';
import { pairs, type RawUnsigned } from '../wasm.js';
import { within } from '../within.js';

/** A request that a function of yours is to sign. */
export interface S3UnsignedRequest {
  method: string;
  url: string;
  /** Names in lower case. All of them are sent; `host` is not among them. */
  headers: Record<string, string>;
  /** The SHA-256 of the body in lowercase hexadecimal digits. */
  payloadHash: string;
  /** The region of the bucket. */
  region: string;
}

/** Headers, by their names. */
export type S3Headers = Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;

/** Gives the headers that make a request a signed one. */
export type SignRequest = (request: S3UnsignedRequest) => S3Headers | Promise<S3Headers>;

/** What the core asks for signatures, where a function gives them. */
export function toSigner(
  sign: SignRequest | undefined,
  timeout = 30_000,
): ((request: RawUnsigned) => Promise<string[]>) | undefined {
  if (!sign) return undefined;
  return async ([method, url, flat, payloadHash, region]) => {
    const headers = Object.fromEntries(pairs(flat));
    try {
      return await within(timeout, 'the function that signs', async () =>
        toHeaders(await sign({ method, url, headers, payloadHash, region })),
      );
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new StorageError('unavailable', 'the function that signs failed', { cause: error });
    }
  };
}

/** Names and values by turns. Nothing of the values is told: they are secret. */
function toHeaders(given: unknown): string[] {
  const sentence = 'the function that signs must give headers: an object of names and values in printable ASCII';
  if (typeof given !== 'object' || given === null) throw invalid(sentence);
  const entries = Symbol.iterator in given ? [...(given as Iterable<[unknown, unknown]>)] : Object.entries(given);
  const isHeader = (header: unknown): header is [string, string] =>
    Array.isArray(header) && header.length === 2 && header.every(isText) && /^[\w!#$%&'*+.^`|~-]+\n[\t -~]*$/.test(header.join('\n'));
  if (!entries.length || !entries.every(isHeader)) throw invalid(sentence);
  return entries.flat() as string[];
}
