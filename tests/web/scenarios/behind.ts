/** Ways into one tier behind the storage's back. */

import { StorageError } from 'tiered-storage';
import type { Port, StoredEntry } from '../../../pkg/ts/port.js';
import type { RawMetadata } from '../../../pkg/ts/wasm.js';
import type { TierCall, TierMetadata } from './calls.js';
import type { Answer, Found } from './expect.js';
import { type Json, show } from './fields.js';
import { toJson } from './instance.js';
import { contentOf, describe, factsOf, inscribe, withContent } from './lines.js';
import type { Value } from './value.js';

/** Calls one tier, past the storage, its faults and its counts. */
export async function tierCall(port: Port, call: TierCall, now: number): Promise<Answer> {
  switch (call.name) {
    case 'get': {
      const entry = await port.read(checked(call.key), undefined);
      return { entry: entry === null || entry === true ? null : await plain(port, call.key, entry) };
    }
    case 'set': {
      const entry = await made(port, checked(call.key), call.value, call.metadata, now);
      await port.write(call.key, entry, factsOf(call.key, entry.line));
      return { json: null };
    }
    case 'delete':
      await port.remove([checked(call.key)]);
      return { json: null };
    case 'exists':
      return { json: (await port.head(checked(call.key))) !== null };
    case 'getMetadata': {
      const line = await port.head(checked(call.key));
      return { json: line === null ? null : metadataOf(call.key, line) };
    }
    case 'keys':
      return { json: await keys(port, call.prefix) };
  }
}

async function keys(port: Port, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const page = await port.list(prefix, after, 1_000);
    keys.push(...page.keys);
    after = page.next;
  } while (after !== undefined);
  return keys;
}

/** A tier itself need not know what a key is. */
function checked(key: string): string {
  if (key === '' || new TextEncoder().encode(key).length > 1_024 || /\p{Surrogate}/u.test(key)) {
    throw new StorageError('invalid', `${show(key)} is no key`);
  }
  return key;
}

/** The contract's fields. */
function metadataOf(key: string, line: string): Json {
  const { createdAt, lastAccessed, ttl, ...rest } = describe(key, line);
  const date = (ms: number): string => new Date(ms).toISOString();
  const times = { createdAt: date(createdAt), lastAccessed: date(lastAccessed), ttl: ttl === undefined ? ttl : date(ttl) };
  return toJson({ ...rest, ...times });
}

/** The entry as the whole would give it, unverified. */
async function plain(port: Port, key: string, { body, line }: StoredEntry): Promise<Found> {
  const { compressed, size } = describe(key, line);
  const isPacked = port.traits.volatile !== true && compressed;
  const bytes = isPacked ? await unpacked(body, size) : body;
  return { value: valueOf(bytes, contentOf(line)), metadata: metadataOf(key, line), source: undefined };
}

function valueOf(bytes: Uint8Array, content: 0 | 1 | 2): Value {
  if (content !== 1) return { bytes };
  try {
    return { json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json };
  } catch {
    return { bytes };
  }
}

/** What a file puts into a tier: the value as it is, or as gzip where its metadata says so and it is not gzip yet. */
async function made(
  port: Port,
  key: string,
  value: Value,
  said: TierMetadata,
  now: number,
): Promise<StoredEntry> {
  const bytes = 'bytes' in value ? value.bytes.slice() : new TextEncoder().encode(JSON.stringify(value.json));
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const isPacked = said.compressed === true && port.traits.volatile !== true && !isGzip;
  const metadata: RawMetadata = {
    key: said.key ?? key,
    size: said.size ?? bytes.length,
    createdAt: said.createdAt ?? now,
    lastAccessed: said.lastAccessed ?? said.createdAt ?? now,
    accessCount: said.accessCount ?? 0,
    ttl: said.ttl,
    compressed: said.compressed ?? false,
    checksum: said.checksum ?? (await sha256(bytes)),
    mimeType: said.mimeType,
    encoding: said.encoding,
    customMetadata: said.customMetadata,
  };
  const line = withContent(inscribe(key, metadata), 'bytes' in value ? 0 : 1);
  return { body: isPacked ? await through(bytes, new CompressionStream('gzip')) : bytes, line };
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Never more than the recorded size, and nothing that is no gzip. */
async function unpacked(body: Uint8Array, size: number): Promise<Uint8Array> {
  try {
    const bytes = await through(body, new DecompressionStream('gzip'));
    if (bytes.length <= size) return bytes;
  } catch {
    // Said below.
  }
  throw new StorageError('corrupt', 'the body is not what its metadata says');
}

async function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const packed = new Response(bytes as BodyInit).body?.pipeThrough(stream as ReadableWritablePair<Uint8Array>);
  return new Uint8Array(await new Response(packed as BodyInit).arrayBuffer());
}
