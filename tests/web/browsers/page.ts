/** What the tests do in a page. What it answers with travels as JSON. */

import {
  IndexedDBStorageTier,
  MemoryStorageTier,
  S3StorageTier,
  StorageError,
  TieredStorage,
  type StorageEvent,
  type TierName,
} from 'tiered-storage';
import type { Place } from '../scenarios/server.js';

/** A storage to open: without `cold`, its cold tier is in memory. */
export interface Setup {
  cold?: Place & { bucket: string; prefix: string };
  database?: string;
  hasHot?: boolean;
  promotionStrategy?: 'eager' | 'lazy';
  /** How long S3 has for a request, in ms. Default: 5 s. */
  timeoutMs?: number;
  /** In place of the global `indexedDB`: one that throws, or one that lets `closeUnder` work. */
  factory?: 'throwing' | 'closable';
  /** How long copies are believed, in ms, by a clock that only `advance` moves, from `now` on. */
  times?: { now: number; revalidateAfter: number; staleIfUnavailable?: number };
  tabs?: string | undefined;
  tierTimeout?: number;
  rangeCaching?: number;
  /** How often counted reads are written down, in ms, beside when they are asked to be. */
  flushInterval?: number;
}

export interface Failure {
  kind: string;
  tier: string | undefined;
  isTimeout: boolean;
  message: string;
}

/** What an event says. */
export interface Told {
  type: string;
  tier: string | undefined;
  kind: string | undefined;
  isTimeout: boolean | undefined;
  message: string | undefined;
  /** The key or the prefix of what another instance did. */
  scope: string | undefined;
}

export type Said<T> = { value: T; ms: number } | { error: Failure; ms: number };

const DATABASE = 'tiered-storage';
const events: Told[] = [];
const connections: IDBDatabase[] = [];
const requests: string[] = [];
let now = 0;
let warm: IndexedDBStorageTier | undefined;
let opened: TieredStorage | undefined;
let held: IDBDatabase | undefined;

/** Opens the storage of this page. */
export async function open(setup: Setup): Promise<void> {
  await opened?.close();
  events.length = 0;
  const { promotionStrategy = 'lazy', tabs, tierTimeout, rangeCaching, flushInterval } = setup;
  const statistics = { flushInterval };
  const config = { promotionStrategy, tabs, tierTimeout, rangeCaching, statistics, onEvent: note, ...timesOf(setup) };
  opened = await TieredStorage.open({ tiers: tiersOf(setup), ...config });
}

function timesOf({ times }: Setup) {
  if (!times) return {};
  const { now: start, ...durations } = times;
  now = start;
  // Nothing here waits for a time to come.
  const clock = { now: () => now, sleep: () => new Promise<void>(() => {}) };
  return { ...durations, clock };
}

/** Moves the clock of a storage that has one of its own. */
export async function advance(ms: number): Promise<void> {
  now += ms;
}

/** The requests to S3 since last asked, by their names. */
export async function asked(): Promise<string[]> {
  await storage().settled();
  return requests.splice(0);
}

/** The values of these keys, each asked for so many times at once; and of each the sources that there were. */
export async function getMany(keys: string[], times: number): Promise<Said<[value: unknown, source: TierName] | null>[]> {
  return Promise.all(keys.flatMap((key) => Array.from({ length: times }, () => get(key))));
}

export async function close(): Promise<void> {
  await opened?.close();
  opened = undefined;
}

function tiersOf({ cold, database = DATABASE, hasHot = false, timeoutMs, factory }: Setup) {
  const indexedDB = factory === 'throwing' ? THROWING : factory === 'closable' ? closable() : undefined;
  warm = new IndexedDBStorageTier({ name: database, indexedDB });
  return { ...(hasHot && { hot: new MemoryStorageTier() }), warm, cold: coldOf(cold, timeoutMs) };
}

function coldOf(cold: Setup['cold'], timeout = 5_000): S3StorageTier | MemoryStorageTier {
  if (!cold) return new MemoryStorageTier({ durable: true });
  const { bucket, prefix, endpoint, region, accessKeyId, secretAccessKey } = cold;
  const credentials = { accessKeyId, secretAccessKey };
  return new S3StorageTier({ bucket, prefix, endpoint, region, credentials, attempts: 2, timeout });
}

const THROWING = {
  open() {
    throw new DOMException('the user wants no databases', 'SecurityError');
  },
} as unknown as IDBFactory;

/** A factory that remembers its connections. */
function closable(): IDBFactory {
  const open = (name: string, version?: number): IDBOpenDBRequest => {
    const request = indexedDB.open(name, version);
    request.addEventListener('success', () => connections.push(request.result));
    return request;
  };
  return { open } as unknown as IDBFactory;
}

/** Closes the connections of a closable factory; nobody is told. */
export async function closeUnder(): Promise<number> {
  connections.forEach((connection) => connection.close());
  return connections.splice(0).length;
}

export async function set(key: string, value: unknown): Promise<Said<TierName[]>> {
  return said(async () => (await storage().set(key, value)).tiersWritten);
}

/** Stores a value where there is none yet. */
export async function setIfAbsent(key: string, value: unknown): Promise<Said<TierName[]>> {
  return said(async () => (await storage().set(key, value, { ifAbsent: true })).tiersWritten);
}

/** Raises a number so often by one. */
export async function raise(key: string, times: number): Promise<Said<void>> {
  return said(async () => {
    for (let turn = 0; turn < times; turn += 1) await storage().update(key, (count) => Number(count ?? 0) + 1);
  });
}

/** Stores bytes that cannot be packed. */
export async function fill(key: string, size: number): Promise<Said<TierName[]>> {
  return set(key, randomBytes(size));
}

/** Stores many such entries at once, and says how many of them came into warm. */
export async function fillMany(prefix: string, count: number, size: number): Promise<number> {
  const keys = Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
  const results = await Promise.all(keys.map((key) => storage().set(key, randomBytes(size))));
  return results.filter(({ tiersWritten }) => tiersWritten.includes('warm')).length;
}

function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** What byte `at` of a poured body is. */
function byteAt(at: number): number {
  return (Math.imul(at >>> 2, 2_654_435_761) >>> ((at & 3) * 8)) & 255;
}

/** Fails if these are not the bytes of a poured body from `start` on. */
function verify(bytes: Uint8Array, start: number): void {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== byteAt(start + at)) throw new Error(`byte ${start + at} is ${bytes[at]}`);
}

/** Stores a stream of so many bytes, which are made when they are asked for. */
export async function pour(key: string, size: number): Promise<Said<TierName[]>> {
  let at = 0;
  // Whoever takes it copies it.
  const words = new Uint32Array(65_536);
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (at >= size) return controller.close();
    for (let word = 0; word < words.length; word++) words[word] = Math.imul((at >>> 2) + word, 2_654_435_761);
    controller.enqueue(new Uint8Array(words.buffer).subarray(0, size - at));
    at += words.byteLength;
  };
  return said(async () => (await storage().setStream(key, new ReadableStream({ pull }, { highWaterMark: 0 }))).tiersWritten);
}

/** Reads a poured body as a stream: its size and source. */
export async function drain(key: string): Promise<Said<[size: number, source: TierName | undefined]>> {
  return said(async () => {
    const found = await storage().getStream(key);
    let size = 0;
    const reader = found?.stream.getReader();
    for (let step = await reader?.read(); step?.value; step = await reader?.read()) {
      verify(step.value, size);
      size += step.value.length;
    }
    return [size, found?.source];
  });
}

/** Reads a part of a poured body: its size and source, and how many chunks of databases were read for it. */
export async function part(key: string, start: number, end: number): Promise<Said<[size: number, source: TierName | undefined, chunks: number]>> {
  return said(async () => {
    const { continue: next } = IDBCursor.prototype;
    let chunks = 0;
    IDBCursor.prototype.continue = function (this: IDBCursor) {
      chunks += 1;
      return next.call(this);
    };
    const found = await storage().getRange(key, { start, end }).finally(() => (IDBCursor.prototype.continue = next));
    verify(found?.data ?? new Uint8Array(), start);
    return [found?.data.length ?? 0, found?.source, chunks];
  });
}

/** What warm says that it holds, and what is in it. */
export async function warmUse(): Promise<{ items: number; bytes: number; keys: string[] }> {
  if (!warm) throw new Error('no storage is open');
  const keys: string[] = [];
  for await (const key of warm.listKeys()) keys.push(key);
  const { items, bytes } = await warm.getStats();
  return { items, bytes, keys };
}

export async function clear(): Promise<void> {
  await storage().clear();
}

/** The value and its source, or `null`. Of bytes, how many there are. */
export async function get(key: string): Promise<Said<[value: unknown, source: TierName] | null>> {
  return said(async () => {
    const found = await storage().getWithMetadata(key);
    return found && [found.data instanceof Uint8Array ? found.data.length : found.data, found.source];
  });
}

export async function remove(key: string): Promise<Said<void>> {
  return said(() => storage().delete(key));
}

export async function touch(key: string, ttl: number): Promise<Said<boolean>> {
  return said(async () => {
    await storage().touch(key, ttl);
    return (await storage().getMetadata(key))?.ttl !== undefined;
  });
}

export async function invalidate(prefix: string): Promise<Said<number>> {
  return said(() => storage().invalidate(prefix));
}

export async function dropUpper(): Promise<void> {
  await storage().invalidateUpperCaches('');
}

export async function keys(): Promise<Said<string[]>> {
  return said(async () => {
    const found: string[] = [];
    for await (const key of storage().listKeys()) found.push(key);
    return found;
  });
}

/** Waits for what runs in the background, and gives the events so far. */
export async function told(): Promise<Told[]> {
  await storage().settled();
  return events.splice(0);
}

export async function peek(key: string): Promise<unknown> {
  return storage().peek(key);
}

/** Waits until memory does not hold `value` any more; what it holds then, and when that was. */
export async function unseen(key: string, value: unknown, ms: number): Promise<[value: unknown, at: number]> {
  for (const end = moment() + ms; storage().peek(key) === value; ) {
    if (moment() > end) throw new Error(`${key} is still ${String(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return [storage().peek(key), moment()];
}

/** Changes, and says when that was acknowledged. */
export const setAt = (key: string, value: unknown): Promise<number> => storage().set(key, value).then(moment);
export const touchAt = (key: string, ttl: number): Promise<number> => storage().touch(key, ttl).then(moment);
export const invalidateAt = (prefix: string): Promise<number> => storage().invalidate(prefix).then(moment);
export const removeAt = (key: string): Promise<number> => storage().delete(key).then(moment);

/** In ms since 1970, the same in all tabs. */
function moment(): number {
  return performance.timeOrigin + performance.now();
}

/** What other instances have changed. */
export async function heard(): Promise<string[]> {
  return events.flatMap(({ type, scope }) => (type === 'changedElsewhere' && scope !== undefined ? [scope] : []));
}

/** Whether a storage of this page keeps up what those of these `tabs` share. */
export async function keepsUp(tabs: string): Promise<boolean> {
  return navigator.locks.request(`probe-${Math.random()}`, async (probe) => {
    const { held = [] } = await navigator.locks.query();
    const mine = held.find(({ name }) => name === probe?.name)?.clientId;
    return held.some(({ name, clientId }) => name === `tiered-storage/${tabs}/upkeep` && clientId === mine);
  });
}

/** How many reads warm has on record. */
export async function warmAccesses(key: string): Promise<number | undefined> {
  return (await warm?.getMetadata(key))?.accessCount;
}

/** Opens the database as another program would that never lets go of it. */
export async function hold(database = DATABASE): Promise<void> {
  held = await answered(indexedDB.open(database));
}

export async function letGo(): Promise<void> {
  held?.close();
}

/** Removes the database, or raises its version; says whether that was done within `ms`. */
export async function takeOver(how: 'remove' | 'raise', ms: number, database = DATABASE): Promise<'done' | 'late'> {
  const request = how === 'remove' ? indexedDB.deleteDatabase(database) : indexedDB.open(database, 1000);
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, ms, 'late'));
  const done = answered(request).then((found) => {
    // There is none after a removal.
    held = found;
    return 'done' as const;
  });
  return Promise.race([done, late]);
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

function storage(): TieredStorage {
  if (!opened) throw new Error('no storage is open');
  return opened;
}

function note(event: StorageEvent): void {
  const { type, tier, error, key, prefix } = event as { type: string; tier?: string; error?: Error; key?: string; prefix?: string };
  const scope = type === 'changedElsewhere' || type === 'claimTimedOut' ? (key ?? `${prefix}*`) : undefined;
  const { kind, isTimeout } = error instanceof StorageError ? error : { kind: undefined, isTimeout: undefined };
  // Requests are told of too, and are kept apart; what makes room for others is no matter here.
  if (event.type === 'requested') requests.push(event.operation);
  else if (event.type !== 'evicted') events.push({ type, tier, kind, isTimeout, message: error?.message, scope });
}

async function said<T>(work: () => Promise<T>): Promise<Said<T>> {
  const start = performance.now();
  const ms = (): number => performance.now() - start;
  try {
    return { value: await work(), ms: ms() };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const { kind, tier, isTimeout, message } = error;
    return { error: { kind, tier, isTimeout, message }, ms: ms() };
  }
}
