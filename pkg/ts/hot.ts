/** Reads that are answered without the core. */

import { roughly } from './clock.js';
import type { PromotionStrategy, StorageEvent, TieredStorageConfig } from './contract.js';
import { MemoryStorageTier } from './memory.js';
import type { MemoryRecord } from './record.js';

/** Looks into the hot tier, where that is one in this realm's memory. */
export class HotReads {
  readonly #tier: MemoryStorageTier | undefined;
  /** Two bytes: 1 while hot hits may be served without asking the core, and 1 while somebody listens for answers. */
  readonly #gate: Uint8Array;
  readonly #tell: (event: StorageEvent) => void;
  readonly #now: () => number;
  readonly #roughly: () => number;
  readonly #revalidateAfter: number;
  readonly #isRevalidated: boolean;
  /** Hits that the core was not told of yet. */
  #hits = 0;

  constructor(
    { tiers, clock, revalidateAfter }: TieredStorageConfig<PromotionStrategy>,
    gate: Uint8Array,
    tell: (event: StorageEvent) => void,
  ) {
    this.#tier = tiers.hot instanceof MemoryStorageTier ? tiers.hot : undefined;
    this.#gate = gate;
    this.#tell = tell;
    this.#now = clock ? () => clock.now() : Date.now;
    this.#roughly = clock ? this.#now : roughly;
    this.#revalidateAfter = revalidateAfter ?? Infinity;
    this.#isRevalidated = this.#revalidateAfter !== Infinity;
  }

  /** A live hot entry, counted, where it may be served without asking the core. */
  hit(key: string): MemoryRecord | undefined {
    if (this.#gate[0] !== 1) return undefined;
    const began = this.#gate[1] === 1 ? performance.now() : undefined;
    const record = this.#tier?.lookup(key);
    if (!record) return undefined;
    const isDated = this.#isRevalidated || !record.isLasting;
    const now = isDated ? this.#now() : this.#roughly();
    if (isDated && (now > record.expiresAt || now - record.freshAt > this.#revalidateAfter)) return undefined;
    this.#tier?.count(record, now);
    this.#hits += 1;
    if (began !== undefined) this.#tellHit(key, record, began);
    return record;
  }

  #tellHit(key: string, record: MemoryRecord, began: number): void {
    const elapsedMs = performance.now() - began;
    const size = record.bytes.byteLength;
    this.#tell({ type: 'answered', tier: 'hot', key, action: 'read', answer: 'found', read: 0, size, elapsedMs });
  }

  /** The hits since this was last asked. */
  takeHits(): number {
    const hits = this.#hits;
    this.#hits = 0;
    return hits;
  }
}
