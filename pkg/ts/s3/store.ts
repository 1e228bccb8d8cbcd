/** What a store can do and what it asks for requests, between options, core and statistics. */

import type { RequestTally } from '../contract.js';
import { invalid } from '../errors.js';
import { FLAG, check, type Rule, type Rules } from '../options.js';
import type { Costs, RequestFacts } from '../port.js';
import { pairs, type RawRequest, type RawTally, type S3Calls } from '../wasm.js';

/** Amazon S3, Cloudflare R2, MinIO, Google Cloud Storage (XML API), Backblaze B2, Garage, and Ceph's object gateway. */
export type S3Provider = 'aws' | 'r2' | 'minio' | 'gcs' | 'b2' | 'garage' | 'ceph';

/** What a store can do. What is left out is as for a store of which nothing is known: what fails is done in another way. */
export interface S3Abilities {
  /** Whether 1,000 objects can be removed with one request. Default `true`; a store that refuses is not asked again. */
  removesMany?: boolean | undefined;
  /**
   * Whether `If-Match` can go with the removal of an object. Default `true`. Without it, a version is compared before it is
   * removed, and a write in between is lost.
   */
  removesVersions?: boolean | undefined;
  /** Whether conditions of writes are heeded; `'probe'`, the default, finds out before the first one. */
  conditionalWrites?: 'supported' | 'unsupported' | 'probe' | undefined;
  /** Whether the ETag in `If-Match` goes without its quotes. Default `false`. */
  bareIfMatch?: boolean | undefined;
}

/** What a store asks for requests, in dollars. What is left out is as on Amazon S3 Standard in us-east-1, 2024 to 2026. */
export interface S3Prices {
  /** For 1,000 `PUT`, `COPY`, `POST` or `LIST`. Default 0.005. */
  putPer1000?: number | undefined;
  /** For 1,000 `GET` or `HEAD`. Default 0.0004. */
  getPer1000?: number | undefined;
  /** For 1,000 `DELETE`. Default 0. */
  deletePer1000?: number | undefined;
  /** For 2^30 bytes of answers. Default 0.09, over the internet; in the region of the bucket it is 0. */
  outPerGiB?: number | undefined;
  /** For 2^30 bytes of bodies that are sent. Default 0. */
  inPerGiB?: number | undefined;
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
/** In the order in which the core numbers them. */
const PROVIDERS: readonly unknown[] = ['aws', 'r2', 'minio', 'gcs', 'b2', 'garage', 'ceph'] satisfies S3Provider[];
const CONDITIONAL: readonly unknown[] = ['supported', 'unsupported', 'probe'];
/** In the order in which the core takes them. */
const ABILITIES: Rules = {
  removesMany: FLAG,
  removesVersions: FLAG,
  conditionalWrites: [(value) => CONDITIONAL.includes(value), "'supported', 'unsupported' or 'probe'"],
  bareIfMatch: FLAG,
};
const PRICE: Rule = [(value) => Number.isFinite(value) && (value as number) >= 0, 'a price in dollars, 0 or more'];
/** In the order in which the core takes them. */
const PRICES: Rules = { putPer1000: PRICE, getPer1000: PRICE, deletePer1000: PRICE, outPerGiB: PRICE, inPerGiB: PRICE };

export const PROVIDER: Rule = [
  (value) => PROVIDERS.includes(value) || isObject(value),
  `${PROVIDERS.map((name) => `'${String(name)}'`).join(', ')} or an object of what the store can do`,
];
export const PRICE_TABLE: Rule = [isObject, 'an object with prices in dollars, such as { getPer1000: 0.0004 }'];

/** What is left of an option that may be a name or an object. */
export function checkProvider(options: {
  provider?: S3Provider | S3Abilities | undefined;
  endpoint?: string | undefined;
  region?: string | undefined;
}): S3Provider | S3Abilities | undefined {
  const { provider, endpoint, region } = options;
  if (typeof provider === 'object') return check<S3Abilities>(provider, ABILITIES, '`provider`');
  if (provider && provider !== 'aws' && !endpoint) throw invalid(`\`provider: '${provider}'\` needs its \`endpoint\``);
  if (provider === 'b2' && !region) throw invalid("`provider: 'b2'` needs the `region` that its endpoint names");
  return provider;
}

export function checkPrices(prices: S3Prices | undefined): S3Prices | undefined {
  return prices && check<S3Prices>(prices, PRICES, '`prices`');
}

export function rawPrices(prices: S3Prices | undefined): unknown[] | undefined {
  return prices && Object.keys(PRICES).map((name) => prices[name as keyof S3Prices]);
}

/** A number, or what the store can do; conditions by their number. */
export function rawProvider(provider: S3Provider | S3Abilities | undefined): number | unknown[] | undefined {
  if (typeof provider !== 'object') return provider && PROVIDERS.indexOf(provider);
  const { removesMany, removesVersions, conditionalWrites, bareIfMatch } = provider;
  return [removesMany, removesVersions, conditionalWrites && CONDITIONAL.indexOf(conditionalWrites), bareIfMatch];
}

export function toCosts([costUsd, get, put, deleted, ...counted]: ReturnType<S3Calls['costs']>): Costs {
  const operations = Object.fromEntries(pairs(counted).map(([name, tally]) => [name, toTally(tally as RawTally)]));
  const requests = { get: toTally(get), put: toTally(put), delete: toTally(deleted), operations };
  return costUsd === undefined ? { requests } : { requests, costUsd };
}

function toTally([sent, failed, bytesSent, bytesReceived]: RawTally): RequestTally {
  return { sent, failed, bytesSent, bytesReceived };
}

export function toRequest([operation, status, attempts, bytesSent, bytesReceived, elapsedMs]: RawRequest): RequestFacts {
  return { operation, status, attempts, bytesSent, bytesReceived, elapsedMs };
}
