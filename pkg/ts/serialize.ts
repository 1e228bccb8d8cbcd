/** Values as the bytes that are stored, and back. The entry records which it is, so a changed config breaks no old ones. */

import type { TieredStorageConfig } from './contract.js';
import { StorageError, invalid } from './errors.js';
import type { MaybePromise } from './port.js';
import { isBytes } from './tier.js';

type Serialization = TieredStorageConfig['serialization'];

/** Bytes, JSON, or the user's own form. */
export type Content = 0 | 1 | 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The bytes of a value, which nobody else has; at once, where that can be. Typed arrays, `ArrayBuffer`, `Blob` and streams
 * of bytes are stored as they are; everything else goes through the serializer.
 */
export function toBytes(value: unknown, custom: Serialization): MaybePromise<[Uint8Array, Content]> {
  try {
    const bytes = copyOf(value);
    if (bytes) return [bytes, 0];
    const isBlob = typeof Blob === 'function' && value instanceof Blob;
    const isStream = typeof ReadableStream === 'function' && value instanceof ReadableStream;
    if (value === undefined) throw invalid('`undefined` cannot be stored; store `null`, or delete the key');
    if (!custom && !isBlob && !isStream) return [encoder.encode(toJson(value)), 1];
    const later: Promise<[Uint8Array, Content]> = isBlob
      ? value.arrayBuffer().then((buffer) => [new Uint8Array(buffer), 0])
      : isStream
        ? drain(value as ReadableStream<unknown>).then((bytes) => [bytes, 0])
        : serialized(value, custom).then((bytes) => [bytes, 2]);
    return later.catch(unreadable);
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(error: unknown): never {
  throw StorageError.from(error, 'the value cannot be stored', undefined, 'invalid');
}

async function serialized(value: unknown, custom: Serialization): Promise<Uint8Array> {
  const made: unknown = await custom?.serialize(value);
  if (!isBytes(made)) throw invalid('`serialize` did not give a Uint8Array');
  return new Uint8Array(made);
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
  try {
    return await custom.deserialize(bytes);
  } catch (error) {
    throw StorageError.from(error, '`deserialize` cannot read the entry', key, 'corrupt');
  }
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
