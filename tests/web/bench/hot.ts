/** What a hot hit costs, and what a write into three tiers of memory does, beside plain caches. In Node and in pages. */

import { LRUCache } from 'lru-cache';
import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { measure, type Case, type Effort, type Rate } from './rounds.js';

const KEYS = Array.from({ length: 1000 }, (_, at) => `assets/images/${at}.webp`);
const KIB = 1024;

/** Reads of 1 KiB that hot has, by all ways; and of what peers hold, which is not copied. */
export async function hotReads(effort: Effort): Promise<Rate[]> {
  const storage = await openMemory();
  const lru = new LRUCache<string, Uint8Array>({ max: 10_000 });
  const map = new Map<string, Uint8Array>();
  for (const key of KEYS) {
    await storage.set(key, body());
    lru.set(key, body());
    map.set(key, body());
  }
  const borrow = { borrow: true };
  const cases: Case[] = [
    each('get, copied', (key) => storage.get(key)),
    each('get, borrowed', (key) => storage.get(key, borrow)),
    atOnce('peek, copied', (key) => storage.peek(key)),
    atOnce('peek, borrowed', (key) => storage.peek(key, borrow)),
    atOnce('lru-cache get', (key) => lru.get(key)),
    atOnce('Map get', (key) => map.get(key)),
  ];
  const rates = await measure(cases, effort);
  await storage.close();
  return rates;
}

/** Writes of 1 KiB into hot, warm and cold, all in memory. */
export async function memoryWrites(effort: Effort): Promise<Rate[]> {
  const storage = await openMemory();
  const bytes = body();
  const cases: Case[] = [
    each('set, one after the other', (key) => storage.set(key, bytes)),
    {
      name: 'set, 100 at once',
      operations: 100,
      run: () => Promise.all(KEYS.slice(0, 100).map((key) => storage.set(key, bytes))),
    },
  ];
  const rates = await measure(cases, effort);
  await storage.close();
  return rates;
}

function openMemory(): Promise<TieredStorage<Uint8Array>> {
  const durable = (): MemoryStorageTier => new MemoryStorageTier({ durable: true });
  return TieredStorage.open({ tiers: { hot: new MemoryStorageTier(), warm: durable(), cold: durable() } });
}

function body(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KIB));
}

/** One after the other, as a program awaits them. */
function each(name: string, call: (key: string) => Promise<unknown>): Case {
  const run = async (): Promise<void> => {
    for (const key of KEYS) if (!(await call(key))) throw new Error(`${name} found nothing`);
  };
  return { name, operations: KEYS.length, run };
}

function atOnce(name: string, call: (key: string) => unknown): Case {
  const run = (): void => {
    for (const key of KEYS) if (!call(key)) throw new Error(`${name} found nothing`);
  };
  return { name, operations: KEYS.length, run };
}
