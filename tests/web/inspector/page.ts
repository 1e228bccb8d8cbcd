/** A page with a storage over memory, IndexedDB and S3, some traffic, and an inspector. */

import { IndexedDBStorageTier, MemoryStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';
import { type TieredStorageInspector, defineInspector, publishTo, switchable } from 'tiered-storage/inspector';
import type { Place } from '../scenarios/server.js';

const KIB = 1024;
const limits = { hot: 1024 * KIB, warm: 8192 * KIB };
const network = switchable((url, init) => fetch(url, init));

interface Opened {
  storage: TieredStorage;
  tiers: { hot: MemoryStorageTier; warm: IndexedDBStorageTier; cold: S3StorageTier };
}

let opened: Opened;
let panel: TieredStorageInspector;

/** Opens the storage. */
export async function open({ endpoint, accessKeyId, secretAccessKey }: Place): Promise<void> {
  const tiers = {
    hot: new MemoryStorageTier({ maxSizeBytes: limits.hot, evictionPolicy: 'lru' }),
    warm: new IndexedDBStorageTier({ maxSizeBytes: limits.warm }),
    cold: new S3StorageTier({ bucket: 'bucket', endpoint, credentials: { accessKeyId, secretAccessKey }, attempts: 1, fetch: network, prices: {} }),
  };
  opened = { storage: await TieredStorage.open({ tiers, promotionStrategy: 'eager' }), tiers };
}

/** Mounts an inspector of the storage. */
export async function mount(): Promise<void> {
  show({ ...opened, limits, prices: {}, network });
  await painted();
}

/** Mounts one that is told of cold alone. */
export async function mountCold(): Promise<void> {
  show({ storage: opened.storage, tiers: { cold: opened.tiers.cold } });
  await painted();
}

/** Mounts one of a storage that is published elsewhere. */
export async function mountRemote(channel: string): Promise<void> {
  show({ channel });
  await painted();
}

/** Mounts one that is given nothing. */
export async function mountEmpty(): Promise<void> {
  show({});
  await painted();
}

function show(properties: Partial<TieredStorageInspector>): void {
  defineInspector();
  panel?.remove();
  panel = Object.assign(document.createElement('tiered-storage-inspector'), properties);
  document.querySelector('main')?.append(panel);
}

export function publish(channel: string): void {
  publishTo(opened.storage, channel, { tiers: opened.tiers, limits, prices: {}, network });
}

/** Starts a worker that publishes a storage. */
export function work(): void {
  new Worker('/worker.js', { type: 'module' });
}

/** Stores an entry in cold alone. */
export async function put(key: string, size: number, ttl?: number): Promise<void> {
  const body = new Uint8Array(size).map((_, at) => (at * 31 + size) & 0xff);
  await opened.storage.set(key, body, { onlyTiers: ['cold'], ...(ttl === undefined ? {} : { ttl }) });
}

export async function get(key: string): Promise<number | null> {
  const found = (await opened.storage.get(key)) as Uint8Array | null;
  await opened.storage.settled();
  return found && found.length;
}

/** Stores some, and reads them as an app would: a few often, most seldom. */
export async function traffic(reads: number): Promise<void> {
  const names = Array.from({ length: 60 }, (_, at) => `site/${['index.html', 'app.css', 'photos', 'fonts'][at % 4]}/${at}.${['html', 'css', 'jpg', 'woff2'][at % 4]}`);
  for (const [at, name] of names.entries()) await put(name, KIB * (2 + ((at * 7) % 60)));
  for (let at = 0; at < reads; at++) {
    const name = names[Math.floor(60 * ((at * 0.618) % 1) ** 3)];
    if (name) await opened.storage.get(name);
    if (at % 41 === 0) await opened.storage.get(`site/nothing/${at}`);
    if (at % 16 === 0) await new Promise((done) => setTimeout(done, 5));
  }
  await opened.storage.settled();
}

/** The sum of all shifts of the layout so far that no input brought about. */
export function shifts(): { sum: number; moved: string[] } {
  observer.takeRecords().forEach(note);
  return { sum: shifted, moved };
}

interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
  sources: { node: Node | null }[];
}

let shifted = 0;
const moved: string[] = [];
const note = (entry: PerformanceEntry): void => {
  const { value, sources } = entry as LayoutShift;
  shifted += value;
  moved.push(...sources.map(({ node }) => (node instanceof Element ? `${node.localName}.${node.className}` : String(node?.nodeName))));
};
const observer = new PerformanceObserver((list) => list.getEntries().forEach(note));
observer.observe({ type: 'layout-shift', buffered: true });

/** Resolves when what is known has been painted. */
export function painted(): Promise<void> {
  return new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done)), 300));
}
