/** The tiers of one scenario. Hot and warm belong to an instance; cold is one for all of them. */

import type { Clock } from './clock.js';
import type { Config, Limits, Tier } from './config.js';
import type { Host, How } from './form.js';
import { factsOf } from './lines.js';
import type { Machine } from './machine.js';
import { Activity, type PortedTier, Seat } from './seat.js';

/** What all scenarios of a run share. */
export interface Site {
  readonly host: Host;
  /** What one scenario gets of it. */
  world(): Promise<World>;
}

/** What a host gives to one scenario. */
export interface World {
  machine(clock: Clock, activity: Activity): Machine;
  /** A new tier; for warm and cold over what was stored there before, if anything was. */
  tier(place: Tier, instance: string, limits: Limits): PortedTier;
  /** Changes a body in cold where it is stored. `false` if there is none. Without it, the port will do. */
  damageCold?(key: string, how: How): Promise<boolean>;
  /** Gives up what the scenario stored. */
  end(): Promise<void>;
}

export type Seats = Partial<Record<Tier, Seat>> & { cold: Seat };

export class Stage {
  readonly #world: World;
  readonly #config: Config;
  readonly #activity: Activity;
  readonly #cold: Seat;

  constructor(world: World, config: Config, activity: Activity) {
    this.#world = world;
    this.#config = config;
    this.#activity = activity;
    this.#cold = new Seat(world.tier('cold', '', config.limits.cold), activity, true);
  }

  /** The seats of a new instance. */
  seats(instance: string): Seats {
    const seats: Seats = { cold: this.#cold };
    for (const place of ['hot', 'warm'] as const) {
      if (this.#config.tiers.has(place)) seats[place] = new Seat(this.#tier(place, instance), this.#activity, false);
    }
    return seats;
  }

  /** What a restart does to the tiers of an instance that was closed: hot is lost. */
  reopen(instance: string, seats: Seats): void {
    seats.hot?.exchange(this.#tier('hot', instance));
    seats.warm?.exchange(this.#tier('warm', instance));
  }

  /** Changes a body where it is stored, not its metadata. `false` if there is none. */
  async damage(place: Tier, seat: Seat, key: string, how: How): Promise<boolean> {
    if (place === 'cold' && this.#world.damageCold) return this.#world.damageCold(key, how);
    const entry = await seat.port.read(key, undefined);
    if (entry === null || entry === true) return false;
    await seat.port.write(key, { body: harm(entry.body, how), line: entry.line }, factsOf(key, entry.line));
    return true;
  }

  #tier(place: 'hot' | 'warm', instance: string): PortedTier {
    return this.#world.tier(place, instance, this.#config.limits[place]);
  }
}

/** A body that came to harm. One without bytes can only grow. */
function harm(body: Uint8Array, how: How): Uint8Array {
  if (how === 'extend' || body.length === 0) {
    const longer = new Uint8Array(body.length + 1);
    longer.set(body);
    longer[body.length] = 0x21;
    return longer;
  }
  if (how === 'truncate') return body.slice(0, -1);
  const flipped = body.slice();
  const middle = body.length >> 1;
  flipped[middle] = (flipped[middle] ?? 0) ^ 1;
  return flipped;
}
