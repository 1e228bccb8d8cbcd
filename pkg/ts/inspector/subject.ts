/** The storage that is looked at, in this realm or in another one. */

import type { StorageMetadata, StorageTier, TierName, TierStats } from '../contract.js';
import type { S3Prices } from '../s3/store.js';
import type { TieredStorage } from '../storage.js';
import { why } from './dom.js';
import { TIERS, slim, type Note, type SlimEvent } from './model.js';
import type { SwitchableFetch } from './network.js';

/** What an inspector is told of a storage beside it, so that it can show and do more. */
export interface InspectorOptions {
  /** The tiers that the storage was opened with. Without them no copy can be looked up, given up or damaged. */
  tiers?: { hot?: StorageTier | undefined; warm?: StorageTier | undefined; cold?: StorageTier | undefined } | undefined;
  /** The most bytes that hot and warm may hold, to show how full they are. */
  limits?: { hot?: number | undefined; warm?: number | undefined } | undefined;
  /** What cold's requests cost; `{}` stands for what S3 takes in its cheapest region. Without it, no dollars are shown. */
  prices?: S3Prices | undefined;
  /** What the cold tier was given as its `fetch`, so that the network can be cut. */
  network?: SwitchableFetch | undefined;
}

/** How full a tier is. */
export type Fill = Pick<TierStats, 'bytes' | 'items'>;

/** What does not change while a storage is looked at, and whether its network is cut. */
export interface About {
  readonly tiers: Partial<Record<TierName, { readonly name: string; readonly limit: number | undefined }>> | undefined;
  readonly prices: S3Prices | undefined;
  readonly isCut: boolean | undefined;
}

/** A copy of an entry: what is shown of its metadata. `null`: there is none; a text: why that is not known. */
export type Copy = Pick<StorageMetadata, 'size' | 'createdAt' | 'accessCount' | 'checksum' | 'ttl'> | null | string;

/** Keys in order. */
export interface Listed {
  readonly keys: readonly string[];
  /** There are more than these. */
  readonly isMore: boolean;
}

/** Whether there is a copy; what was not asked, or did not answer, is not said. */
export type Marks = Partial<Record<TierName, boolean>>;

/** What can be asked of a storage, by its inspector. */
export interface Calls {
  about(): Promise<About>;
  /** How full hot and warm are; of all tiers where that is asked for, which lists cold. */
  fill(isAll: boolean): Promise<Partial<Record<TierName, Fill>>>;
  look(key: string): Promise<Partial<Record<TierName, Copy>>>;
  /** The first keys that start so, of hot and warm, or of cold, which costs a request. */
  list(prefix: string, from: 'upper' | 'cold'): Promise<Listed>;
  /** Which of hot and warm have copies of these keys, in the order of the keys. */
  mark(keys: readonly string[]): Promise<Marks[]>;
  /** Reads an entry and says which tier had it. */
  read(key: string): Promise<TierName | undefined>;
  /** Gives a copy up, and says whether there was one. */
  evict(tier: 'hot' | 'warm', key: string): Promise<boolean>;
  invalidate(prefix: string, isEverywhere: boolean): Promise<number>;
  /** Turns a byte of the copy in warm around, and gives up the one in hot. */
  damage(key: string): Promise<void>;
  cut(isCut: boolean): Promise<void>;
}

/** A storage that is looked at. */
export interface Subject extends Calls {
  /** Has `told` told of what happens, until the function that this returns is called. */
  listen(told: (notes: readonly Note[]) => void): () => void;
}

const EVENTS: readonly SlimEvent['type'][] = [
  'answered',
  'requested',
  'promoted',
  'evicted',
  'copyCorrupt',
  'expiredRemoved',
  'tierFailed',
  'accessesDropped',
  'fallback',
  'changedElsewhere',
  'claimTimedOut',
];
/** How many keys are listed at once. */
const KEYS_MAX = 500;

/** A storage of this realm. */
export class Local implements Subject {
  readonly #storage: TieredStorage;
  readonly #options: InspectorOptions;

  constructor(storage: TieredStorage, options: InspectorOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  listen(told: (notes: readonly Note[]) => void): () => void {
    const ends = EVENTS.map((type) => this.#storage.on(type, (event) => told([{ at: Date.now(), event: slim(event) }])));
    return () => ends.forEach((end) => end());
  }

  async about(): Promise<About> {
    const { tiers, limits = {}, prices, network } = this.#options;
    const described = (tier: TierName, found: StorageTier): [TierName, { name: string; limit: number | undefined }] => {
      // Whoever minifies the names of classes is shown none.
      const name = /^(\w{2,})StorageTier$/.exec(found.constructor.name)?.[1] ?? '';
      return [tier, { name, limit: tier === 'cold' ? undefined : limits[tier] }];
    };
    const known = tiers && TIERS.flatMap((tier) => (tiers[tier] ? [described(tier, tiers[tier])] : []));
    return { tiers: known && Object.fromEntries(known), prices, isCut: network?.isCut };
  }

  async fill(isAll: boolean): Promise<Partial<Record<TierName, Fill>>> {
    const { hot, warm } = this.#options.tiers ?? {};
    const found: Partial<Record<TierName, Fill | undefined>> = isAll
      ? await this.#storage.getStats()
      : { hot: await hot?.getStats(), warm: await warm?.getStats() };
    const fills = TIERS.flatMap((tier) => {
      const { bytes, items } = found[tier] ?? {};
      return bytes === undefined || items === undefined ? [] : [[tier, { bytes, items }] as const];
    });
    return Object.fromEntries(fills);
  }

  async look(key: string): Promise<Partial<Record<TierName, Copy>>> {
    const { tiers = {} } = this.#options;
    const looked = TIERS.map(async (tier) => [tier, await tiers[tier]?.getMetadata(key).then(toCopy, why)] as const);
    return Object.fromEntries((await Promise.all(looked)).filter(([, copy]) => copy !== undefined));
  }

  async list(prefix: string, from: 'upper' | 'cold'): Promise<Listed> {
    const { hot, warm, cold } = this.#options.tiers ?? {};
    const asked = from === 'cold' ? [cold] : [hot, warm];
    const lists = await Promise.all(asked.map((tier) => first(tier, prefix)));
    const keys = [...new Set(lists.flat())].sort();
    return { keys: keys.slice(0, KEYS_MAX), isMore: keys.length > KEYS_MAX };
  }

  async mark(keys: readonly string[]): Promise<Marks[]> {
    const { hot, warm } = this.#options.tiers ?? {};
    const known = (tier: StorageTier | undefined, key: string) => tier?.exists(key).catch(() => undefined);
    return Promise.all(
      keys.map(async (key) => {
        const [inHot, inWarm] = await Promise.all([known(hot, key), known(warm, key)]);
        return { ...(inHot !== undefined && { hot: inHot }), ...(inWarm !== undefined && { warm: inWarm }) };
      }),
    );
  }

  async read(key: string): Promise<TierName | undefined> {
    return (await this.#storage.getWithMetadata(key, { borrow: true }))?.source;
  }

  async evict(tier: 'hot' | 'warm', key: string): Promise<boolean> {
    const found = this.#options.tiers?.[tier];
    const hadIt = (await found?.exists(key)) ?? false;
    await found?.delete(key);
    return hadIt;
  }

  async invalidate(prefix: string, isEverywhere: boolean): Promise<number> {
    return isEverywhere ? this.#storage.invalidate(prefix) : this.#storage.invalidateUpperCaches(prefix);
  }

  async damage(key: string): Promise<void> {
    if (this.#options.network?.isCut) throw new Error('the network is cut: a damaged copy could not heal');
    const { hot, warm } = this.#options.tiers ?? {};
    const [bytes, metadata] = await Promise.all([warm?.get(key), warm?.getMetadata(key)]);
    const at = (bytes?.length ?? 0) >> 1;
    const byte = bytes?.[at];
    if (!bytes || byte === undefined || !metadata) throw new Error('warm has no copy that could be damaged');
    bytes[at] = byte ^ 0xff;
    await warm?.set(key, bytes, metadata);
    await hot?.delete(key);
  }

  async cut(isCut: boolean): Promise<void> {
    if (this.#options.network) this.#options.network.isCut = isCut;
  }
}

/** The first keys of a tier that start so, and one more than are shown, if there are more. */
async function first(tier: StorageTier | undefined, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of tier?.listKeys(prefix) ?? []) {
    if (keys.push(key) > KEYS_MAX) break;
  }
  return keys;
}

function toCopy(metadata: StorageMetadata | null): Copy {
  if (!metadata) return null;
  const { size, createdAt, accessCount, checksum, ttl } = metadata;
  return { size, createdAt, accessCount, checksum, ...(ttl && { ttl }) };
}
