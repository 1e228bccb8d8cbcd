/** Checks of what callers give. Wrong options are told by name, before anything is touched. */

import type { ByteRange, PlacementRule, PresignOptions, PromotionStrategy, SetOptions, TieredStorageConfig, TierName } from './contract.js';
import { StorageError, attempt, invalid } from './errors.js';
import type { Pieces } from './port.js';
import type { Content } from './serialize.js';
import type { RawSet } from './wasm.js';

export type Check = (value: unknown) => boolean;

export const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isPositive: Check = (value) => isCount(value) && value !== 0;
export const isFunction: Check = (value) => typeof value === 'function';
export const isText: Check = (value) => typeof value === 'string';
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isOneOf =
  (...names: string[]): Check =>
  (value) =>
    names.includes(value as string);
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const TIERS = ['hot', 'warm', 'cold'] as const;
const isTierName = isOneOf(...TIERS);
const PROMOTIONS = ['lazy', 'eager', 'onSecondHit'] as const;
const METHODS = ['get', 'set', 'delete', 'exists', 'listKeys', 'deleteMany', 'getMetadata', 'setMetadata', 'getStats', 'clear'];

/** What an option must be: a check, and what it lets through in words. */
export type Rule = readonly [check: Check, words: string];
export type Rules = Readonly<Record<string, Rule>>;

export const NAME: Rule = [(value) => isText(value) && value !== '', 'a string, and not empty'];
export const FLAG: Rule = [(value) => typeof value === 'boolean', 'true or false'];
/** How large a tier may get. */
export const LIMIT: Rule = [isPositive, 'a whole number, 1 or more'];
const OFFSET: Rule = [isCount, 'a whole number of bytes'];
const MS: Rule = [isCount, 'a whole number of milliseconds'];
const MS_POSITIVE: Rule = [isPositive, 'a whole number of milliseconds, 1 or more'];

/** In the order of `run` in `pkg/src/s3.rs`. */
const PRESIGNED = ['GET', 'HEAD', 'PUT', 'DELETE'];
const PRESIGN: Rules = {
  method: [isOneOf(...PRESIGNED), "'GET', 'HEAD', 'PUT' or 'DELETE'"],
  expires: [
    (value) => isCount(value) && (value as number) >= 1000 && (value as number) <= 604_800_000,
    'a whole number of milliseconds, from 1,000 (a second) to 604,800,000 (7 days)',
  ],
};

const CONFIG: Rules = {
  tiers: [isObject, 'an object with `cold`, and `hot` and `warm` where there are such tiers'],
  compression: FLAG,
  defaultTTL: MS,
  promotionStrategy: [isOneOf(...PROMOTIONS), "'lazy', 'eager' or 'onSecondHit'"],
  serialization: [
    (value) => isObject(value) && isFunction(value['serialize']) && isFunction(value['deserialize']),
    'an object with the functions `serialize` and `deserialize`',
  ],
  placementRules: [Array.isArray, 'a list of rules such as { pattern: "img/**", tiers: ["warm", "cold"] }'],
  hotPromotionMaxBytes: OFFSET,
  rangeCaching: OFFSET,
  verify: [isOneOf('always', 'never'), "'always' or 'never'"],
  expiredCold: [isOneOf('remove', 'keep'), "'remove' or 'keep'"],
  revalidateAfter: MS,
  staleIfUnavailable: MS,
  statistics: [isObject, 'an object with `flushInterval`'],
  tabs: NAME,
  tierTimeout: MS_POSITIVE,
  clock: [
    (value) => isObject(value) && isFunction(value['now']) && isFunction(value['sleep']),
    'an object with the functions `now` and `sleep`',
  ],
  onEvent: [isFunction, 'a function'],
};

const PLACEMENT: Rules = {
  pattern: [isText, 'a glob, as text'],
  tiers: [isListOf(isTierName), "a list of 'hot', 'warm' and 'cold'"],
};

const STATISTICS: Rules = { flushInterval: MS_POSITIVE };

const SIGNAL: Rule = [
  (value) =>
    isObject(value) &&
    isFunction(value['addEventListener']) &&
    isFunction(value['removeEventListener']) &&
    typeof value['aborted'] === 'boolean',
  'an AbortSignal',
];

export const SET: Rules = {
  ttl: MS,
  metadata: [(value) => isObject(value) && Object.values(value).every(isText), 'an object whose values are strings'],
  skipTiers: [isListOf(isOneOf('hot', 'warm')), "a list of 'hot' and 'warm'; cold cannot be skipped"],
  onlyTiers: [isListOf(isTierName), "a list of 'hot', 'warm' and 'cold'"],
  mimeType: [isText, 'a string'],
  ifAbsent: FLAG,
  ifMatch: [isText, 'the `version` of metadata'],
  signal: SIGNAL,
};

const RANGE: Rules = { start: OFFSET, end: OFFSET, last: OFFSET };

const READ: Rules = { signal: SIGNAL, borrow: FLAG };
const CALL: Rules = { signal: SIGNAL };
const DELETE: Rules = { ...CALL, ifMatch: SET['ifMatch'] as Rule };
const BOOTSTRAP: Rules = {
  limit: [isCount, 'a whole number'],
  sinceDate: [(value) => value instanceof Date && !Number.isNaN(value.getTime()), 'a Date'],
  signal: SIGNAL,
};

type Checked = Record<string, unknown>;

/** The configuration, with only what there is in it. */
export function checkConfig(config: unknown): Checked {
  const checked = check<Checked>(config, CONFIG, 'the config', 'a config with `tiers` is needed');
  const tiers = check<Checked>(checked['tiers'] ?? {}, TIER_RULES, '`tiers`');
  if (!tiers['cold']) throw invalid('there is no cold tier; give `tiers.cold`, the source of truth');
  if (new Set(Object.values(tiers)).size < Object.keys(tiers).length) {
    throw invalid('one object stands in two places of `tiers`; give each place a tier of its own');
  }
  const statistics = check<Checked>(checked['statistics'] ?? {}, STATISTICS, '`statistics`');
  const placementRules = checkPlacement(checked['placementRules'] as unknown[] | undefined);
  return { ...checked, ...statistics, placementRules, tiers };
}

/** Rules of our own, which nobody changes. */
function checkPlacement(rules: unknown[] = []): PlacementRule[] {
  const one = (rule: unknown): PlacementRule => {
    const { pattern, tiers } = check<Partial<PlacementRule>>(rule, PLACEMENT, 'a rule of `placementRules`');
    if (pattern === undefined || !tiers) throw invalid('a rule of `placementRules` has a `pattern` and `tiers`');
    return { pattern, tiers: [...tiers] };
  };
  return attempt(() => rules.map(one), '`placementRules` cannot be read');
}

/** What the core needs of a checked configuration, in the order of `configure` in `pkg/src/config.rs`. */
export function toSettings(config: TieredStorageConfig<PromotionStrategy> & { flushInterval?: number }): unknown[] {
  return [
    config.compression,
    config.verify !== 'never',
    config.expiredCold === 'keep',
    PROMOTIONS.indexOf(config.promotionStrategy ?? 'lazy'),
    (config.placementRules ?? []).flatMap(({ pattern, tiers }) => [pattern, bitsOf(tiers)]),
    config.hotPromotionMaxBytes,
    config.defaultTTL,
    config.revalidateAfter,
    config.staleIfUnavailable,
    config.flushInterval,
    config.rangeCaching,
  ];
}

const isTier: Check = (value) =>
  typeof value === 'object' && value !== null && METHODS.every((name) => isFunction((value as Record<string, unknown>)[name]));
const TIER: Rule = [isTier, `a tier: an object with the methods ${METHODS.join(', ')}`];
const TIER_RULES: Rules = { hot: TIER, warm: TIER, cold: TIER };

/** The options of a write; `condition` is as `RawSet` has it. */
export type CheckedSet = SetOptions & { readonly condition: string | null | undefined };

export function checkSetOptions(options: unknown): CheckedSet {
  const checked = check<SetOptions>(options, SET, 'the options of `set`');
  const { ifAbsent, ifMatch } = checked;
  if (ifAbsent && ifMatch !== undefined) throw invalid('`ifAbsent` and `ifMatch` cannot both hold; give one of them');
  return { ...checked, condition: ifAbsent ? null : ifMatch };
}

/** What the core needs to write a body. */
export function toRawSet(key: string, body: Uint8Array | Pieces, options: CheckedSet, content: Content): RawSet {
  const { ttl, metadata, skipTiers, onlyTiers, mimeType, condition } = options;
  const custom = Object.entries(metadata ?? {}).flat();
  return [key, body, content, ttl, mimeType, custom, bitsOf(skipTiers ?? []), onlyTiers && bitsOf(onlyTiers), condition];
}

/** A range with either `start` or `last`. */
export function checkRange(range: unknown): ByteRange {
  const { start, end, last } = check<Record<string, number>>(range, RANGE, 'the range', 'a range is needed, such as { start: 0, end: 10 }');
  if (start !== undefined && last === undefined) return { start, end };
  if (last !== undefined && start === undefined && end === undefined) return { last };
  throw invalid('a range has `start`, and `end` if it ends before the body does; or `last` alone');
}
export const checkReadOptions = (options: unknown): { signal?: AbortSignal; borrow?: boolean } =>
  check(options, READ, 'the options');
export const checkCallOptions = (options: unknown): { signal?: AbortSignal } => check(options, CALL, 'the options');
export const checkDeleteOptions = (options: unknown): { signal?: AbortSignal; ifMatch?: string } =>
  check(options, DELETE, 'the options of `delete`');
export const checkBootstrap = (options: unknown): { limit?: number; sinceDate?: Date; signal?: AbortSignal } =>
  check(options, BOOTSTRAP, 'the options of `bootstrapWarm`');

/** A value that must be given, or may be left out, as `rule` says. */
export function checkNumber(value: unknown, name: string): number | undefined {
  if (value === undefined || isCount(value)) return value as number | undefined;
  throw invalid(`\`${name}\` must be a whole number, and 0 or more`);
}

/** The place of a tier. */
export function checkTierName(value: unknown): 0 | 1 | 2 {
  const at = TIERS.indexOf(value as TierName);
  if (at < 0) throw invalid("a tier is 'hot', 'warm' or 'cold'");
  return at as 0 | 1 | 2;
}

/** Tiers as bits. */
export function bitsOf(tiers: readonly TierName[]): number {
  return tiers.reduce((bits, tier) => bits | (1 << TIERS.indexOf(tier)), 0);
}

/** Whether options have nothing that a hot hit would have to look at beside `borrow`. */
export function isPlain(options: { borrow?: boolean | undefined }): boolean {
  for (const name in options) if (name !== 'borrow') return false;
  return options.borrow === undefined || typeof options.borrow === 'boolean';
}

/** The options of `presign`, whose method the core takes by its place in `PRESIGNED`. */
export function checkPresign(options: unknown): { method: number; expires: number } {
  const needed = '`presign` needs options with `expires`';
  const { method = 'GET', expires } = check<Partial<PresignOptions>>(options, PRESIGN, 'the options of `presign`', needed);
  if (expires === undefined) throw invalid(needed);
  return { method: PRESIGNED.indexOf(method), expires };
}

/** Copies the options that there are, each read once, and refuses the rest. */
export function check<T extends object>(given: unknown, rules: Rules, what: string, missing?: string): T {
  if (given === undefined && !missing) return {} as T;
  if (typeof given !== 'object' || given === null) throw invalid(missing ?? `${what} must be an object`);
  const checked: Record<string, unknown> = {};
  // Not by `attempt`: its frames would push the caller out of the stack that engines keep.
  try {
    for (const name of Object.keys(given)) {
      const value = (given as Record<string, unknown>)[name];
      const rule = rules[name];
      if (!rule || !Object.hasOwn(rules, name)) {
        throw invalid(`there is no option \`${name}\` in ${what}; there are ${Object.keys(rules).join(', ')}`);
      }
      if (value === undefined) continue;
      if (!rule[0](value)) throw invalid(`\`${name}\` in ${what} must be ${rule[1]}`);
      checked[name] = value;
    }
  } catch (error) {
    throw StorageError.from(error, `${what} cannot be read`, undefined, 'invalid');
  }
  return checked as T;
}
