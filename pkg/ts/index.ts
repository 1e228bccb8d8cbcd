/** What every entry of the package exports. */

export type {} from './dom.js';
export type * from './contract.js';
export type { ErrorDetails, ErrorKind } from './errors.js';
export { StorageError } from './errors.js';
export { TieredStorage } from './storage.js';
export type { EvictionPolicy, MemoryOptions } from './memory.js';
export { MemoryStorageTier } from './memory.js';
export type { IndexedDBOptions } from './indexed-db.js';
export { IndexedDBStorageTier } from './indexed-db.js';
export type { CorsRule, S3Credentials, S3Options } from './s3.js';
export type { S3Abilities, S3Prices, S3Provider } from './s3/store.js';
export { S3StorageTier, corsRules } from './s3.js';
export type { S3Headers, S3UnsignedRequest } from './s3/sign.js';
export type { CacheApiOptions } from './cache-api.js';
export { CacheApiStorageTier } from './cache-api.js';
