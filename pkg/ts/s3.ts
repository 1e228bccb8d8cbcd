/** S3, and what speaks its protocol, as a tier: over `fetch`, in every runtime. */

import type { ByteRange, PresignOptions } from './contract.js';
import { StorageError, attempt, invalid } from './errors.js';
import { FLAG, check, checkPresign, isCount, isFunction, isText, type Rule, type Rules } from './options.js';
import type { Costs, Facts, OpenedEntry, Port, PortListing, PortUsage, ReadyEntry, RequestFacts, Stage, StoredEntry, StoredPart } from './port.js';
import { toBounds } from './ranges.js';
import { lent, toFetch } from './s3/bodies.js';
import { toSigner, type SignRequest } from './s3/sign.js';
import { OpenedTier, checkKey, checkPrefix, isBytes, utf8Length } from './tier.js';
import {
  PRICE_TABLE,
  PROVIDER,
  checkPrices,
  checkProvider,
  rawPrices,
  rawProvider,
  toCosts,
  toRequest,
  type S3Abilities,
  type S3Prices,
  type S3Provider,
} from './s3/store.js';
import { S3_CALLS, wasm, type RawFlow, type RawS3, type S3Calls } from './wasm.js';
import { within } from './within.js';

/** An access key and its secret, for as long as they are good. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of a temporary session. */
  sessionToken?: string | undefined;
  /** When they stop being good. Default: never. */
  expiration?: Date | undefined;
}

/** Where an `S3StorageTier` keeps its entries, and how it gets there. */
export interface S3Options {
  bucket: string;
  /**
   * Whose store it is, or what it can do. Default: `'aws'` without an endpoint, else one of which nothing is known. All
   * but `'aws'` need their endpoint, and `'b2'` its region.
   */
  provider?: S3Provider | S3Abilities | undefined;
  /** The region that requests are signed for. Default: the provider's; `us-east-1`. If the store names another, that is used. */
  region?: string | undefined;
  /** Where the store is, such as `https://s3.example.org`. Default: Amazon's, in the region. */
  endpoint?: string | undefined;
  /** What the names of all objects start with, at most 512 bytes; a slash is put at its end. Default: nothing. */
  prefix?: string | undefined;
  /**
   * Default, and `'anonymous'`: requests go unsigned, for public buckets. A function is asked when credentials are first
   * needed, five minutes before they expire (at half of their life, if that is less), and when the store refuses them as expired;
   * never twice at once.
   */
  credentials?: S3Credentials | (() => S3Credentials | Promise<S3Credentials>) | 'anonymous' | undefined;
  /**
   * Signs requests in place of credentials, for pages that must not have the keys: gives the headers that make a request a
   * signed one, `authorization`, `x-amz-date` and `x-amz-content-sha256` among them. Asked for every attempt at a request.
   */
  sign?: SignRequest | undefined;
  /** How URLs name the bucket. Default: in the host for Amazon, in the path for others. */
  addressing?: 'path' | 'virtual-host' | undefined;
  /** The same in the words of Amazon's SDK: `true` is `'path'`, `false` is `'virtual-host'`. */
  forcePathStyle?: boolean | undefined;
  /** How many requests run at once; others wait. Default 32. */
  concurrency?: number | undefined;
  /** How long one attempt at a request may take, in ms, and how long credentials and `sign` may. Default 30,000. */
  timeout?: number | undefined;
  /** How often a request is tried. Default 4. */
  attempts?: number | undefined;
  /** With these, even `{}`, statistics have `costUsd`: what the requests of this tier may cost. */
  prices?: S3Prices | undefined;
  /** Sends requests in place of the runtime's `fetch`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** One rule of `PutBucketCors`. */
export interface CorsRule {
  AllowedOrigins: string[];
  AllowedMethods: string[];
  AllowedHeaders: string[];
  ExposeHeaders: string[];
  MaxAgeSeconds: number;
}

const NUMBER: Rule = [(value) => isCount(value) && value !== 0, 'a whole number, 1 or more'];
const RULES: Rules = {
  bucket: [isText, 'the name of a bucket'],
  provider: PROVIDER,
  region: [(value) => isText(value) && /^[\w-]{1,64}$/.test(value as string), "a region, such as 'eu-central-1' or 'auto'"],
  endpoint: [isEndpoint, "a URL such as 'https://s3.example.org': scheme, host and port alone"],
  prefix: [isText, 'a string'],
  credentials: [
    (value) => value === 'anonymous' || isFunction(value) || (typeof value === 'object' && value !== null),
    "an object with `accessKeyId` and `secretAccessKey`, a function that gives one, or 'anonymous'",
  ],
  sign: [isFunction, 'a function'],
  addressing: [(value) => value === 'path' || value === 'virtual-host', "'path' or 'virtual-host'"],
  forcePathStyle: FLAG,
  concurrency: NUMBER,
  timeout: NUMBER,
  attempts: NUMBER,
  prices: PRICE_TABLE,
  fetch: [isFunction, 'a function'],
};

/**
 * A tier that keeps its entries in a bucket: one object for each, body and metadata in one request. Objects that other
 * programs wrote are entries too.
 *
 * In a page, the bucket's CORS rules must let it in and show it headers: see `corsRules`. Where they hide headers, calls
 * fail as `invalid` and name them. Other metadata for an object of more than 5 GiB take one request for each 256 MiB; where the
 * store does not complete uploads conditionally, they fail as `unsupported`.
 *
 * ```ts
 * const cold = new S3StorageTier({
 *   bucket: 'assets',
 *   region: 'eu-central-1',
 *   credentials: async () => (await fetch('/credentials')).json().then(({ expiration, ...keys }) => ({ ...keys, expiration: new Date(expiration) })),
 * });
 * ```
 */
export class S3StorageTier extends OpenedTier {
  readonly #options: S3Options;
  readonly #credentials: () => Promise<RawCredentials | undefined>;

  /** Fails as `invalid` for options that cannot be right. Nothing is sent yet. */
  constructor(options: S3Options) {
    super();
    this.#options = checkOptions(options);
    this.#credentials = toSource(this.#options);
  }

  /**
   * A URL that lets its holder do one thing with one object, without credentials, until it expires. Nothing is sent.
   *
   * What it gets is the object as it is stored: gzip where the metadata says `compressed`. What it puts is an object that
   * another program wrote; no storage notices. Temporary credentials end the URL when they end.
   *
   * Fails as `invalid` without credentials of its own (`'anonymous'`, `sign`), and for getting or putting an object whose
   * key is too long to be its name.
   */
  async presign(key: string, options: PresignOptions): Promise<string> {
    checkKey(key);
    const { method, expires } = checkPresign(options);
    const port = (await this.port()) as S3Port;
    return port.presign(key, method, expires);
  }

  /** Nobody else has the bytes of an answer. */
  protected override handOut(body: Uint8Array): Uint8Array {
    return body;
  }

  protected async open(): Promise<Port> {
    const { S3 } = await wasm();
    const { bucket, endpoint, region, prefix, addressing, forcePathStyle, concurrency, timeout, attempts, prices, provider, fetch, sign } = this.#options;
    const byDefault = isAddress(endpoint) ? false : undefined;
    const isInHost = addressing ? addressing !== 'path' : forcePathStyle === undefined ? byDefault : !forcePathStyle;
    const settings = [bucket, endpoint, region, prefix, isInHost, concurrency, timeout, attempts, rawPrices(prices), rawProvider(provider)];
    return new S3Port(new S3(this.#credentials, toFetch(fetch), settings, toSigner(sign, timeout)));
  }
}

/** The class of the wasm module, with objects in place of its arrays. */
class S3Port implements Port {
  readonly traits = {};
  readonly #raw: RawS3;
  readonly #watchers = new Set<(request: RequestFacts) => void>();
  readonly settled = (): Promise<void> => this.#call('settled', []);
  readonly close = this.settled;

  constructor(raw: RawS3) {
    this.#raw = raw;
  }

  async read(key: string, unless: string | undefined): Promise<StoredEntry | null | true> {
    const found = await this.#call('read', [key, unless]);
    return found && found !== true ? { body: found[0], line: found[1] } : found;
  }

  head(key: string): Promise<string | null> {
    return this.#call('head', [key]);
  }

  write(key: string, { body, line }: StoredEntry): Promise<string | undefined> {
    return this.#call('store', [key, line, undefined, body]);
  }

  patch(key: string, line: string): Promise<string | undefined | null> {
    return this.#call('patch', [key, line]);
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#call('remove', keys as string[]);
  }

  removeVersion(key: string, line: string): Promise<boolean> {
    return this.#call('removeVersion', [key, line]);
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<PortListing> {
    const [keys, next] = await this.#call('list', [prefix, after, limit]);
    return { keys, next };
  }

  async usage(): Promise<PortUsage> {
    const [bytes, items] = await this.#call('usage', []);
    return { bytes, items };
  }

  clear(): Promise<void> {
    return this.#call('clear', []);
  }

  presign(key: string, method: number, expires: number): Promise<string> {
    return this.#call('presign', [key, method, expires]);
  }

  announce(): void {}

  accesses(): (string | number)[] {
    return [];
  }

  async costs(): Promise<Costs> {
    return toCosts(await this.#call('costs', []));
  }

  watch(listener: (request: RequestFacts) => void): () => void {
    if (!this.#watchers.size) this.#raw.watch((...request) => this.#watchers.forEach((watcher) => watcher(toRequest(request))));
    this.#watchers.add(listener);
    return () => {
      if (this.#watchers.delete(listener) && !this.#watchers.size) this.#raw.watch(undefined);
    };
  }

  async readPieces(key: string, unless: string | undefined): Promise<StoredEntry | OpenedEntry | null | true> {
    const found = await this.#call('readPieces', [key, unless]);
    if (!found || found === true) return found;
    const [body, line] = found;
    return isBytes(body) ? { body, line } : { pieces: body, line };
  }

  async readRange(key: string, range: ByteRange, unless: string | undefined): Promise<StoredPart | null | true | undefined> {
    const found = await this.#call('readRange', [key, ...toBounds(range), unless]);
    return found && found !== true ? { body: found[0], line: found[1], start: found[2] } : found;
  }

  stage(key: string): Promise<Stage | undefined> {
    return this.#call('stage', [key]);
  }

  store(key: string, { body, line }: ReadyEntry, _facts: Facts, condition: string | null | undefined): Promise<string | undefined> {
    // What was staged by the core must come back as that.
    if (!('storeIn' in body)) return this.#call('store', [key, line, condition, lent(body)]);
    return told((body as RawFlow).storeIn(this.#raw, [key, line, condition])) as Promise<string | undefined>;
  }

  #call<K extends keyof S3Calls>(name: K, args: Parameters<S3Calls[K]>): Promise<ReturnType<S3Calls[K]>> {
    return told(this.#raw.call(S3_CALLS.indexOf(name), args)) as Promise<ReturnType<S3Calls[K]>>;
  }
}

/** What a call gives, with errors of ours. */
async function told(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    throw StorageError.from(error, 'S3 failed');
  }
}

/**
 * The rules that let pages of `origin` use the bucket, as `CORSConfiguration` of `PutBucketCors`. An origin is such as
 * `https://app.example.org`; `*` is every one.
 */
export function corsRules(origin: string | readonly string[]): { CORSRules: CorsRule[] } {
  const sentence = "an origin is such as 'https://app.example.org', without a path";
  const isOrigin = (origin: unknown): boolean => isText(origin) && /^(\*|[a-z][\w+.-]*:\/\/[^/\s]+)$/i.test(origin as string);
  const origins = attempt(() => (typeof origin === 'string' ? [origin] : [...origin]), sentence);
  if (!origins.length || !origins.every(isOrigin)) throw invalid(sentence);
  const rule = {
    AllowedOrigins: origins,
    AllowedMethods: ['GET', 'PUT', 'HEAD', 'DELETE', 'POST'],
    AllowedHeaders: ['*'],
    ExposeHeaders: [
      'ETag',
      'Date',
      'Content-Encoding',
      'Content-Range',
      'Retry-After',
      'x-amz-bucket-region',
      'x-amz-checksum-sha256',
      'x-amz-meta-tiered-storage',
      'x-amz-request-id',
    ],
    MaxAgeSeconds: 3600,
  };
  return { CORSRules: [rule] };
}

/** As the wasm module takes them: the time in ms since 1970. */
type RawCredentials = [id: string, secret: string, token: string | undefined, expiry: number | undefined];

function isEndpoint(value: unknown): boolean {
  const found = isText(value) && /^https?:\/\/(?:\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(value as string);
  return !!found && Number(found[1] ?? 0) < 65_536;
}

/** A bucket cannot stand in front of an address. */
function isAddress(endpoint: string | undefined): boolean {
  return !!endpoint && /^https?:\/\/(\[|\d+(\.\d+){3}([:/]|$))/i.test(endpoint);
}

function checkOptions(given: unknown): S3Options {
  const options = check<S3Options>(given, RULES, 'the options of an S3StorageTier', 'options with `bucket` are needed');
  const { bucket, endpoint, addressing, forcePathStyle, prefix, credentials, sign, provider: named } = options;
  if (sign && credentials) throw invalid('there are `credentials` and `sign`; give one of the two');
  const isInHost = addressing ? addressing === 'virtual-host' : forcePathStyle === undefined ? named === 'aws' && !isAddress(endpoint) : !forcePathStyle;
  if (isInHost && isAddress(endpoint)) {
    throw invalid("an address cannot have a bucket in front; use `addressing: 'path'`");
  }
  const isStrict = isInHost || !endpoint;
  const names = isStrict ? /^(?!.*\.\.)[a-z\d][a-z\d.-]{1,61}[a-z\d]$/ : /^[a-z\d][\w.-]{0,254}$/i;
  if (!bucket || !names.test(bucket)) {
    throw invalid('`bucket` must be the name of a bucket: 3 to 63 lowercase letters, digits, dots and hyphens');
  }
  if (prefix) checkBucketPrefix(prefix.endsWith('/') ? prefix : `${prefix}/`);
  const provider = checkProvider(options);
  const prices = checkPrices(options.prices);
  if (typeof credentials !== 'object') return { ...options, prices, provider };
  return { ...options, prices, provider, credentials: copied(credentials) };
}

/** What happens to the caller's object later does not matter then. */
function copied(credentials: S3Credentials): S3Credentials {
  try {
    const [accessKeyId, secretAccessKey, sessionToken, expiry] = toRaw(credentials);
    const expiration = expiry === undefined ? undefined : new Date(expiry);
    return { accessKeyId, secretAccessKey, sessionToken, expiration };
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError('invalid', '`credentials` cannot be read', { cause: error });
  }
}

function checkBucketPrefix(prefix: string): void {
  checkPrefix(prefix);
  const segments = prefix.split('/');
  const problem =
    utf8Length(prefix) > 512
      ? 'is longer than 512 bytes'
      : !segments[0]
        ? 'starts with a slash, which names of objects do not'
        : segments.some((segment) => segment === '.' || segment === '..')
          ? 'has a segment `.` or `..`, which URLs cannot carry'
          : /[\0-\x1f\x7f\ufffe\uffff]/.test(prefix)
            ? 'has a control character'
            : segments.includes('~tiered-storage')
              ? 'has the segment that this package keeps for itself'
              : undefined;
  if (problem) throw invalid(`\`prefix\` ${problem}; choose another`);
}

/** What the core asks for credentials. */
function toSource({ credentials, timeout = 30_000 }: S3Options): () => Promise<RawCredentials | undefined> {
  if (typeof credentials !== 'function') {
    const raw = typeof credentials === 'object' ? toRaw(credentials) : undefined;
    return () => Promise.resolve(raw);
  }
  return async () => {
    try {
      return await within(timeout, 'the function for credentials', async () => toRaw(await credentials()));
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new StorageError('unavailable', 'the function for credentials failed', { cause: error });
    }
  };
}

/** Nothing of the values is told: they are secret. */
function toRaw(credentials: unknown): RawCredentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (credentials ?? {}) as Partial<S3Credentials>;
  const isHeader = (value: unknown): boolean => isText(value) && /^[!-~]+$/.test(value as string);
  const bad = !isHeader(accessKeyId)
    ? 'accessKeyId'
    : !isText(secretAccessKey) || !secretAccessKey
      ? 'secretAccessKey'
      : sessionToken != null && !isHeader(sessionToken)
        ? 'sessionToken'
        : expiration != null && !(expiration instanceof Date && Number.isFinite(expiration.getTime()))
          ? 'expiration'
          : undefined;
  if (bad) throw invalid(`\`credentials.${bad}\` must be ${bad === 'expiration' ? 'a valid Date' : 'a string of printable characters'}`);
  return [accessKeyId as string, secretAccessKey as string, sessionToken ?? undefined, expiration?.getTime()];
}
