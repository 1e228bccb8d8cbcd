/** The ports of a storage, and what only some of them have. */

import type { AllTierStats, StorageEvent, StorageTier, TierName } from './contract.js';
import { portOf } from './foreign.js';
import type { Port } from './port.js';

type Tell = (event: StorageEvent) => void;

/** Hot, warm and cold, where there are such tiers. */
export class Ports {
  readonly all: readonly (Port | undefined)[];
  readonly #named: readonly (readonly [TierName, Port])[];
  readonly #tell: Tell;
  /** Leaves the other instances, where there may be some. */
  leave: (() => void) | undefined;
  /** What ends the watch over requests and evictions. */
  #ends: (() => void)[] | undefined;

  private constructor(all: readonly (Port | undefined)[], named: readonly (readonly [TierName, Port])[], tell: Tell) {
    this.all = all;
    this.#named = named;
    this.#tell = tell;
  }

  static async open(tiers: Partial<Record<TierName, StorageTier>>, timeoutMs: number, tell: Tell): Promise<Ports> {
    const names = ['hot', 'warm', 'cold'] as const;
    const all = await Promise.all(names.map((name) => tiers[name] && portOf(tiers[name], name, timeoutMs, tell)));
    const named = names.flatMap((name, at) => (all[at] ? [[name, all[at]] as const] : []));
    return new Ports(all, named, tell);
  }

  /** Whether bodies can be taken in pieces, so that large ones need not be gathered. */
  get takePieces(): boolean {
    const [, warm, cold] = this.all;
    return cold?.store !== undefined && (cold.stage ?? warm?.stage) !== undefined;
  }

  /** Has requests and evictions told from now on; until then nobody looks at them. */
  watch(): void {
    this.#ends ??= this.#named.flatMap(([tier, port]) => {
      const told = (key: string): void => this.#tell({ type: 'evicted', tier, key });
      port.evicted?.add(told);
      const end = port.watch?.((request) => this.#tell({ type: 'requested', tier, ...request }));
      return [() => port.evicted?.delete(told), end ?? []].flat();
    });
  }

  /** Waits for what tiers do by themselves after calls have returned. */
  async settled(): Promise<void> {
    await Promise.all(this.#named.map(([, port]) => port.settled?.()));
  }

  /** Ends the watch, and leaves. */
  end(): void {
    this.leave?.();
    this.#ends?.forEach((end) => end());
    this.#ends = [];
  }

  /** Adds to the statistics what tiers asked of stores that bill requests. */
  async withCosts(stats: AllTierStats): Promise<AllTierStats> {
    for (const [tier, port] of this.#named) if (port.costs) Object.assign(stats[tier] ?? {}, await port.costs());
    return stats;
  }
}
