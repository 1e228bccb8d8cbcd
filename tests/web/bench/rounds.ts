/** Measures things side by side: in turns, several times, so that what else the machine does harms all of them alike. */

export interface Case {
  readonly name: string;
  /** How many operations one `run` does. */
  readonly operations: number;
  run(): unknown;
}

export interface Effort {
  readonly rounds: number;
  /** How long each case runs in each round, at least. */
  readonly ms: number;
}

/** Operations a second: the median of the rounds, and the lowest and the highest. */
export interface Rate {
  readonly name: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Runs all cases in turns. The first round warms up and does not count. */
export async function measure(cases: readonly Case[], { rounds, ms }: Effort): Promise<Rate[]> {
  const rates = cases.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [at, one] of cases.entries()) {
      const rate = await perSecond(one, ms);
      if (round > 0) rates[at]?.push(rate);
    }
  }
  return cases.map(({ name }, at) => ({ name, ...spread(rates[at] ?? []) }));
}

/** The middle one of numbers, the lowest and the highest. */
export function spread(numbers: readonly number[]): { median: number; low: number; high: number } {
  const sorted = [...numbers].sort((left, right) => left - right);
  const [median = NaN, low = NaN, high = NaN] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)];
  return { median, low, high };
}

async function perSecond({ operations, run }: Case, ms: number): Promise<number> {
  const start = performance.now();
  let runs = 0;
  let took = 0;
  do {
    const done = run();
    // A promise costs what a short case takes.
    if (done instanceof Promise) await done;
    runs += 1;
    took = performance.now() - start;
  } while (took < ms);
  return (runs * operations * 1000) / took;
}
