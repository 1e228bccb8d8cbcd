/** What is told of a queue, and what it is told. */

import type { SetOptions, StorageMetadata } from '../contract.js';
import type { ErrorKind, StorageError } from '../errors.js';
import type { OrderRow } from '../wasm.js';

/** Where a `WriteQueue` is kept, how much it takes, and when it sends. */
export interface QueueOptions {
  /**
   * The folder that it is kept in, which is made if it is not there; in Node, Deno and Bun. One queue of one process has it at a time.
   * Processes see each other on one machine and in one container. In Deno it needs `--allow-read`, `--allow-write` and
   * `--allow-sys=osUptime`.
   */
  directory?: string | undefined;
  /** Else the name of its database. Default `'tiered-storage-queue'`. Queues of one name are one queue, in all tabs of an origin. */
  name?: string | undefined;
  /** The most writes. Default 1,000. */
  maxWrites?: number | undefined;
  /** The most bytes of bodies. Default: no limit but the browser's quota, or the disk's. */
  maxBytes?: number | undefined;
  /**
   * `auto` (default): the queue sends when it is opened, when something is queued or chosen, when the network is back, when the
   * page is looked at again, and some time after an outage. `manual`: when `flush` is called, as in service workers.
   */
  send?: 'auto' | 'manual' | undefined;
  /** In place of the global `indexedDB`; not beside `directory`. */
  indexedDB?: IDBFactory | undefined;
}

/**
 * How to queue a write: the options of `set`, of which a `ttl` counts from when it is sent, and what it may take the place of.
 *
 * If neither `ifAbsent`, `ifMatch` nor `overwrite` is given, that is what its writer could have seen: the version that the
 * storage knows of (a copy in hot or warm is enough; cold is waited for a second), nothing where it knows of none.
 */
export interface QueueWriteOptions extends SetOptions {
  /** Only over this `version`, or over what is queued before it. */
  ifMatch?: string | undefined;
  /**
   * Over whatever is there when it is sent. If the answer to it is lost, it is sent twice, and so may replace what somebody
   * wrote in between.
   */
  overwrite?: boolean | undefined;
}

/** How to queue a removal. What it may remove is as with a write. */
export type QueueDeleteOptions = Pick<QueueWriteOptions, 'ifMatch' | 'overwrite' | 'signal'>;

/** A write that is not sent yet. */
export interface QueuedWrite {
  /** Names it in this queue. Later writes have larger ones. */
  readonly id: number;
  readonly key: string;
  readonly kind: 'set' | 'delete';
  /** The bytes of its body. */
  readonly size: number;
  readonly mimeType: string | undefined;
  readonly queuedAt: Date;
  /** How often it was begun to be sent. */
  readonly attempts: number;
  /**
   * `waiting` until it is its turn; `conflict`: there is something else than its writer saw; `failed`: it cannot be sent. The last
   * two hold up the later writes of the key, until `resolve` is called.
   */
  readonly state: 'waiting' | 'sending' | 'conflict' | 'failed';
  /** Of a conflict: what is there instead; `null` if nothing is. */
  readonly current?: StorageMetadata | null;
  /** Of a failure: why. */
  readonly error?: StorageError;
}

/** What to do with a write that is in conflict or has failed. See `WriteQueue.resolve`. */
export type QueueChoice = 'mine' | 'theirs' | { both: string };

/** What happens to a queue, in any of its tabs. */
export interface QueueEvents {
  /** What is pending is another than before. */
  change: undefined;
  /** A write was sent; of an entry, what was stored with it. */
  sent: { write: QueuedWrite; metadata: StorageMetadata | null };
  /** A write waits for a choice. */
  conflict: { write: QueuedWrite };
  /** A write cannot be sent. */
  failed: { write: QueuedWrite };
}

/** A queued write as it is stored. */
export interface QueueRecord {
  /** Its place in the order. */
  row: OrderRow;
  /** Names its body; a removal has none. */
  body: string | undefined;
  isJson: boolean;
  queuedAt: number;
  how: Pick<SetOptions, 'ttl' | 'metadata' | 'skipTiers' | 'onlyTiers' | 'mimeType'>;
  current?: StorageMetadata | null;
  error?: RawFailure;
}

/** An error, as it is stored and told to other tabs. */
export interface RawFailure {
  kind: ErrorKind;
  message: string;
}
