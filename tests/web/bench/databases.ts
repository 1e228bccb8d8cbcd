/** IndexedDB beside idb-keyval, in a page. */

import { createStore, get, set, type UseStore } from 'idb-keyval';
import { IndexedDBStorageTier, MemoryStorageTier, TieredStorage, type StorageMetadata } from 'tiered-storage';
import { measure, type Case, type Effort, type Rate } from './rounds.js';

const KIB = 1024;
const KEYS = Array.from({ length: 100 }, (_, at) => `assets/images/${at}.webp`);

/** A place to write to and to read from. */
interface Place {
  readonly name: string;
  set(key: string, bytes: Uint8Array): Promise<unknown>;
  get(key: string): Promise<Uint8Array | null | undefined>;
  close(): Promise<void>;
}

export function databases(effort: Effort): Promise<Rate[][]> {
  return withPlaces(async (places) => {
    const rows: Rate[][] = [];
    for (const [name, size, count, isConcurrent] of [
      ['100 at once, 1 KiB', KIB, 100, true],
      ['one at a time, 1 KiB', KIB, 20, false],
      ['one at a time, 64 KiB', 64 * KIB, 10, false],
      ['one at a time, 1 MiB', KIB * KIB, 4, false],
    ] as const) {
      const keys = KEYS.slice(0, count).map((key) => `${size}/${key}`);
      const bytes = crypto.getRandomValues(new Uint8Array(KIB));
      const large = new Uint8Array(size).map((_, at) => bytes[at % KIB] ?? 0);
      const cases = (action: 'set' | 'get'): Case[] =>
        places.map((place) => {
          const call = async (key: string): Promise<void> => {
            if (action === 'set') await place.set(key, large);
            else if ((await place.get(key))?.length !== size) throw new Error(`${place.name} lost ${key}`);
          };
          const all = (): Promise<unknown> => Promise.all(keys.map(call));
          const inTurns = async (): Promise<void> => {
            for (const key of keys) await call(key);
          };
          return { name: `${action}, ${name}`, operations: count, run: isConcurrent ? all : inTurns };
        });
      rows.push(await measure(cases('set'), effort), await measure(cases('get'), effort));
    }
    return rows;
  });
}

async function withPlaces<T>(work: (places: Place[]) => Promise<T>): Promise<T> {
  const places = [keyval(createStore('keyval', 'keyval')), tier(), await whole()];
  const result = await work(places);
  for (const place of places) await place.close();
  return result;
}

function keyval(store: UseStore): Place {
  return {
    name: 'idb-keyval',
    set: (key, bytes) => set(key, bytes, store),
    get: (key) => get(key, store),
    close: async () => undefined,
  };
}

function tier(): Place {
  const tier = new IndexedDBStorageTier({ name: 'tier' });
  const metadata = (key: string, size: number): StorageMetadata => {
    const now = new Date();
    return { key, size, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum: '' };
  };
  return {
    name: 'IndexedDBStorageTier',
    set: (key, bytes) => tier.set(key, bytes, metadata(key, bytes.length)),
    get: (key) => tier.get(key),
    close: async () => undefined,
  };
}

/** Without a hot tier, so that reads come from the database. */
async function whole(): Promise<Place> {
  const warm = new IndexedDBStorageTier({ name: 'whole' });
  const cold = new MemoryStorageTier({ durable: true, maxSizeBytes: 256 * KIB * KIB });
  const storage = await TieredStorage.open<Uint8Array>({ tiers: { warm, cold } });
  return {
    name: 'TieredStorage, warm in IndexedDB',
    set: (key, bytes) => storage.set(key, bytes),
    get: async (key) => {
      const found = await storage.getWithMetadata(key);
      if (found?.source !== 'warm') throw new Error(`${key} came from ${found?.source}`);
      return found.data;
    },
    close: () => storage.close(),
  };
}
