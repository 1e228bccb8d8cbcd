/** Values as the bytes that are stored, and back. The entry records which it is, so a changed config breaks no old ones. */

import type { TieredStorageConfig } from './contract.js';
import { StorageError, invalid } from './errors.js';
import type { MaybePromise } from './port.js';
import type { MemoryRecord } from './record.js';
import { copyOf, gathered, isBlob, isStream, toPieces } from './streams.js';
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
    const isRead = isBlob(value) || isStream(value);
    if (value === undefined) throw invalid('`undefined` cannot be stored; store `null`, or delete the key');
    if (!custom && !isRead) return [encoder.encode(toJson(value)), 1];
    const later: Promise<[Uint8Array, Content]> = isRead
      ? gathered(toPieces(value)).then((bytes) => [bytes, 0])
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

/** What a value is made of. */
export type Held = Pick<MemoryRecord, 'content' | 'body' | 'shared'>;

/** The value of an entry: bytes as a copy, unless they are borrowed. A promise where the user's serializer makes it. */
export function toValue(key: string, held: Held, borrow: boolean, custom: Serialization): unknown {
  const { content } = held;
  if (content === 0) return borrow ? held.shared : new Uint8Array(held.body);
  const { body } = held;
  return content === 1 ? fromJson(body, key) : fromCustom(body.slice(), key, custom);
}

/** The value of JSON. */
function fromJson(bytes: Uint8Array, key: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch (cause) {
    throw new StorageError('corrupt', 'the entry says that it is JSON, and is not', { key, cause });
  }
}

/** The value of bytes that the user's serializer made. */
async function fromCustom(bytes: Uint8Array, key: string, custom: Serialization): Promise<unknown> {
  if (!custom) {
    throw invalid('the entry was written with a serializer; open the storage with `serialization`', key);
  }
  try {
    return await custom.deserialize(bytes);
  } catch (error) {
    throw StorageError.from(error, '`deserialize` cannot read the entry', key, 'corrupt');
  }
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
