/** What an entry takes beside its body, in a process of its own for each that is measured. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LRUCache } from 'lru-cache';
import { MemoryStorageTier, TieredStorage, type StorageTier } from 'tiered-storage';

const ENTRIES = 100_000;
const KIB = 1024;
const SUBJECTS = {
  'tiered-storage, hot': hot,
  'lru-cache': lru,
  Map: map,
} as const;

export type Subject = keyof typeof SUBJECTS;

/** Bytes an entry beside its body, by subject. */
export async function overheads(): Promise<[Subject, number][]> {
  const made: [Subject, number][] = [];
  for (const subject of Object.keys(SUBJECTS) as Subject[]) {
    const words = ['--expose-gc', fileURLToPath(import.meta.url), 'memory-of', subject];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    made.push([subject, Number(stdout)]);
  }
  return made;
}

/** Measures one, in this process. */
export async function memoryOf(subject: Subject): Promise<number> {
  const { put, keep } = await SUBJECTS[subject]();
  // What is made once is not an entry's.
  for (let at = 0; at < 1000; at += 1) await put(keyOf(at), body());
  const before = await taken();
  for (let at = 1000; at < 1000 + ENTRIES; at += 1) await put(keyOf(at), body());
  const after = await taken();
  if (keep() !== ENTRIES + 1000) throw new Error(`only ${keep()} entries are held`);
  return (after - before) / ENTRIES - KIB;
}

interface Held {
  put(key: string, bytes: Uint8Array): unknown;
  /** Keeps what is measured alive, and says how many entries there are. */
  keep(): number;
}

async function hot(): Promise<Held> {
  const tier = new MemoryStorageTier({ maxSizeBytes: 2 * ENTRIES * KIB });
  const storage = await TieredStorage.open<Uint8Array>({ tiers: { hot: tier, cold: nowhere() } });
  return {
    put: (key, bytes) => storage.set(key, bytes),
    keep: () => [...Array(ENTRIES + 1000).keys()].filter((at) => storage.peek(keyOf(at), { borrow: true })).length,
  };
}

async function lru(): Promise<Held> {
  const cache = new LRUCache<string, Uint8Array>({ max: 2 * ENTRIES });
  return { put: (key, bytes) => void cache.set(key, bytes), keep: () => cache.size };
}

async function map(): Promise<Held> {
  const entries = new Map<string, Uint8Array>();
  return { put: (key, bytes) => void entries.set(key, bytes), keep: () => entries.size };
}

/** A cold tier that holds nothing, so that only hot is measured. */
function nowhere(): StorageTier {
  const nothing = async (): Promise<void> => undefined;
  return {
    get: async () => null,
    set: nothing,
    delete: nothing,
    exists: async () => false,
    async *listKeys() {},
    deleteMany: nothing,
    getMetadata: async () => null,
    setMetadata: nothing,
    getStats: async () => ({ bytes: 0, items: 0 }),
    clear: nothing,
  };
}

function keyOf(at: number): string {
  return `assets/images/${at}.webp`;
}

function body(): Uint8Array {
  return new Uint8Array(KIB).fill(1);
}

async function taken(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    await new Promise((done) => setTimeout(done, 20));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
