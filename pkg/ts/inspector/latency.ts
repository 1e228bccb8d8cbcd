/** How long answers take: the last of them, as they lie on a logarithmic scale. */

/** How many answers are remembered. */
const SAMPLES_MAX = 1_000;
/** The scale: from 10 microseconds to 10 seconds. What lies beyond counts at its end. */
const MS_MIN = 0.01;
const DECADES = 6;
const BINS_PER_DECADE = 8;
export const BINS = DECADES * BINS_PER_DECADE;

/** Where on the scale a time lies, from 0 to 1. */
export function place(ms: number): number {
  return Math.min(1, Math.max(0, Math.log10(Math.max(ms, MS_MIN) / MS_MIN) / DECADES));
}

/** The times of the last thousand answers of a tier. */
export class Latency {
  readonly bins: number[] = Array.from({ length: BINS }, () => 0);
  readonly #samples: number[] = [];
  #next = 0;

  get count(): number {
    return this.#samples.length;
  }

  add(ms: number): void {
    const old = this.#samples[this.#next];
    if (old !== undefined) this.#move(old, -1);
    this.#samples[this.#next] = ms;
    this.#move(ms, 1);
    this.#next = (this.#next + 1) % SAMPLES_MAX;
  }

  /** The times that these shares of the answers did not exceed. */
  percentiles(shares: readonly number[]): number[] | undefined {
    if (!this.count) return undefined;
    const sorted = Float64Array.from(this.#samples).sort();
    return shares.map((share) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  }

  #move(ms: number, by: number): void {
    const bin = Math.min(BINS - 1, Math.floor(place(ms) * BINS));
    this.bins[bin] = (this.bins[bin] ?? 0) + by;
  }
}
