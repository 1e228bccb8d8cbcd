/** From nothing to the first hit, in a realm that has not loaded the package yet. */

import { IndexedDBStorageTier, MemoryStorageTier, TieredStorage } from 'tiered-storage';

const KEY = 'assets/app.css';

export interface Started {
  /** From the call of `open` until it resolved. */
  readonly open: number;
  /** From the call of `open` until the first `get` gave what the database held. */
  readonly hit: number;
}

/** Leaves an entry for the next realm. */
export async function fill(): Promise<void> {
  const storage = await open();
  await storage.set(KEY, new Uint8Array(1024));
  await storage.close();
}

export async function start(): Promise<Started> {
  const started = performance.now();
  const storage = await open();
  const opened = performance.now() - started;
  const found = await storage.getWithMetadata(KEY);
  const hit = performance.now() - started;
  if (found?.source !== 'warm') throw new Error(`the entry came from ${found?.source}`);
  await storage.close();
  return { open: opened, hit };
}

function open(): Promise<TieredStorage> {
  return TieredStorage.open({
    tiers: {
      hot: new MemoryStorageTier(),
      warm: new IndexedDBStorageTier({ name: 'start' }),
      cold: new MemoryStorageTier({ durable: true }),
    },
  });
}
