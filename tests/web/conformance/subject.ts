/** What a case works on. */

import { MemoryStorageTier, type StorageMetadata, type StorageTier } from 'tiered-storage';
import type { Facts, Port, Ported, StoredEntry } from '../../../pkg/ts/port.js';

export const PORT = Symbol.for('tiered-storage.port') as unknown as keyof Ported;

/** Limits, for the cases about them. */
export interface Limits {
  maxItems?: number;
  maxSizeBytes?: number;
}

/** How to make one kind of tier. */
export interface Kind {
  /** An empty tier. Of one name, there is one place: a tier that is made again finds what an earlier one left. */
  make(name: string, limits?: Limits): Ported & StorageTier;
  /** Releases what `make` took, so that it can be made again. */
  release?(tier: Ported & StorageTier): Promise<void>;
  /** Whether entries are there when the tier is made again. */
  isDurable: boolean;
  /** Whether it keeps limits. */
  isLimited: boolean;
  /** Whether it can list and count. */
  canList: boolean;
}

const encoder = new TextEncoder();

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes of every value, with no period that a chunk size would divide. */
export function pattern(size: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => ((at + seed) % 257) % 256);
}

export const CREATED = 1_767_225_600_000;

/** Metadata of `body`; `write` tells one write from another. */
export function metadataOf(key: string, body: Uint8Array, write = 0): StorageMetadata {
  return {
    key,
    size: body.length,
    createdAt: new Date(CREATED + write),
    lastAccessed: new Date(CREATED + write),
    accessCount: 0,
    compressed: false,
    checksum: write.toString(16).padStart(64, '0'),
  };
}

/** Metadata with everything that there can be. */
export function fullMetadata(key: string, body: Uint8Array): StorageMetadata {
  return {
    ...metadataOf(key, body, 7),
    lastAccessed: new Date(CREATED + 1_000),
    accessCount: 12,
    ttl: new Date(CREATED + 3_600_000),
    mimeType: 'text/html; charset=utf-8',
    customMetadata: { owner: 'Zo\u00eb', '\u540d\u524d': '\ud83d\ude00', 'a;b=c': ' spaces ', empty: '' },
  };
}

/** The port of a tier. */
export async function portOf(tier: Ported): Promise<Port> {
  const ported = tier as unknown as Record<symbol, (notices: object) => Port | Promise<Port>>;
  return (await ported[PORT as unknown as symbol]?.({ onFallback: () => undefined })) as Port;
}

/** A line and its facts, as the core makes them of metadata. */
export async function inscribed(metadata: StorageMetadata): Promise<[line: string, facts: Facts]> {
  const tier = new MemoryStorageTier();
  const port = await portOf(tier as unknown as Ported);
  let made: [string, Facts] | undefined;
  port.write = (_key: string, entry: StoredEntry, facts: Facts): undefined => {
    made = [entry.line, facts];
    return undefined;
  };
  await tier.set(metadata.key, new Uint8Array(0), metadata);
  if (!made) throw new Error('the tier did not write');
  return made;
}

/** Writes through a port. */
export async function write(port: Port, key: string, body: Uint8Array, number = 0): Promise<[line: string, facts: Facts]> {
  const [line, facts] = await inscribed(metadataOf(key, body, number));
  await port.write(key, { body, line }, facts);
  return [line, facts];
}

/** All keys, page after page. */
export async function listed(port: Port, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const page = await port.list(prefix, after, limit);
    if (page.keys.length > limit) throw new Error(`a page of ${limit} has ${page.keys.length} keys`);
    keys.push(...page.keys);
    after = page.next;
  } while (after !== undefined);
  return keys;
}

/** Everything that an iterator gives. */
export async function gathered(keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const key of keys) all.push(key);
  return all;
}
