/** A bucket with its copies on this device: what there is, and what can be done with it. */

import { StorageError, type StorageMetadata, type TieredStorage } from 'tiered-storage';
import type { InspectorOptions } from 'tiered-storage/inspector';
import { Catalog } from './catalog.js';
import { Cell } from './cell.js';
import type { Network } from './network.js';
import { opened, type Opened } from './opened.js';
import { idOf, isUnder, mediaUrl, type Access, type Place } from './place.js';
import type { State } from './state.js';

const HOT_BYTES = 32 * 2 ** 20;
/** How often a listing that still comes in is shown. */
const SHOW_MS = 250;
const LINK_MS = 3_600_000;

export type Phase = 'loading' | 'listed' | 'remembered' | 'failed';

export class Library {
  readonly id: string;
  readonly place: Place;
  readonly hasCredentials: boolean;
  /** Whether it takes a key that is not known here any more. */
  readonly isLocked: boolean;
  readonly storage: TieredStorage;
  readonly network: Network;
  readonly catalog = new Cell(Catalog.of([]));
  /** Where the catalog is from: the bucket, or what it had when it was last seen. */
  readonly phase = new Cell<Phase>('loading');
  readonly problem = new Cell<string | undefined>(undefined);
  /** What an inspector has to know to show this storage. */
  readonly inside: InspectorOptions;
  /** The keys that have a copy on this device. */
  readonly kept = new Cell<ReadonlySet<string>>(new Set());
  /** Folders whose copies are not given up to make room for others. */
  readonly pinned: Cell<readonly string[]>;
  readonly #tiers: Opened['tiers'];
  /** What is being brought here, and why its copy was not taken. */
  readonly #keeping = new Map<string, Error | undefined>();
  readonly #state: State;
  readonly #versions = new Map<string, number>();
  readonly #details = new Map<string, Promise<StorageMetadata | null>>();
  #looks = 0;
  #keptSoon: Set<string> | undefined;
  #listing: AbortController | undefined;

  private constructor(id: string, access: Access, state: State, { storage, tiers, network, inside }: Opened, pinned: Cell<readonly string[]>) {
    this.id = id;
    this.place = access.place;
    this.hasCredentials = access.credentials !== undefined;
    this.isLocked = access.isLocked === true;
    this.storage = storage;
    this.network = network;
    this.#tiers = tiers;
    this.pinned = pinned;
    this.inside = inside;
    this.#state = state;
  }

  static async open(access: Access, state: State): Promise<Library> {
    const id = await idOf(access.place);
    const pins = (await state.get('pins', id)) ?? [];
    const pinned = new Cell<readonly string[]>(pins.map(({ prefix }) => prefix));
    const library = new Library(id, access, state, await opened(id, access, HOT_BYTES, (key) => isUnder(pinned.value, key)), pinned);
    const { storage } = library;
    storage.on('tierFailed', ({ tier, key, error }) => {
      if (tier === 'warm' && key !== undefined && library.#keeping.has(key)) library.#keeping.set(key, error);
    });
    storage.on('promoted', ({ tier, key }) => tier === 'warm' && library.noteKept(key));
    storage.on('evicted', ({ tier, key }) => tier === 'warm' && library.#noteGone(key));
    storage.on('changedElsewhere', ({ key }) => void library.#lookAgain(key));
    return library;
  }

  async close(): Promise<void> {
    this.#listing?.abort();
    await this.storage.close();
  }

  url(key: string): string {
    return mediaUrl(this.id, key, this.#versions.get(key));
  }

  /** Lists the bucket; where it cannot be reached, what it had when it was last seen is shown. */
  async refresh(): Promise<void> {
    this.#listing?.abort();
    const listing = (this.#listing = new AbortController());
    const { signal } = listing;
    this.network.retry();
    const remembered = this.catalog.value.size ? undefined : await this.#state.get('keys', this.id);
    if (signal.aborted) return;
    if (remembered?.length) this.catalog.value = Catalog.of(remembered);
    void this.lookAtKept();
    try {
      const keys = await this.#list(signal, this.catalog.value.size === 0);
      this.catalog.value = Catalog.of(keys);
      this.phase.value = 'listed';
      this.problem.value = undefined;
      this.#details.clear();
      await this.#remember();
    } catch (error) {
      if (signal.aborted) return;
      this.problem.value = this.#wordsFor(error);
      this.phase.value = this.catalog.value.size ? 'remembered' : 'failed';
    }
  }

  #wordsFor(error: unknown): string {
    if (this.isLocked) return 'Its key is not on this device.';
    return !this.hasCredentials && isDenied(error) ? 'The bucket lets nobody in without a key.' : sentenceOf(error);
  }

  /** Keeps the names for when there is no network. Without room, those of the last time stay. */
  async #remember(): Promise<void> {
    const { keys } = this.catalog.value;
    await this.#state.set('keys', [...keys], this.id).catch((error: unknown) => {
      if (!isFull(error)) throw error;
    });
  }

  async #list(signal: AbortSignal, isShown: boolean): Promise<string[]> {
    const keys: string[] = [];
    let shownAt = performance.now();
    for await (const key of this.storage.listKeys('', { signal })) {
      keys.push(key);
      if (!isShown || performance.now() - shownAt < SHOW_MS) continue;
      shownAt = performance.now();
      this.catalog.value = Catalog.of(keys);
    }
    return keys;
  }

  /** Looks at what is on this device. */
  async lookAtKept(): Promise<void> {
    const look = (this.#looks += 1);
    // What came before is seen now, if it is still there.
    this.#keptSoon?.clear();
    const kept = new Set<string>();
    for await (const key of this.#tiers.warm.listKeys()) kept.add(key);
    // A later look has seen what changed meanwhile.
    if (look === this.#looks) this.kept.value = kept;
  }

  /** Notes that a copy came to this device; many at once make one change. */
  noteKept(key: string): void {
    if (this.#keptSoon) return void this.#keptSoon.add(key);
    this.#keptSoon = new Set([key]);
    setTimeout(() => {
      this.kept.value = new Set([...this.kept.value, ...(this.#keptSoon ?? [])]);
      this.#keptSoon = undefined;
    }, SHOW_MS);
  }

  /** Size, type and times; from this device where it has a copy. Asked once for each. */
  details(key: string): Promise<StorageMetadata | null> {
    const known = this.#details.get(key) ?? this.storage.getMetadata(key);
    this.#details.set(key, known);
    known.catch(() => this.#details.delete(key));
    return known;
  }

  /** Whether an entry is in a pinned folder. */
  isPinned(key: string): boolean {
    return isUnder(this.pinned.value, key);
  }

  /** Brings an entry to this device, unless it is there. `false` if there is no room for it. */
  async keep(key: string, signal: AbortSignal): Promise<boolean> {
    this.#keeping.set(key, undefined);
    try {
      // What memory answers is not copied anywhere.
      await this.#tiers.hot.delete(key);
      const found = await this.storage.getStream(key, { signal });
      // What comes is put into the tiers as it is read, so that a film never lies in memory.
      await found?.stream.pipeTo(new WritableStream());
      await this.storage.settled({ signal });
      if (!found || (await this.#tiers.warm.exists(key))) return true;
      const error = this.#keeping.get(key);
      if (error && !isFull(error)) throw error;
      return false;
    } finally {
      this.#keeping.delete(key);
    }
  }

  /** Removes copies that no folder keeps, for something that found no room; gives whether there were any. */
  async makeRoom(): Promise<boolean> {
    await this.lookAtKept();
    const loose = this.loose();
    await this.drop(loose);
    return loose.length > 0;
  }

  /** The copies that no pinned folder keeps. */
  loose(): string[] {
    return [...this.kept.value].filter((key) => !this.isPinned(key));
  }

  /** Removes copies from this device, and nothing from the bucket. */
  async drop(keys: readonly string[]): Promise<void> {
    await this.#tiers.warm.deleteMany([...keys]);
    await this.storage.clearTier('hot');
    await this.lookAtKept();
  }

  /** How much room the copies take. */
  async usage(): Promise<{ bytes: number }> {
    return this.#tiers.warm.getStats();
  }

  /** Notes that the bucket took an entry. */
  noteStored(key: string): void {
    this.changed(key);
    this.catalog.value = this.catalog.value.with(key);
    void this.lookAtKept();
  }

  /** Notes that an entry is gone from the bucket. */
  noteRemoved(key: string): void {
    this.changed(key);
    this.catalog.value = this.catalog.value.without(key);
    this.#noteGone(key);
  }

  /** A link that anyone can open for an hour. */
  link(key: string): Promise<string> {
    return this.storage.presign(key, { expires: LINK_MS });
  }

  /** Has what is shown of an entry be asked for anew. */
  changed(key: string): void {
    this.#details.delete(key);
    this.#versions.set(key, (this.#versions.get(key) ?? 0) + 1);
  }

  #noteGone(key: string): void {
    if (!this.kept.value.has(key)) return;
    const kept = new Set(this.kept.value);
    kept.delete(key);
    this.kept.value = kept;
  }

  /** Another tab changed something: one entry, or more than can be told. */
  async #lookAgain(key: string | undefined): Promise<void> {
    if (key === undefined) return this.lookAtKept();
    this.changed(key);
    // Where it cannot be known, what is shown stays.
    const isThere = await this.storage.exists(key).catch(() => this.catalog.value.has(key));
    const { value } = this.catalog;
    this.catalog.value = isThere ? value.with(key) : value.without(key);
    if (!isThere) this.#noteGone(key);
  }
}

/** Whether there was no room for something. */
export const isFull = (error: unknown): boolean => error instanceof StorageError && error.kind === 'full';

/** Whether the bucket refused something. */
export const isDenied = (error: unknown): boolean => error instanceof StorageError && error.kind === 'denied';

export const UNREACHABLE = 'The bucket cannot be reached.';

/** A failure in words for people. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof StorageError)) return error instanceof Error ? error.message : String(error);
  switch (error.kind) {
    case 'unavailable':
      return UNREACHABLE;
    case 'denied':
      return 'The bucket refuses access. Check the key and its secret.';
    case 'full':
      return 'This device has no room left.';
    case 'conflict':
      return 'Somebody else changed this in the meantime.';
    default:
      return error.message;
  }
}
