/** The configuration that a scenario asks for. */

import { choose, Fields, type Json, Malformed, show, within } from './fields.js';

export const TIERS = ['hot', 'warm', 'cold'] as const;
export type Tier = (typeof TIERS)[number];

export const POLICIES = ['lru', 'fifo', 'size', 's3fifo'] as const;
const PROMOTIONS = ['lazy', 'eager', 'onSecondHit'] as const;

/** How large a tier may get, in the names of the tiers' options. */
export interface Limits {
  maxSizeBytes?: number;
  maxItems?: number;
  evictionPolicy?: (typeof POLICIES)[number];
}

/** What a scenario sets up; what is left out is the library's default. */
export interface Config {
  tiers: ReadonlySet<Tier>;
  limits: Record<Tier, Limits>;
  /** The options of the storage, as the library takes them. */
  options: Options;
}

export interface Options {
  compression?: boolean;
  defaultTTL?: number;
  promotionStrategy?: (typeof PROMOTIONS)[number];
  placementRules?: { pattern: string; tiers: Tier[] }[];
  hotPromotionMaxBytes?: number;
  rangeCaching?: number;
  verify?: 'always' | 'never';
  expiredCold?: 'remove' | 'keep';
  revalidateAfter?: number;
  staleIfUnavailable?: number;
  statistics?: { flushInterval?: number };
}

/** A config without a name in it. */
export function defaultConfig(): Config {
  return { tiers: new Set(TIERS), limits: { hot: {}, warm: {}, cold: {} }, options: {} };
}

export function parseConfig(json: Json): Config {
  const fields = new Fields('config', json);
  const tiers = fields.given('tiers');
  const config: Config = {
    tiers: new Set(tiers === undefined ? TIERS : parseTiers(tiers)),
    limits: {
      hot: parseLimits('hot', fields.given('hot')),
      warm: parseLimits('warm', fields.given('warm')),
      cold: parseLimits('cold', fields.given('cold')),
    },
    options: given({
      compression: fields.flag('compression'),
      defaultTTL: fields.count('defaultTTL'),
      promotionStrategy: fields.choice('promotionStrategy', PROMOTIONS),
      placementRules: fields.list('placementRules')?.map(parseRule),
      hotPromotionMaxBytes: fields.count('hotPromotionMaxBytes'),
      rangeCaching: fields.count('rangeCaching'),
      verify: fields.choice('verify', ['always', 'never']),
      expiredCold: fields.choice('expiredCold', ['remove', 'keep']),
      revalidateAfter: fields.count('revalidateAfter'),
      staleIfUnavailable: fields.count('staleIfUnavailable'),
      statistics: parseStatistics(fields.given('statistics')),
    }),
  };
  fields.end();
  if (!config.tiers.has('cold')) {
    throw new Malformed('config leaves out the cold tier, which every storage has');
  }
  for (const tier of TIERS) {
    if (!config.tiers.has(tier) && Object.keys(config.limits[tier]).length > 0) {
      throw new Malformed(`config limits a ${tier} tier that it leaves out`);
    }
  }
  return config;
}

/** A list of tiers' names. */
export function parseTiers(json: Json): Tier[] {
  if (!Array.isArray(json)) throw new Malformed(`a list of tiers is needed in place of ${show(json)}`);
  return json.map(parseTier);
}

/** A tier's name. */
export function parseTier(json: Json): Tier {
  if (typeof json !== 'string') throw new Malformed(`the name of a tier is needed in place of ${show(json)}`);
  return within('tier', () => choose(json, TIERS));
}

function parseLimits(name: string, json: Json | undefined): Limits {
  if (json === undefined) return {};
  const fields = new Fields(name, json);
  const policies = ['evictionPolicy', 'eviction', 'policy'].map((name) => fields.choice(name, POLICIES));
  const limits: Limits = given({
    maxSizeBytes: fields.count('maxSizeBytes'),
    maxItems: fields.count('maxItems'),
    evictionPolicy: policies.findLast((policy) => policy !== undefined),
  });
  fields.end();
  return limits;
}

function parseRule(json: Json): { pattern: string; tiers: Tier[] } {
  const fields = new Fields('a placement rule', json);
  const rule = { pattern: fields.neededText('pattern'), tiers: parseTiers(fields.needed('tiers')) };
  fields.end();
  return rule;
}

function parseStatistics(json: Json | undefined): { flushInterval?: number } | undefined {
  if (json === undefined) return undefined;
  const fields = new Fields('statistics', json);
  const intervals = ['flushInterval', 'interval'].map((name) => fields.count(name));
  fields.end();
  return given({ flushInterval: intervals.findLast((interval) => interval !== undefined) });
}

/** Without the fields that are undefined. */
export function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
