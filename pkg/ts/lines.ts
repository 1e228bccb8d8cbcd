/** Metadata between the arrays that the wasm module takes and gives, and objects. Arrays cost it a tenth of the code. */

import type { StorageMetadata } from './contract.js';
import { invalid } from './errors.js';
import type { Facts } from './port.js';
import { pairs, type Inscribed, type RawMetadata, type Wasm } from './wasm.js';

/** Names and values by turns. */
type Flat = readonly string[];

/** As `pkg/src/lines.rs` has them. */
export type Fields = readonly [
  size: number,
  createdAt: number,
  lastAccessed: number,
  accessCount: number,
  ttl: number | undefined,
  compressed: boolean,
  checksum: string,
  mimeType: string | undefined,
  encoding: string | undefined,
  custom: Flat,
  /** Only told. */
  version?: string,
];

/** As `facts` in `adapters/src/web/port.rs` gives them. */
export type RawFacts = readonly [
  line: string,
  version: string,
  expiresAt: number,
  freshAt: number,
  content: 0 | 1 | 2,
  lastAccessed: number,
  accessCount: number,
  size: number,
];

/** What the module exports for metadata. */
export interface RawLines {
  describe(key: string, line: string): Fields;
  inscribe(key: string, fields: Fields): RawFacts;
  factsOf(key: string, line: string): RawFacts;
}

/** The exports for metadata, with objects in place of arrays. */
export function linesOf(raw: RawLines): Pick<Wasm, 'describe' | 'inscribe' | 'factsOf'> {
  return {
    describe: (key, line) => toObject(key, raw.describe(key, line)),
    inscribe: (key, metadata) => toFacts(raw.inscribe(key, toFields(key, metadata))),
    factsOf: (key, line) => toFacts(raw.factsOf(key, line)),
  };
}

export function toFacts([line, version, expiresAt, freshAt, content, lastAccessed, accessCount, size]: RawFacts): Facts & Inscribed {
  return { line, version, expiresAt, freshAt, content, lastAccessed, accessCount, size };
}

function toObject(key: string, fields: Fields): RawMetadata {
  const [size, createdAt, lastAccessed, accessCount, ttl, compressed, checksum, mimeType, encoding, custom, version] = fields;
  const metadata: RawMetadata = { key, size, createdAt, lastAccessed, accessCount, compressed, checksum, version };
  if (ttl !== undefined) metadata.ttl = ttl;
  if (mimeType !== undefined) metadata.mimeType = mimeType;
  if (encoding !== undefined) metadata.encoding = encoding;
  if (custom.length) metadata.customMetadata = Object.fromEntries(pairs(custom));
  return metadata;
}

/** The fields of metadata that a user gave; its dates are as `toMs` reads them, which answers NaN for what is none. */
export function toFields(
  key: string,
  given: { readonly [K in keyof StorageMetadata]?: unknown },
  toMs: (date: unknown) => number = Number,
): Fields {
  const checked = <T>(name: keyof StorageMetadata, value: unknown, isGood: boolean, words: string): T => {
    if (!isGood) throw invalid(`\`metadata.${name}\` must be ${words}`, key);
    return value as T;
  };
  const count = (name: 'size' | 'accessCount'): number => {
    const value = given[name];
    return checked(name, value, Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number');
  };
  const time = (name: 'createdAt' | 'lastAccessed' | 'ttl'): number => {
    const ms = toMs(given[name]);
    return checked(name, ms, Number.isFinite(ms), 'a valid date');
  };
  const text = (name: 'mimeType' | 'encoding'): string | undefined => {
    const value = given[name] ?? undefined;
    return checked(name, value, value === undefined || typeof value === 'string', 'a string');
  };
  const { compressed, checksum } = given;
  const fields = given.customMetadata ?? {};
  const custom = typeof fields === 'object' && !Array.isArray(fields) ? Object.entries(fields).flat() : [0];
  return [
    count('size'),
    time('createdAt'),
    time('lastAccessed'),
    count('accessCount'),
    given.ttl == null ? undefined : time('ttl'),
    checked('compressed', compressed, typeof compressed === 'boolean', 'true or false'),
    checked('checksum', checksum, typeof checksum === 'string', 'a string'),
    text('mimeType'),
    text('encoding'),
    checked('customMetadata', custom, custom.every((word) => typeof word === 'string'), 'an object whose values are strings'),
  ];
}
