/** Snapshots and statistics, between the arrays of the core and the contract. */

import type { AllTierStats, StorageMetadata, StorageSnapshot, TierStats } from './contract.js';
import { StorageError, invalid } from './errors.js';
import { toFields, type Fields } from './lines.js';
import { pairs } from './wasm.js';

/** A count that the core does not have is `undefined`. */
type Count = number | undefined;
type RawTierStats = readonly [bytes: number, items: number, hits: Count, misses: Count, evictions: Count];

/** As `stats_array` in `pkg/src/storage.rs` gives them. */
export type RawStats = readonly [
  hot: RawTierStats | undefined,
  warm: RawTierStats | undefined,
  cold: RawTierStats,
  totalHits: number,
  totalMisses: number,
  hitRate: number,
];

/** The time, the statistics, and keys and lines by turns. */
export type RawSnapshot = readonly [now: number, stats: RawStats, lines: readonly string[]];

export function toStats([hot, warm, cold, totalHits, totalMisses, hitRate]: RawStats): AllTierStats {
  const stats: AllTierStats = { cold: ofTier(cold), totalHits, totalMisses, hitRate };
  if (hot) stats.hot = ofTier(hot);
  if (warm) stats.warm = ofTier(warm);
  return stats;
}

function ofTier([bytes, items, hits, misses, evictions]: RawTierStats): TierStats {
  const stats: TierStats = { bytes, items };
  if (hits !== undefined) stats.hits = hits;
  if (misses !== undefined) stats.misses = misses;
  if (evictions !== undefined) stats.evictions = evictions;
  return stats;
}

/** The snapshot that the core made; `toMetadata` reads a line. */
export function toSnapshot(
  [now, stats, lines]: RawSnapshot,
  toMetadata: (key: string, line: string) => StorageMetadata,
): StorageSnapshot {
  const entries = pairs(lines);
  return {
    version: 1,
    exportedAt: new Date(now),
    keys: entries.map(([key]) => key),
    metadata: Object.fromEntries(entries.map(([key, line]) => [key, toMetadata(key, line)])),
    stats: toStats(stats),
  };
}

/** Keys and fields by turns. Dates may be text, as in JSON. */
export function fromSnapshot(given: unknown): (string | Fields)[] {
  try {
    const { version, exportedAt, metadata } = given as StorageSnapshot;
    if (version !== 1) throw invalid(`the snapshot has version ${String(version)}; this library reads version 1`);
    if (Number.isNaN(toMs(exportedAt))) throw invalid('the snapshot does not say when it was made');
    return Object.entries(metadata).flatMap(([key, fields]) => [key, toFields(key, fields, toMs)]);
  } catch (cause) {
    throw StorageError.from(cause, 'the snapshot is not one that `export` made', undefined, 'invalid');
  }
}

function toMs(date: unknown): number {
  return date instanceof Date || typeof date === 'string' ? new Date(date).getTime() : NaN;
}
