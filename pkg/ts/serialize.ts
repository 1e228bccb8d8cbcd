/** Values as the bytes that are stored, and back. The entry records which it is, so a changed config breaks no old ones. */

import type { TieredStorageConfig } from './contract.js';
import { StorageError, invalid } from './errors.js';

type Serialization = TieredStorageConfig['serialization'];

/** Bytes, JSON, or the user's own form. */
export type Content = 0 | 1 | 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The bytes of a value, which nobody else has. Typed arrays, `ArrayBuffer`, `Blob` and streams of bytes are stored as they
 * are; everything else goes through the serializer.
 */
export async function toBytes(value: unknown, custom: Serialization): Promise<[Uint8Array, Content]> {
  const bytes = copyOf(value);
  if (bytes) return [bytes, 0];
  if (typeof Blob === 'function' && value instanceof Blob) {
    return [new Uint8Array(await value.arrayBuffer()), 0];
  }
  if (typeof ReadableStream === 'function' && value instanceof ReadableStream) {
    return [await drain(value as ReadableStream<unknown>), 0];
  }
  if (value === undefined) throw invalid('`undefined` cannot be stored; store `null`, or delete the key');
  if (custom) {
    const made: unknown = await custom.serialize(value);
    if (!(made instanceof Uint8Array)) throw invalid('`serialize` did not give a Uint8Array');
    return [made.slice(), 2];
  }
  return [encoder.encode(toJson(value)), 1];
}

/** The value of JSON. */
export function fromJson(bytes: Uint8Array, key: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch (cause) {
    throw new StorageError('corrupt', 'the entry says that it is JSON, and is not', { key, cause });
  }
}

/** The value of bytes that the user's serializer made. */
export async function fromCustom(bytes: Uint8Array, key: string, custom: Serialization): Promise<unknown> {
  if (!custom) {
    throw invalid('the entry was written with a serializer; open the storage with `serialization`', key);
  }
  return custom.deserialize(bytes);
}

function copyOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice();
  }
  const isBuffer = value instanceof ArrayBuffer;
  const isShared = typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer;
  return isBuffer || isShared ? new Uint8Array(value).slice() : undefined;
}

function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    const said = cause instanceof Error ? `: ${cause.message}` : '';
    throw new StorageError('invalid', `the value cannot be written as JSON${said}`, { cause });
  }
  if (text === undefined) throw invalid(`a ${typeof value} cannot be written as JSON`);
  return text;
}

async function drain(stream: ReadableStream<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const chunk = typeof value === 'string' ? encoder.encode(value) : copyOf(value);
    if (!chunk) {
      const error = invalid('a stream of bytes is needed; this one has a chunk of something else');
      reader.cancel(error).catch(() => undefined);
      throw error;
    }
    chunks.push(chunk);
    size += chunk.length;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
