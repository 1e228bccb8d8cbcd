/** Entries in S3, or in any store that speaks its protocol: the usual cold tier. */

import { StorageError, invalid } from './errors.js';
import { PORT, type Port, type PortListing, type PortUsage, type StoredEntry } from './port.js';
import { PortTier } from './tier.js';
import { wasm, type RawS3 } from './wasm.js';

/** An access key, and for how long it is good. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of a temporary session. */
  sessionToken?: string | undefined;
  /** Until when they are good; new ones are asked for five minutes before. */
  expiration?: Date | undefined;
}

/** Where an `S3StorageTier` keeps its entries, and how it talks to the store. */
export interface S3Options {
  bucket: string;
  /** What requests are signed for. Default `us-east-1`. Another one that the store names is used from then on. */
  region?: string | undefined;
  /** Where the store is, such as `https://s3.example.org`. Default: Amazon's, in the region. */
  endpoint?: string | undefined;
  /** What the names of all objects start with, as a path of at most 512 bytes. Default: nothing. */
  prefix?: string | undefined;
  /**
   * Credentials, or a function that gives them and is asked again before they expire and after the store refused them.
   * Without them, requests go unsigned.
   */
  credentials?: S3Credentials | (() => S3Credentials | Promise<S3Credentials>) | 'anonymous' | undefined;
  /** Whether the bucket stands in the path of URLs or in their host. Default: in the host for Amazon, else in the path. */
  addressing?: 'path' | 'virtual-host' | undefined;
  /** `true` is `addressing: 'path'`, as the SDK of Amazon has it. */
  forcePathStyle?: boolean | undefined;
  /** How many requests run at once. Default 32. */
  concurrency?: number | undefined;
  /** How long one attempt may take, its whole body included, in ms. Default 30,000. */
  timeout?: number | undefined;
  /** How often a request is tried. Default 4. */
  attempts?: number | undefined;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** A rule for the CORS configuration of a bucket, in the form of `PutBucketCors`. */
export interface CorsRule {
  AllowedOrigins: string[];
  AllowedMethods: string[];
  AllowedHeaders: string[];
  ExposeHeaders: string[];
  MaxAgeSeconds: number;
}

/** The rules that a bucket needs so that pages of `origin` can use it. Without them a browser hides what entries need. */
export function corsRules(origin: string): CorsRule[] {
  if (typeof origin !== 'string' || !origin) throw invalid('an origin such as "https://app.example" is needed');
  return [
    {
      AllowedOrigins: [origin],
      AllowedMethods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
      AllowedHeaders: ['*'],
      ExposeHeaders: ['ETag', 'x-amz-meta-tiered-storage', 'x-amz-checksum-sha256', 'x-amz-bucket-region', 'Date'],
      MaxAgeSeconds: 3600,
    },
  ];
}

/**
 * A tier in a bucket: one object for each entry, body and metadata in one request. Requests are signed (SigV4), limited in
 * time, and tried again where that helps. Objects that other programs wrote are entries too.
 *
 * In a browser the bucket needs CORS rules: see `corsRules`. Without them calls fail as `invalid` or `unavailable`.
 */
export class S3StorageTier extends PortTier {
  readonly #options: S3Options;
  #port: Promise<Port> | undefined;

  constructor(options: S3Options) {
    super();
    this.#options = { ...checked(options) };
  }

  [PORT](): Promise<Port> {
    return this.port();
  }

  protected async port(): Promise<Port> {
    this.#port ??= this.#open();
    try {
      return await this.#port;
    } catch (error) {
      this.#port = undefined;
      throw error;
    }
  }

  async #open(): Promise<Port> {
    const { bucket, endpoint, region, prefix, concurrency, timeout, attempts, addressing, forcePathStyle } = this.#options;
    const { S3 } = await wasm();
    const inHost = addressing ? addressing === 'virtual-host' : forcePathStyle === undefined ? undefined : !forcePathStyle;
    const give = (): Promise<unknown[] | undefined> => credentialsOf(this.#options.credentials);
    const send = this.#options.fetch;
    try {
      return new S3Port(new S3(give, bucket, endpoint, region, prefix, inHost, concurrency, timeout, attempts, send));
    } catch (error) {
      throw StorageError.from(error, 'the S3 tier cannot be set up', undefined, 'invalid');
    }
  }
}

class S3Port implements Port {
  readonly traits = {};
  readonly #raw: RawS3;

  constructor(raw: RawS3) {
    this.#raw = raw;
  }

  async read(key: string, unless: string | undefined): Promise<StoredEntry | null | true> {
    const found = await this.#raw.read(key, unless);
    return Array.isArray(found) ? { body: found[0], line: found[1] } : found;
  }

  head(key: string): Promise<string | null> {
    return this.#raw.head(key);
  }

  write(key: string, { body, line }: StoredEntry): Promise<string | undefined> {
    return this.#raw.write(key, body, line);
  }

  patch(key: string, line: string): Promise<string | undefined | null> {
    return this.#raw.patch(key, line);
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#raw.remove(keys);
  }

  removeVersion(key: string, line: string): Promise<boolean> {
    return this.#raw.removeVersion(key, line);
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    const [keys, next] = await this.#raw.list(prefix, after, limit);
    return { keys, next };
  }

  async usage(): Promise<PortUsage> {
    const [bytes, items] = await this.#raw.usage();
    return { bytes, items };
  }

  clear(): Promise<void> {
    return this.#raw.clear();
  }

  announce(): void {}

  accesses(): [] {
    return [];
  }

  close(): void {}
}

function checked(options: S3Options): S3Options {
  if (typeof options !== 'object' || options === null) throw invalid('options with a `bucket` are needed');
  const { bucket, addressing, credentials, fetch: send } = options;
  if (typeof bucket !== 'string' || !bucket) throw invalid('`bucket` must be the name of a bucket');
  for (const name of ['region', 'endpoint', 'prefix'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'string') throw invalid(`\`${name}\` must be a string`);
  }
  for (const name of ['concurrency', 'timeout', 'attempts'] as const) {
    const value = options[name];
    const isCount = Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31;
    if (value !== undefined && !isCount) throw invalid(`\`${name}\` must be a whole number, 1 or more`);
  }
  if (!['path', 'virtual-host', undefined].includes(addressing)) {
    throw invalid("`addressing` must be 'path' or 'virtual-host'");
  }
  if (!['undefined', 'boolean'].includes(typeof options.forcePathStyle)) {
    throw invalid('`forcePathStyle` must be true or false');
  }
  if (send !== undefined && typeof send !== 'function') throw invalid('`fetch` must be a function');
  if (credentials !== undefined && credentials !== 'anonymous' && typeof credentials !== 'function') flat(credentials);
  return options;
}

async function credentialsOf(given: S3Options['credentials']): Promise<unknown[] | undefined> {
  if (given === undefined || given === 'anonymous') return undefined;
  if (typeof given !== 'function') return flat(given);
  let found: S3Credentials;
  try {
    found = await given();
  } catch (error) {
    throw StorageError.from(error, '`credentials` failed', undefined, 'denied');
  }
  return flat(found);
}

/** Credentials as the core takes them. What is wrong with them is told without them. */
function flat(credentials: S3Credentials): unknown[] {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials ?? {};
  const isText = (text: unknown): boolean => typeof text === 'string' && text !== '';
  if (!isText(accessKeyId) || !isText(secretAccessKey) || (sessionToken !== undefined && !isText(sessionToken))) {
    throw invalid('`credentials` must have `accessKeyId` and `secretAccessKey`, and may have `sessionToken`, as strings');
  }
  const expiry = expiration?.getTime();
  if (Number.isNaN(expiry)) throw invalid('`credentials.expiration` must be a valid Date');
  return [accessKeyId, secretAccessKey, sessionToken, expiry];
}
