/** A storage over a prefix of its own in the embedded server, and what must hold of it whatever happened. */

import { MemoryStorageTier, S3StorageTier, TieredStorage, type S3Options, type StorageMetadata } from 'tiered-storage';
import { check, sameBytes } from '../../conformance/check.js';
import { concatenated } from '../../pieces/tier.js';
import type { Order, Place, Shown } from '../../scenarios/server.js';
import type { WireOrder } from './wire.js';
import { LIMIT_MS, MovedClock } from './timers.js';

export const BUCKET = 'bucket';
export const KEYS = ['k/1', 'k/2', 'k/3'] as const;
export const KEY = KEYS[0];
export const [OLD, NEW, LAST] = [1, 2, 3];
export const MIB = 1 << 20;
export const SMALL = 2_400;

/** Which tiers stand above the server. */
export type Layout = 'cold' | 'three';

/** The server of the tests, seen from here. */
export interface Host {
  /** Tells the runtimes apart that use one server. */
  readonly name: string;
  readonly place: Place;
  /** Orders to the wire are for those who are on it. */
  obey<R = null>(order: Order | WireOrder): Promise<R>;
}

let worlds = 0;

interface Opened {
  storage: TieredStorage<Uint8Array>;
  cold: S3StorageTier;
  clock: MovedClock;
}

/** Counts what is sent, and what of it has no whole answer yet. */
class Requests {
  sent = 0;
  running = 0;
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    this.sent += 1;
    this.running += 1;
    try {
      return await fetch(url, init);
    } finally {
      this.running -= 1;
    }
  };
}

export class World {
  readonly prefix: string;
  readonly clock = new MovedClock();
  readonly storage: TieredStorage<Uint8Array>;
  readonly cold: S3StorageTier;
  readonly #host: Host;
  readonly #requests: Requests;

  private constructor(host: Host, prefix: string, requests: Requests, { storage, cold, clock }: Opened) {
    this.prefix = prefix;
    this.storage = storage;
    this.cold = cold;
    this.clock = clock;
    this.#host = host;
    this.#requests = requests;
  }

  /** Without a prefix, one that no other has. */
  static async open(host: Host, layout: Layout, options: Partial<S3Options> = {}, prefix = `${host.name}-${(worlds += 1)}`): Promise<World> {
    const requests = new Requests();
    const clock = new MovedClock();
    const cold = new S3StorageTier({ ...settings(host, prefix), attempts: 2, fetch: requests.fetch, ...options });
    const [hot, warm] = [new MemoryStorageTier(), new MemoryStorageTier({ durable: true })];
    const tiers = layout === 'three' ? { hot, warm, cold } : { cold };
    const storage = await TieredStorage.open<Uint8Array>({ tiers, clock, revalidateAfter: 60_000 });
    return new World(host, prefix, requests, { storage, cold, clock });
  }

  /** How many requests were sent since it was last asked. */
  takeSent(): number {
    const { sent } = this.#requests;
    this.#requests.sent = 0;
    return sent;
  }

  /** Waits for what runs in the background, also for requests that nobody waits for. */
  async settled(): Promise<void> {
    await this.storage.settled();
    for (let still = 0; still < 3; still += this.#requests.running ? 0 : 1) await new Promise((done) => setTimeout(done, 0));
  }

  obey<R = null>(order: Order | WireOrder): Promise<R> {
    return this.#host.obey<R>(order);
  }

  show(): Promise<Shown> {
    return this.obey<Shown>({ order: 'show', bucket: BUCKET, prefix: `${this.prefix}/` });
  }

  set(key: string, version: number): Promise<unknown> {
    return this.storage.set(key, body(version, SMALL), optionsOf(version));
  }

  /** The versions of these keys in the bucket, as a client sees them that has no part in this. */
  async versions(keys: readonly string[]): Promise<(number | null)[]> {
    const cold = new S3StorageTier(settings(this.#host, this.prefix));
    const storage = await TieredStorage.open<Uint8Array>({ tiers: { cold }, clock: this.clock, expiredCold: 'keep' });
    const versions = [];
    for (const key of keys) versions.push(whole(await storage.getWithMetadata(key), `${key} in the bucket`));
    await storage.close();
    return versions;
  }
}

function settings({ place }: Host, prefix: string): S3Options {
  const { endpoint, accessKeyId, secretAccessKey } = place;
  const credentials = { accessKeyId, secretAccessKey };
  return { bucket: BUCKET, endpoint, prefix, credentials, timeout: LIMIT_MS, provider: { conditionalWrites: 'supported' } };
}

/** The bytes of a version, of which every one tells it. */
export function body(version: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(version);
}

export function optionsOf(version: number): { metadata: Record<string, string>; ttl: number } {
  return { metadata: { version: `${version}` }, ttl: 3_600_000 };
}

/** The version of an entry whose body and metadata belong together. */
export function whole(entry: { data: Uint8Array; metadata: StorageMetadata } | null, words: string): number | null {
  if (!entry) return null;
  const version = versionOf(entry.metadata);
  check(entry.metadata.size === entry.data.length, `${words}: ${entry.data.length} bytes, of ${entry.metadata.size}`);
  sameBytes(entry.data, body(version, entry.data.length), words);
  return version;
}

export function versionOf(metadata: StorageMetadata): number {
  return Number(metadata.customMetadata?.['version']);
}

/** All that a stream gives. (A `Response` of it would tell another error than the stream's.) */
export async function gathered(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) pieces.push(step.value);
  return concatenated(pieces);
}

/** A body that comes in pieces of a MiB. */
export async function* pieces(version: number, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += MIB) yield body(version, Math.min(MIB, size - at));
}
