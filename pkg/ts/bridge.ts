/**
 * Ports as the wasm module calls them: what is an object in `port.ts` is spread over arguments here, since an object made
 * from Rust costs a call for each of its fields.
 */

import type { Facts, MaybePromise, Port, PortListing, PortUsage, StoredEntry } from './port.js';

type Spread = [
  line: string,
  version: string,
  expiresAt: number,
  freshAt: number,
  content: 0 | 1 | 2,
  lastAccessed: number,
  accessCount: number,
];

/** What `adapters/src/web/port.rs` calls. */
export class Bridge {
  readonly traits: Port['traits'];
  readonly #port: Port;

  constructor(port: Port) {
    this.#port = port;
    this.traits = port.traits;
  }

  read(key: string, unless: string | undefined): MaybePromise<StoredEntry | null | true> {
    return this.#port.read(key, unless);
  }

  head(key: string): MaybePromise<string | null> {
    return this.#port.head(key);
  }

  write(key: string, body: Uint8Array, ...spread: Spread): MaybePromise<string | undefined> {
    return this.#port.write(key, { body, line: spread[0] }, facts(spread));
  }

  patch(key: string, ...spread: Spread): MaybePromise<string | undefined | null> {
    return this.#port.patch(key, spread[0], facts(spread));
  }

  remove(keys: string[]): MaybePromise<void> {
    return this.#port.remove(keys);
  }

  removeVersion(key: string, line: string, version: string): MaybePromise<boolean> {
    return this.#port.removeVersion(key, line, version);
  }

  list(prefix: string, after: string | undefined, limit: number): MaybePromise<PortListing> {
    return this.#port.list(prefix, after, limit);
  }

  usage(): MaybePromise<PortUsage> {
    return this.#port.usage();
  }

  clear(): MaybePromise<void> {
    return this.#port.clear();
  }

  announce(key: string): MaybePromise<void> {
    return this.#port.announce(key);
  }

  accesses(limit: number): (string | number)[] {
    return this.#port.accesses(limit);
  }

  close(): MaybePromise<void> {
    return this.#port.close();
  }
}

function facts([, version, expiresAt, freshAt, content, lastAccessed, accessCount]: Spread): Facts {
  return { version, expiresAt, freshAt, content, lastAccessed, accessCount };
}
