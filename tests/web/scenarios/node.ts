/** The host `node`: all three tiers in memory, virtual time. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryStorageTier } from 'tiered-storage';
import { DIST } from '../lib/bundle.mjs';
import type { Limits, Tier } from './config.js';
import { parseScenario } from './form.js';
import { loadLines } from './lines.js';
import { LoopMachine } from './loop-machine.js';
import { play } from './play.js';
import type { Player } from './run.js';
import { type PortedTier, SeatedMemory } from './seat.js';
import type { World } from './stage.js';

export async function nodePlayer(): Promise<Player> {
  await loadLines(readFileSync(join(DIST, 'tiers.wasm')));
  const errors: unknown[] = [];
  const note = (error: unknown): void => {
    errors.push(error);
  };
  process.on('unhandledRejection', note);
  return {
    play: (stem, text) => play(parseScenario(stem, text), memoryWorld(), () => errors.splice(0)[0]),
    async close() {
      process.off('unhandledRejection', note);
    },
  };
}

/** What stands in for a disk and for S3 has no limit of its own. */
const UNLIMITED = 2 ** 40;

function memoryWorld(): World {
  const durable = new Map<string, PortedTier>();
  return {
    machine: (clock, activity) => new LoopMachine(clock, activity),
    tier(place: Tier, instance: string, limits: Limits): PortedTier {
      if (place === 'hot') return new SeatedMemory(limits);
      const name = `${place} ${instance}`;
      const tier = durable.get(name) ?? new MemoryStorageTier({ maxSizeBytes: UNLIMITED, ...limits, durable: true });
      durable.set(name, tier);
      return tier;
    },
    async end() {},
  };
}
