/** Entries as files: for Node, Deno and Bun. */

import { DiskPort } from './disk/port.js';
import { invalid } from './errors.js';
import { LIMIT, NAME, check, isOneOf, type Rules } from './options.js';
import type { Port } from './port.js';
import { OpenedTier } from './tier.js';
import { wasm } from './wasm.js';

/** Where a `DiskStorageTier` keeps its entries, and how large it may get. */
export interface DiskOptions {
  /** The folder, which is made if it is not there. One tier of one process uses it at a time. */
  directory: string;
  /** The most bytes of bodies, keys and stored metadata. Default: no limit. */
  maxSizeBytes?: number | undefined;
  /** The most entries. Default: no limit. */
  maxItems?: number | undefined;
  /** What is given up to keep the limits. `lru` (default): what was not read for longest. `fifo`: what was written first. */
  evictionPolicy?: 'lru' | 'fifo' | undefined;
  /**
   * `full` (default): a write or removal has returned only once it survives a power loss. `cache`: nothing is synced, and
   * everything is dropped if the machine went down while the tier was open, since a file system may then bring old files
   * back. Several times quicker, and only for tiers above cold.
   */
  durability?: 'full' | 'cache' | undefined;
}

const RULES: Rules = {
  directory: NAME,
  maxSizeBytes: LIMIT,
  maxItems: LIMIT,
  evictionPolicy: [isOneOf('lru', 'fifo'), "'lru' or 'fifo'"],
  durability: [isOneOf('full', 'cache'), "'full' or 'cache'"],
};

/**
 * A tier in a folder: one file for each entry, body and metadata together, put in place by a rename, so that a reader sees
 * an older entry or the new one, whole. Names are made of the key's SHA-256, so that any key has one.
 *
 * Fails as `unavailable` while another process has the folder. In Deno it needs `--allow-read`, `--allow-write` and
 * `--allow-sys=osUptime`.
 */
export class DiskStorageTier extends OpenedTier {
  readonly #options: DiskOptions;

  constructor(options: DiskOptions) {
    super();
    const missing = '`directory` must be the path of a folder';
    const checked: DiskOptions = check(options, RULES, 'the options of a DiskStorageTier', missing);
    if (!checked.directory) throw invalid(missing);
    this.#options = { evictionPolicy: 'lru', durability: 'full', ...checked };
  }

  protected async open(): Promise<Port> {
    return DiskPort.open(await wasm(), this.#options, () => this.forget());
  }
}
