/** A storage over a place, as pages and the service worker open it: they share its copies, and go by the same times. */

import { IndexedDBStorageTier, MemoryStorageTier, TieredStorage, type S3StorageTier } from 'tiered-storage';
import type { InspectorOptions } from 'tiered-storage/inspector';
import { Network } from './network.js';
import { coldOf, databaseOf, type Access } from './place.js';

/** After this, a copy is compared with the bucket before it is shown: one small request, no bytes. */
const FRESH_MS = 5 * 60_000;
/** While the bucket cannot be reached, a copy is shown that was current this long ago: a year. */
const STALE_MS = 365 * 24 * 3_600_000;

export interface Opened {
  readonly storage: TieredStorage;
  readonly tiers: { readonly hot: MemoryStorageTier; readonly warm: IndexedDBStorageTier; readonly cold: S3StorageTier };
  readonly network: Network;
  /** What an inspector has to know to show the storage. */
  readonly inside: InspectorOptions;
}

/**
 * Parts are not kept (`rangeCaching`): a key with parts is listed as one that is here, and a film whose beginning is lacking
 * does not play. What is looked at from its beginning is kept whole, and told to be here once it is.
 *
 * `hotBytes` is how much of the bodies may be in memory; what `isPinned` stays on this device when it gets full.
 */
export async function opened(id: string, access: Access, hotBytes: number, isPinned: (key: string) => boolean): Promise<Opened> {
  const network = new Network(access.isLocked ? 'locked' : 'open');
  const tiers = {
    hot: new MemoryStorageTier({ maxSizeBytes: hotBytes }),
    warm: new IndexedDBStorageTier({ name: databaseOf(id), isPinned }),
    cold: coldOf(access, network.fetch),
  };
  const storage = await TieredStorage.open({
    tiers,
    promotionStrategy: 'eager',
    revalidateAfter: FRESH_MS,
    staleIfUnavailable: STALE_MS,
    tabs: databaseOf(id),
  });
  return { storage, tiers, network, inside: { tiers, limits: { hot: hotBytes }, prices: {}, network: network.fetch } };
}
