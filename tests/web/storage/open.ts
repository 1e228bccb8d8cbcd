/** Storages over memory, for tests in Node. */

import assert from 'node:assert/strict';
import {
  type ErrorKind,
  MemoryStorageTier,
  StorageError,
  type StorageMetadata,
  type StorageTier,
  TieredStorage,
  type TieredStorageConfig,
} from 'tiered-storage';

type Config = Parameters<typeof TieredStorage.open>[0];

export interface Opened<T> {
  storage: TieredStorage<T>;
  hot: MemoryStorageTier;
  warm: MemoryStorageTier;
  cold: MemoryStorageTier;
}

/** A storage of three tiers in memory. */
export async function openMemory<T = unknown>(config: Partial<Config> = {}): Promise<Opened<T>> {
  const hot = new MemoryStorageTier();
  const warm = new MemoryStorageTier({ durable: true });
  const cold = new MemoryStorageTier({ durable: true });
  const storage = await TieredStorage.open<T>({ tiers: { hot, warm, cold }, ...config });
  return { storage, hot, warm, cold };
}

/** Expects a `StorageError`; of this kind, if one is named. */
export async function fails(kind: ErrorKind | undefined, call: () => unknown, words: RegExp = /./): Promise<StorageError> {
  const error = await caught(call);
  assert.ok(error instanceof StorageError, `no StorageError, but ${String(error)}`);
  assert.equal(error.kind, kind ?? error.kind, error.message);
  assert.match(error.message, words);
  return error;
}

/** What a call throws or rejects with. */
export async function caught(call: () => unknown): Promise<unknown> {
  try {
    const value = await call();
    assert.fail(`no failure, but ${String(value)}`);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return error;
  }
}

/** The contract's ten methods over a map, and nothing else. */
export function plainTier(): StorageTier & { entries: Map<string, [Uint8Array, StorageMetadata]> } {
  const entries = new Map<string, [Uint8Array, StorageMetadata]>();
  return {
    entries,
    get: async (key) => entries.get(key)?.[0] ?? null,
    async set(key, data, metadata) {
      entries.set(key, [data.slice(), metadata]);
    },
    async delete(key) {
      entries.delete(key);
    },
    exists: async (key) => entries.has(key),
    async *listKeys(prefix = '') {
      yield* [...entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
    async deleteMany(keys) {
      for (const key of keys) entries.delete(key);
    },
    getMetadata: async (key) => entries.get(key)?.[1] ?? null,
    async setMetadata(key, metadata) {
      const entry = entries.get(key);
      if (entry) entry[1] = metadata;
    },
    getStats: async () => ({
      bytes: [...entries.values()].reduce((sum, [data]) => sum + data.length, 0),
      items: entries.size,
    }),
    async clear() {
      entries.clear();
    },
  };
}

/** A clock that is moved by hand. */
export class ManualClock implements NonNullable<TieredStorageConfig['clock']> {
  #now = Date.UTC(2026, 0, 1);
  #timers: { at: number; end: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((end) => this.#timers.push({ at: this.#now + ms, end }));
  }

  /** Ends the timers that are due, in any order. */
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { end } of due) end();
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: unknown): string {
  assert.ok(data instanceof Uint8Array, `no bytes, but ${String(data)}`);
  return new TextDecoder().decode(data);
}
