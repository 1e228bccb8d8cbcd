/** Snapshots between JSON, where dates are text, and the contract, where they are `Date`s. */

import type { StorageSnapshot } from './contract.js';
import { StorageError } from './errors.js';

const DATES = ['createdAt', 'lastAccessed', 'ttl'] as const;

/** A snapshot as the core made it, with its dates made `Date`s. */
export function reviveSnapshot(json: object): StorageSnapshot {
  const snapshot = json as StorageSnapshot;
  for (const metadata of Object.values(snapshot.metadata)) {
    for (const name of DATES) if (metadata[name]) metadata[name] = new Date(metadata[name] as Date);
  }
  snapshot.exportedAt = new Date(snapshot.exportedAt);
  return snapshot;
}

/** A copy of a snapshot with its dates as text, whichever they were. */
export function toSnapshotJson(snapshot: StorageSnapshot): object {
  try {
    const json: unknown = JSON.parse(JSON.stringify(snapshot));
    if (typeof json === 'object' && json !== null) return json;
  } catch (cause) {
    throw new StorageError('invalid', 'the snapshot cannot be read', { cause });
  }
  throw new StorageError('invalid', 'a snapshot that `export` made is needed');
}

