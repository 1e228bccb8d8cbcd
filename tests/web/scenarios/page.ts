/** The host `chromium`, seen from the page: memory, IndexedDB, and S3 over `fetch`. */

import { IndexedDBStorageTier, S3StorageTier } from 'tiered-storage';
import type { Limits, Tier } from './config.js';
import { type How, parseScenario } from './form.js';
import { loadLines } from './lines.js';
import { PatientMachine } from './machine.js';
import { type Ending, play } from './play.js';
import { type PortedTier, SeatedMemory } from './seat.js';
import type { Place } from './server.js';
import type { World } from './stage.js';

declare global {
  /** Given by the runner, beside the page. */
  var damageObject: (bucket: string, key: string, how: How) => Promise<boolean>;
}

const strays: unknown[] = [];
addEventListener('unhandledrejection', (event) => strays.push(event.reason));
addEventListener('error', (event) => strays.push(event.error ?? event.message));

/** Plays the scenario that `text` says, in a bucket and databases of its own. */
export async function playText(stem: string, text: string, place: Place & { bucket: string }): Promise<Ending> {
  await loadLines('/tiers.wasm');
  return play(parseScenario(stem, text), world(place), () => strays.splice(0)[0]);
}

function world({ bucket, endpoint, region, accessKeyId, secretAccessKey }: Place & { bucket: string }): World {
  const databases = new Set<string>();
  const makers: Record<Tier, (instance: string, limits: Limits) => PortedTier> = {
    hot: (_, limits) => new SeatedMemory(limits),
    warm(instance, { maxSizeBytes, maxItems, evictionPolicy }) {
      if (evictionPolicy === 's3fifo') throw new Error('the scenario was not checked for this host');
      const name = `${bucket} ${instance}`;
      databases.add(name);
      return new IndexedDBStorageTier({ name, maxSizeBytes, maxItems, evictionPolicy });
    },
    cold: () => new S3StorageTier({ bucket, endpoint, region, credentials: { accessKeyId, secretAccessKey } }),
  };
  return {
    machine: (clock, activity) => new PatientMachine(clock, activity),
    tier: (place, instance, limits) => makers[place](instance, limits),
    damageCold: (key, how) => damageObject(bucket, key, how),
    async end() {
      // Not waited for: connections that are still open close when they are told of it.
      for (const name of databases) indexedDB.deleteDatabase(name);
    },
  };
}
