/** The cases that every host is held to, as this one answers them. Runs in Node and in pages. */

import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { respond } from 'tiered-storage/http';

/** What is in `tests/assets/respond.json`. */
export interface Table {
  written: string;
  now: string;
  entries: Record<string, { text?: string; json?: unknown; mimeType?: string; encoding?: string }>;
  cases: {
    name: string;
    key: string;
    method?: string;
    headers?: Record<string, string>;
    cacheControl?: string;
    expect: { status: number; headers: Record<string, string>; body?: string };
  }[];
}

export interface Answered {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What the cases are answered with, in their order: while the entries are hot, and while they are in cold alone. */
export async function answers({ written, now, entries, cases }: Table): Promise<{ hot: Answered[]; cold: Answered[] }> {
  const cold = new MemoryStorageTier({ durable: true });
  let time = Date.parse(written);
  const clock = { now: () => time, sleep: () => new Promise<void>(() => undefined) };
  const storage = await TieredStorage.open({ tiers: { hot: new MemoryStorageTier(), cold }, clock, compression: true });
  for (const [key, { text, json, mimeType, encoding }] of Object.entries(entries)) {
    const value = text === undefined ? json : new TextEncoder().encode(text);
    if (encoding === undefined) await storage.set(key, value, { mimeType });
    else await store(cold, key, value as Uint8Array, new Date(time), mimeType ?? '', encoding);
  }
  time = Date.parse(now);
  const all = async (): Promise<Answered[]> => {
    const found: Answered[] = [];
    for (const { key, method = 'GET', headers = {}, cacheControl } of cases) {
      const request = new Request('http://localhost/any', { method, headers });
      found.push(await answered(await respond(storage, request, { key, cacheControl })));
    }
    return found;
  };
  const hot = await all();
  await storage.clearTier('hot');
  return { hot, cold: await all() };
}

/** All of a response. */
export async function answered(response: Response): Promise<Answered> {
  const { status, headers } = response;
  return { status, headers: Object.fromEntries(headers), body: await response.text() };
}

/** Stores what another program would. */
function store(tier: MemoryStorageTier, key: string, body: Uint8Array, date: Date, mimeType: string, encoding: string): Promise<void> {
  const size = body.length;
  const metadata = { key, size, createdAt: date, lastAccessed: date, accessCount: 0, compressed: false, checksum: '', mimeType, encoding };
  return tier.set(key, body, metadata);
}
