/** The calls that steps make: of the public API, and of one tier. */

import type { ByteRange } from 'tiered-storage';
import { given, parseTier, parseTiers, type Tier } from './config.js';
import { parseTime } from './compare.js';
import { Fields, isObject, isWhole, type Json, type JsonObject, Malformed, show } from './fields.js';
import { parseValue, type Value } from './value.js';

/** A call of the public API. */
export type ApiCall =
  | { name: 'set'; key: string; value: Value; options: SetArgs | undefined }
  | { name: 'get' | 'delete' | 'exists' | 'getMetadata'; key: string }
  | { name: 'getRange'; key: string; range: ByteRange }
  | { name: 'touch'; key: string; ttl: number | undefined }
  | { name: 'invalidate' | 'invalidateUpperCaches' | 'listKeys'; prefix: string | undefined }
  | { name: 'getStats' | 'clear' | 'export' | 'settle' }
  | { name: 'clearTier'; tier: Tier }
  | { name: 'bootstrapHot'; limit: number | undefined }
  | { name: 'bootstrapWarm'; limit: number | undefined; sinceDate: Date | undefined }
  /** What to change of the kept snapshot, or another one. */
  | { name: 'import'; snapshot: Json | undefined };

/** The options of a `set`, as the library takes them. */
export interface SetArgs {
  ttl?: number;
  metadata?: Record<string, string>;
  mimeType?: string;
  skipTiers?: ('hot' | 'warm')[];
  onlyTiers?: Tier[];
}

/** A call of one tier, behind the storage's back. */
export type TierCall =
  | { name: 'get' | 'delete' | 'exists' | 'getMetadata'; key: string }
  | { name: 'set'; key: string; value: Value; metadata: TierMetadata }
  | { name: 'keys'; prefix: string };

/** What a file says of an entry that it puts into a tier; the rest follows from the value and the time. Times in ms. */
export interface TierMetadata {
  key?: string;
  size?: number;
  createdAt?: number;
  lastAccessed?: number;
  accessCount?: number;
  ttl?: number;
  compressed?: boolean;
  checksum?: string;
  mimeType?: string;
  encoding?: string;
  customMetadata?: Record<string, string>;
}

export function parseApiCall(name: string, fields: Fields): ApiCall {
  switch (name) {
    case 'set': {
      const key = fields.neededText('key');
      const value = parseValue(fields.needed('value'));
      const options = fields.given('options');
      return { name, key, value, options: options === undefined ? undefined : parseSetArgs(options) };
    }
    case 'get': {
      const options = fields.given('options');
      if (options !== undefined) new Fields('options', options).end();
      return { name, key: fields.neededText('key') };
    }
    case 'getRange':
      return { name, key: fields.neededText('key'), range: parseRange(fields) };
    case 'delete':
    case 'exists':
    case 'getMetadata':
      return { name, key: fields.neededText('key') };
    case 'touch':
      return { name, key: fields.neededText('key'), ttl: parseTtl(fields) };
    case 'invalidate':
    case 'invalidateUpperCaches':
    case 'listKeys':
      return { name, prefix: fields.text('prefix') };
    case 'getStats':
    case 'clear':
    case 'export':
    case 'settle':
      return { name };
    case 'clearTier':
      return { name, tier: parseTier(fields.needed('tier')) };
    case 'bootstrapHot':
      return { name, limit: fields.count('limit') };
    case 'bootstrapWarm':
      return parseBootstrapWarm(fields);
    case 'import':
      return { name, snapshot: fields.given('snapshot') };
    default:
      throw new Malformed(`there is no step ${show(name)}`);
  }
}

function parseRange(fields: Fields): ByteRange {
  const [start, end, last] = [fields.count('start'), fields.count('end'), fields.count('last')];
  if (start !== undefined && last === undefined) return { start, end };
  if (last !== undefined && start === undefined && end === undefined) return { last };
  throw new Malformed('a range is to have "start", perhaps "end", or "last" alone');
}

function parseBootstrapWarm(fields: Fields): ApiCall {
  const json = fields.given('options');
  const options = json === undefined ? fields : new Fields('options', json);
  const limit = options.count('limit');
  const since = parseDate(options, 'sinceDate');
  if (options !== fields) options.end();
  return { name: 'bootstrapWarm', limit, sinceDate: since === undefined ? undefined : new Date(since) };
}

function parseSetArgs(json: Json): SetArgs {
  const fields = new Fields('options', json);
  const skipTiers = fields.given('skipTiers');
  const onlyTiers = fields.given('onlyTiers');
  const args = given({
    ttl: parseTtl(fields),
    metadata: parseTexts(fields, 'metadata'),
    mimeType: fields.text('mimeType'),
    // What names cold here is for the library to refuse.
    skipTiers: skipTiers === undefined ? undefined : (parseTiers(skipTiers) as ('hot' | 'warm')[]),
    onlyTiers: onlyTiers === undefined ? undefined : parseTiers(onlyTiers),
  });
  fields.end();
  return args;
}

export function parseTierCall(fields: Fields): TierCall {
  const name = fields.neededText('call');
  switch (name) {
    case 'get':
    case 'delete':
    case 'exists':
    case 'getMetadata':
      return { name, key: fields.neededText('key') };
    case 'set': {
      const value = parseValue(fields.needed('value'));
      const metadata = fields.given('metadata');
      const said = metadata === undefined ? {} : parseTierMetadata(metadata);
      return { name, key: fields.neededText('key'), value, metadata: said };
    }
    case 'keys':
      return { name, prefix: fields.text('prefix') ?? '' };
    default:
      throw new Malformed(`a tier has no call ${show(name)}`);
  }
}

function parseTierMetadata(json: Json): TierMetadata {
  const fields = new Fields('metadata', json);
  const metadata = given({
    key: fields.text('key'),
    size: fields.count('size'),
    createdAt: parseDate(fields, 'createdAt'),
    lastAccessed: parseDate(fields, 'lastAccessed'),
    accessCount: fields.count('accessCount'),
    ttl: parseDate(fields, 'ttl'),
    compressed: fields.flag('compressed'),
    checksum: fields.text('checksum'),
    mimeType: fields.text('mimeType'),
    encoding: fields.text('encoding'),
    customMetadata: parseTexts(fields, 'customMetadata'),
  });
  fields.end();
  return metadata;
}

function parseTexts(fields: Fields, name: string): Record<string, string> | undefined {
  const json = fields.given(name);
  if (json === undefined || isTexts(json)) return json;
  throw new Malformed(`${show(name)} is to be an object of texts, and is ${show(json)}`);
}

function isTexts(json: Json): json is JsonObject & Record<string, string> {
  return isObject(json) && Object.values(json).every((text) => typeof text === 'string');
}

/** In ms. What is no time to live is for the library to refuse. */
function parseTtl(fields: Fields): number | undefined {
  const json = fields.given('ttl');
  if (json === undefined || typeof json === 'number') return json;
  throw new Malformed(`"ttl" is to be a number of milliseconds, and is ${show(json)}`);
}

/** In ms since 1970. A date alone is midnight. */
function parseDate(fields: Fields, name: string): number | undefined {
  const json = fields.given(name);
  if (json === undefined || isWhole(json)) return json;
  const time = typeof json === 'string' ? (parseTime(json) ?? parseTime(`${json}T00:00:00Z`)) : undefined;
  if (time === undefined) throw new Malformed(`${show(name)} is to be a date in UTC, and is ${show(json)}`);
  return time;
}
