/** The values that scenarios store and expect. */

import { Fields, type Json, Malformed, show } from './fields.js';
import { isLike } from './compare.js';

/** What a scenario stores, or expects to find: bytes as they are, or JSON through the default serialization. */
export type Value = { bytes: Uint8Array } | { json: Json };

/** No scenario needs more, and a typing error should not fill the memory. */
const BYTES_MAX = 2 ** 30;
const SHORT = 120;

export function parseValue(json: Json | undefined): Value {
  const fields = new Fields('a value', json);
  const value = parseForm(fields, json);
  fields.end();
  return value;
}

function parseForm(fields: Fields, json: Json | undefined): Value {
  const text = fields.text('text');
  if (text !== undefined) return { bytes: new TextEncoder().encode(text) };
  const plain = fields.json('json');
  if (plain !== undefined) return { json: plain };
  const packed = fields.text('base64');
  if (packed !== undefined) return { bytes: fromBase64(packed) };
  const repeated = fields.text('repeat');
  if (repeated === undefined) {
    const forms = 'a value is to have "text", "json", "base64" or "repeat"';
    throw new Malformed(`${forms}, and is ${show(json)}`);
  }
  const unit = new TextEncoder().encode(repeated);
  const times = fields.neededCount('times');
  if (times * unit.length > BYTES_MAX) throw new Malformed('a value may have 1 GiB at most');
  const bytes = new Uint8Array(times * unit.length);
  for (let at = 0; at < times; at += 1) bytes.set(unit, at * unit.length);
  return { bytes };
}

/** Whether the other is of the same kind and equal. */
export function isEqual(mine: Value, theirs: Value): boolean {
  if ('bytes' in mine) return 'bytes' in theirs && isSame(mine.bytes, theirs.bytes);
  return 'json' in theirs && isLike(mine.json, theirs.json);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Short enough for a line. */
export function showValue(value: Value): string {
  if ('json' in value) return `the JSON ${short(show(value.json))}`;
  const { bytes } = value;
  try {
    const text = show(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return bytes.length <= SHORT ? `the bytes ${text}` : `${bytes.length} bytes, ${short(text)}`;
  } catch {
    return `${bytes.length} bytes, in base64 ${short(toBase64(bytes))}`;
  }
}

function short(text: string): string {
  return text.length <= SHORT ? text : `${text.slice(0, SHORT)}...`;
}

/** Base64 as RFC 4648 has it, with its padding. */
function fromBase64(text: string): Uint8Array {
  const isWhole = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  if (!isWhole) throw new Malformed(`${show(text)} is not base64`);
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes.subarray(0, SHORT), (byte) => String.fromCharCode(byte)).join(''));
}
