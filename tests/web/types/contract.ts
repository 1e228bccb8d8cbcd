/** The published contract: names and fields alone, written down once more, so that a change of ours shows. */

export interface StorageMetadata {
  key: string;
  size: number;
  createdAt: Date;
  lastAccessed: Date;
  accessCount: number;
  ttl?: Date;
  compressed: boolean;
  checksum: string;
  mimeType?: string;
  encoding?: string;
  customMetadata?: Record<string, string>;
}

export interface TierStats {
  bytes: number;
  items: number;
  hits?: number;
  misses?: number;
  evictions?: number;
}

export interface AllTierStats {
  hot?: TierStats;
  warm?: TierStats;
  cold: TierStats;
  totalHits: number;
  totalMisses: number;
  hitRate: number;
}

export interface StorageTier {
  get(key: string): Promise<Uint8Array | null>;
  set(key: string, data: Uint8Array, metadata: StorageMetadata): Promise<void>;
  delete(key: string): Promise<void>;
  exists(key: string): Promise<boolean>;
  listKeys(prefix?: string): AsyncIterableIterator<string>;
  deleteMany(keys: string[]): Promise<void>;
  getMetadata(key: string): Promise<StorageMetadata | null>;
  setMetadata(key: string, metadata: StorageMetadata): Promise<void>;
  getStats(): Promise<TierStats>;
  clear(): Promise<void>;
}

export interface TieredStorageConfig {
  tiers: {
    hot?: StorageTier;
    warm?: StorageTier;
    cold: StorageTier;
  };
  compression?: boolean;
  defaultTTL?: number;
  promotionStrategy?: 'eager' | 'lazy';
  serialization?: {
    serialize: (data: unknown) => Promise<Uint8Array>;
    deserialize: (data: Uint8Array) => Promise<unknown>;
  };
}

export interface SetOptions {
  ttl?: number;
  metadata?: Record<string, string>;
  skipTiers?: ('hot' | 'warm')[];
}

export interface StorageResult<T> {
  data: T;
  metadata: StorageMetadata;
  source: 'hot' | 'warm' | 'cold';
}

export interface SetResult {
  key: string;
  metadata: StorageMetadata;
  tiersWritten: ('hot' | 'warm' | 'cold')[];
}

export interface StorageSnapshot {
  version: number;
  exportedAt: Date;
  keys: string[];
  metadata: Record<string, StorageMetadata>;
  stats: AllTierStats;
}
