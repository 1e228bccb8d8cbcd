/**
 * Holds our types to the contract, by the compiler alone: what is typed by either is assignable to the other. Every
 * interface has a line that must not compile, so that each check is known to be able to fail.
 */

import type * as Ours from 'tiered-storage';
import { CacheApiStorageTier, IndexedDBStorageTier, MemoryStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';
import type * as Contract from './contract.js';

/** Compiles where a value of type `From` may stand for one of type `To`. */
declare function assign<To, From extends To>(): [To, From];

assign<Ours.StorageMetadata, Contract.StorageMetadata>();
assign<Contract.StorageMetadata, Ours.StorageMetadata>();
// @ts-expect-error Every field that is not optional is needed.
assign<Ours.StorageMetadata, Omit<Contract.StorageMetadata, 'checksum'>>();
// @ts-expect-error Dates are `Date`s.
assign<Ours.StorageMetadata, Omit<Contract.StorageMetadata, 'createdAt'> & { createdAt: string }>();
// @ts-expect-error A field of ours that the contract does not have must be optional.
assign<Contract.StorageMetadata & { version: string }, Ours.StorageMetadata>();

assign<Ours.TierStats, Contract.TierStats>();
assign<Contract.TierStats, Ours.TierStats>();
// @ts-expect-error Both figures are always there.
assign<Ours.TierStats, Omit<Contract.TierStats, 'items'>>();

assign<Ours.AllTierStats, Contract.AllTierStats>();
assign<Contract.AllTierStats, Ours.AllTierStats>();
// @ts-expect-error Cold is always there.
assign<Ours.AllTierStats, Omit<Contract.AllTierStats, 'cold'>>();

assign<Ours.StorageTier, Contract.StorageTier>();
assign<Contract.StorageTier, Ours.StorageTier>();
// @ts-expect-error A tier has ten methods, not nine.
assign<Ours.StorageTier, Omit<Contract.StorageTier, 'deleteMany'>>();
// @ts-expect-error A tier gives bytes.
assign<Ours.StorageTier, Omit<Contract.StorageTier, 'get'> & { get(key: string): Promise<string> }>();

assign<Ours.TieredStorageConfig, Contract.TieredStorageConfig>();
assign<Contract.TieredStorageConfig, Ours.TieredStorageConfig>();
// @ts-expect-error The source of truth cannot be left out.
assign<Ours.TieredStorageConfig, { tiers: { hot: Contract.StorageTier } }>();
// @ts-expect-error A time to live is a number.
assign<Ours.TieredStorageConfig, Omit<Contract.TieredStorageConfig, 'defaultTTL'> & { defaultTTL: string }>();

assign<Ours.SetOptions, Contract.SetOptions>();
assign<Contract.SetOptions, Ours.SetOptions>();
// @ts-expect-error Cold cannot be skipped.
assign<Ours.SetOptions, { skipTiers: ('hot' | 'cold')[] }>();

assign<Ours.StorageResult<{ a: number }>, Contract.StorageResult<{ a: number }>>();
assign<Contract.StorageResult<{ a: number }>, Ours.StorageResult<{ a: number }>>();
// @ts-expect-error The data have the type that the storage has.
assign<Ours.StorageResult<{ a: number }>, Contract.StorageResult<{ a: string }>>();

assign<Ours.SetResult, Contract.SetResult>();
assign<Contract.SetResult, Ours.SetResult>();
// @ts-expect-error There are three tiers.
assign<Ours.SetResult, Omit<Contract.SetResult, 'tiersWritten'> & { tiersWritten: ('hot' | 'lukewarm')[] }>();

assign<Ours.StorageSnapshot, Contract.StorageSnapshot>();
assign<Contract.StorageSnapshot, Ours.StorageSnapshot>();
// @ts-expect-error A snapshot says of which version it is.
assign<Ours.StorageSnapshot, Omit<Contract.StorageSnapshot, 'version'>>();

/** What the contract speaks of is what the classes take and give. */
export async function classesKeepTheContract(
  config: Contract.TieredStorageConfig,
  options: Contract.SetOptions,
  tier: Contract.StorageTier,
): Promise<void> {
  const storage = await TieredStorage.open<{ a: number }>(config);
  const written: Contract.SetResult = await storage.set('k', { a: 1 }, options);
  const found: { a: number } | null = await storage.get('k');
  const result: Contract.StorageResult<{ a: number }> | null = await storage.getWithMetadata('k');
  const metadata: Contract.StorageMetadata | null = await storage.getMetadata('k');
  const stats: Contract.AllTierStats = await storage.getStats();
  const snapshot: Contract.StorageSnapshot = await storage.export();
  await storage.import(snapshot);
  const keys: AsyncIterableIterator<string> = storage.listKeys('a');
  const counts: number[] = [
    await storage.invalidate('a'),
    await storage.invalidateUpperCaches('a'),
    await storage.bootstrapHot(1),
    await storage.bootstrapWarm({ limit: 1, sinceDate: new Date(0) }),
  ];
  const isThere: boolean = await storage.exists('k');
  for (const place of ['hot', 'warm', 'cold'] as const) await storage.clearTier(place);
  await storage.touch('k', 1_000);
  await storage.delete('k');
  await storage.clear();
  // @ts-expect-error The storage holds what it was opened for.
  await storage.set('k', { a: 'text' });
  // @ts-expect-error There are three tiers.
  await storage.clearTier('lukewarm');
  // @ts-expect-error What is not asked for is no option.
  await TieredStorage.open({ tiers: { cold: tier }, speed: 1 });
  // @ts-expect-error Cold is needed.
  await TieredStorage.open({ tiers: { hot: tier } });
  await TieredStorage.open({ tiers: { cold: tier }, promotionStrategy: 'onSecondHit' });
  await using disposed = storage;
  void [written, found, result, metadata, stats, keys, counts, isThere, disposed];
}

/** What signs and what is presigned has the types that users have at hand. */
export async function signaturesTakeWhatIsAtHand(storage: TieredStorage, tier: S3StorageTier, headers: Headers): Promise<void> {
  const urls: string[] = [await storage.presign('k', { expires: 1_000 }), await tier.presign('k', { method: 'PUT', expires: 1_000 })];
  const bucket = 'bucket';
  new S3StorageTier({ bucket, sign: () => headers });
  new S3StorageTier({ bucket, sign: async ({ method, url, payloadHash, region }) => ({ authorization: method + url + payloadHash + region }) });
  // @ts-expect-error A URL does not last for ever.
  await storage.presign('k', { method: 'GET' });
  // @ts-expect-error One object is read, asked after, written or removed.
  await tier.presign('k', { method: 'POST', expires: 1_000 });
  // @ts-expect-error Headers are texts.
  new S3StorageTier({ bucket, sign: () => ({ authorization: 1 }) });
  void urls;
}

/** Every tier of the package is a tier of the contract. */
export function tiersKeepTheContract(
  memory: MemoryStorageTier,
  indexed: IndexedDBStorageTier,
  s3: S3StorageTier,
  disk: Ours.DiskStorageTier,
  cache: CacheApiStorageTier,
): Contract.StorageTier[] {
  // @ts-expect-error A storage is no tier.
  assign<Contract.StorageTier, TieredStorage<unknown>>();
  return [memory, indexed, s3, disk, cache];
}
