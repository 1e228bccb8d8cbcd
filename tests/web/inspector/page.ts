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

/** Puts an element that is not known yet into the page, gives it a storage, and only then makes it known. */
export async function mountEarly(): Promise<void> {
  const early = document.createElement('early-inspector');
  Object.assign(early, { ...opened, limits, prices: {} });
  document.querySelector('main')?.append(early);
  defineInspector('early-inspector');
  panel = early as TieredStorageInspector;
  await painted();
}

/** Mounts one as HTML says it. */
export async function mountWritten(channel: string): Promise<void> {
  defineInspector();
  const written = document.createElement('tiered-storage-inspector');
  written.setAttribute('channel', channel);
  document.querySelector('main')?.append(written);
  await painted();
}

/** Gives the panel other limits, as a framework does when it renders once more. */
export async function render(hot: number): Promise<void> {
  Object.assign(panel, { ...opened, limits: { ...limits, hot }, prices: {}, network });
  await painted();
}

/** Puts the panel to the end of the page. */
export async function move(): Promise<void> {
  document.querySelector('main')?.append(panel);
  await painted();
}

/** What a panel has that must not outlive it: intervals, channels, observers, listeners of the storage. */
export function held(): string[] {
  return [...holding.values()].sort();
}

const holding = new Map<unknown, string>();

/** Takes note of what is begun and ended from now on. */
export function keepNote(): void {
  const { setInterval, clearInterval } = globalThis;
  const begin = (work: () => void, ms: number): number => {
    const timer = setInterval(work, ms) as unknown as number;
    holding.set(timer, 'interval');
    return timer;
  };
  const end = (timer: number): void => {
    holding.delete(timer);
    clearInterval(timer);
  };
  Object.assign(globalThis, { setInterval: begin, clearInterval: end });
  const { postMessage, close } = BroadcastChannel.prototype;
  BroadcastChannel.prototype.postMessage = function (message) {
    if (!holding.has(this)) holding.set(this, 'channel');
    postMessage.call(this, message);
  };
  BroadcastChannel.prototype.close = function () {
    holding.delete(this);
    close.call(this);
  };
  const { observe, disconnect } = IntersectionObserver.prototype;
  IntersectionObserver.prototype.observe = function (element) {
    holding.set(this, 'observer');
    observe.call(this, element);
  };
  IntersectionObserver.prototype.disconnect = function () {
    holding.delete(this);
    disconnect.call(this);
  };
  const { on } = TieredStorage.prototype;
  TieredStorage.prototype.on = function (type, listener) {
    const end = on.call(this, type, listener as never);
    holding.set(end, 'listener');
    return () => {
      holding.delete(end);
      end();
    };
  };
}

/** How many frames are asked for until `work` has ended, and how long that takes, in ms. */
async function frames(work: () => Promise<void>): Promise<{ count: number; ms: number }> {
  const { requestAnimationFrame } = globalThis;
  let count = 0;
  globalThis.requestAnimationFrame = (frame) => {
    count += 1;
    return requestAnimationFrame(frame);
  };
  const begun = performance.now();
  await work();
  globalThis.requestAnimationFrame = requestAnimationFrame;
  return { count, ms: performance.now() - begun };
}

/** Reads so many times, a hundred at once, and tells of the frames. */
export function framesOf(reads: number): Promise<{ count: number; ms: number }> {
  return frames(async () => {
    for (let read = 0; read < reads; read++) {
      void opened.storage.get(`many/${String(read % 300).padStart(5, '0')}.json`);
      if (read % 100 === 99) await new Promise((done) => setTimeout(done));
    }
    await opened.storage.settled();
  });
}

/** The frames of a while in which nobody does anything. */
export async function idleFrames(): Promise<number> {
  return (await frames(() => new Promise((done) => setTimeout(done, 1_500)))).count;
}

/** What a policy of the page forbade. */
export function forbidden(): string[] {
  return refused;
}

const refused: string[] = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => refused.push(`${violatedDirective} ${blockedURI}`));

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

/** Stores so many small entries, in hot and warm as far as they have room. */
export async function many(count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => `many/${String(at).padStart(5, '0')}.json`);
  const store = async (name: string): Promise<unknown> => opened.storage.set(name, { name });
  for (let at = 0; at < count; at += 100) await Promise.all(names.slice(at, at + 100).map(store));
}

/** Takes the inspector out of the page. */
export function unmount(): void {
  panel.remove();
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
