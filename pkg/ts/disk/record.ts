/**
 * The forms of a file. A small entry is a head of one line, then key, stored metadata and body.
 *
 * A large one has places for two heads, then the body: so the body can be written before its size is known, and other
 * metadata go to the place that is not in use, beside a body that stays. The head of the last turn that is whole counts.
 */

import { createHash } from 'node:crypto';
import type { StoredEntry } from '../port.js';

/** The longest that head, key and metadata can be together, in bytes. */
const HEAD_BYTES_MAX = 4096;
/** Where the body of a large entry starts, in bytes. It is also how much of a file has to be read for its head. */
export const HEADS_BYTES = 2 * HEAD_BYTES_MAX;
/** Larger bodies are those of large entries. */
export const SMALL_BYTES_MAX = 2 ** 18;

/** What is known of a file without its body. */
export interface Head {
  readonly key: string;
  readonly line: string;
  /** Where the body starts, and how long it is, in bytes. */
  readonly start: number;
  readonly bytes: number;
  /** Which head of a large entry this is. */
  readonly turn?: number | undefined;
}

/** The bytes in front of a body. */
export function encodeHead(key: string, line: string, bytes: number): Buffer {
  if (bytes > SMALL_BYTES_MAX) return encodeTurn(key, line, bytes, 0)[0];
  const [name, text] = [Buffer.from(key), Buffer.from(line)];
  return Buffer.concat([Buffer.from(`tiered-storage-1 ${name.length} ${text.length} ${bytes}\n`), name, text]);
}

/** A head of a large entry, and where in the file it goes. */
export function encodeTurn(key: string, line: string, bytes: number, turn: number): [head: Buffer, at: number] {
  const [name, text] = [Buffer.from(key), Buffer.from(line)];
  const said = `${turn} ${name.length} ${text.length} ${bytes}`;
  const front = Buffer.from(`tiered-storage-2 ${said} ${sumOf(said, name, text)}\n`);
  // The first one is followed by a place that is empty.
  const head = Buffer.alloc(turn ? HEAD_BYTES_MAX : HEADS_BYTES);
  Buffer.concat([front, name, text]).copy(head);
  return [head, turn % 2 ? HEAD_BYTES_MAX : 0];
}

/** Reads the head of a file that starts with these bytes; `undefined` if there is none that is whole. */
export function decodeHead(bytes: Buffer): Head | undefined {
  const match = /^tiered-storage-1 (\d{1,4}) (\d{1,4}) (\d{1,16})$/.exec(firstLine(bytes));
  if (!match) return decodeTurns(bytes);
  const [keyBytes, lineBytes, size] = match.slice(1).map(Number) as [number, number, number];
  const at = match[0].length + 1;
  const start = at + keyBytes + lineBytes;
  if (start > bytes.length) return undefined;
  return { key: bytes.toString('utf8', at, at + keyBytes), line: bytes.toString('latin1', at + keyBytes, start), start, bytes: size };
}

/** The entry of a file; `undefined` if it is not the whole entry of `key`. */
export function decode(key: string, file: Buffer): StoredEntry | undefined {
  const head = decodeHead(file);
  if (!head || head.key !== key || file.length !== head.start + head.bytes) return undefined;
  return { body: new Uint8Array(file.buffer, file.byteOffset + head.start, head.bytes), line: head.line };
}

function decodeTurns(bytes: Buffer): Head | undefined {
  const [first, second] = [decodeTurn(bytes.subarray(0, HEAD_BYTES_MAX)), decodeTurn(bytes.subarray(HEAD_BYTES_MAX, HEADS_BYTES))];
  return first && second ? (second.turn > first.turn ? second : first) : (first ?? second);
}

function decodeTurn(bytes: Buffer): (Head & { readonly turn: number }) | undefined {
  const match = /^tiered-storage-2 ((\d{1,16}) (\d{1,4}) (\d{1,4}) (\d{1,16})) ([0-9a-f]{16})$/.exec(firstLine(bytes));
  if (!match) return undefined;
  const [turn, keyBytes, lineBytes, size] = match.slice(2, 6).map(Number) as [number, number, number, number];
  const at = match[0].length + 1;
  const [name, text] = [bytes.subarray(at, at + keyBytes), bytes.subarray(at + keyBytes, at + keyBytes + lineBytes)];
  if (sumOf(match[1] as string, name, text) !== match[6]) return undefined;
  return { key: name.toString(), line: text.toString('latin1'), start: HEADS_BYTES, bytes: size, turn };
}

function firstLine(bytes: Buffer): string {
  const end = bytes.subarray(0, 128).indexOf('\n');
  return bytes.toString('latin1', 0, Math.max(end, 0));
}

/** Tells a head that was written whole from one that was not. */
function sumOf(said: string, name: Buffer, text: Buffer): string {
  return createHash('sha256').update(`${said}\n`).update(name).update(text).digest('hex').slice(0, 16);
}
