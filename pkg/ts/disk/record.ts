/** The form of a file: a head of one line, then key, stored metadata and body. */

import type { StoredEntry } from '../port.js';

/** The longest that head, key and metadata can be together, in bytes. */
export const HEAD_BYTES_MAX = 4096;
const NAME = 'tiered-storage-1';

/** What stands in front of a body. */
export interface Head {
  readonly key: string;
  readonly line: string;
  /** Where the body begins, and how long it is, in bytes. */
  readonly start: number;
  readonly bytes: number;
}

/** The bytes in front of a body. */
export function encodeHead(key: string, line: string, bytes: number): Buffer {
  const [name, text] = [Buffer.from(key), Buffer.from(line)];
  return Buffer.concat([Buffer.from(`${NAME} ${name.length} ${text.length} ${bytes}\n`), name, text]);
}

/** Reads what `encodeHead` wrote; `undefined` if it is not whole. */
export function decodeHead(bytes: Buffer): Head | undefined {
  const end = bytes.subarray(0, 64).indexOf('\n');
  const match = /^tiered-storage-1 (\d{1,4}) (\d{1,4}) (\d{1,16})$/.exec(bytes.toString('latin1', 0, Math.max(end, 0)));
  if (!match) return undefined;
  const [keyBytes, lineBytes, size] = match.slice(1).map(Number) as [number, number, number];
  const [keyEnd, start] = [end + 1 + keyBytes, end + 1 + keyBytes + lineBytes];
  if (start > bytes.length) return undefined;
  return { key: bytes.toString('utf8', end + 1, keyEnd), line: bytes.toString('latin1', keyEnd, start), start, bytes: size };
}

/** The entry of a file; `undefined` if it is not the whole entry of `key`. */
export function decode(key: string, file: Buffer): StoredEntry | undefined {
  const head = decodeHead(file);
  if (!head || head.key !== key || file.length !== head.start + head.bytes) return undefined;
  return { body: new Uint8Array(file.buffer, file.byteOffset + head.start, head.bytes), line: head.line };
}
