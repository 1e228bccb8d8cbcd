/**
 * Ports as the wasm module calls them: what is an object in `port.ts` is an array here.
 */

import { toFacts, type RawFacts } from './lines.js';
import type { MaybePromise, Port, PortListing, PortUsage, StoredEntry } from './port.js';

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

  write(key: string, body: Uint8Array, facts: RawFacts): MaybePromise<string | undefined> {
    return this.#port.write(key, { body, line: facts[0] }, toFacts(facts));
  }

  patch(key: string, facts: RawFacts): MaybePromise<string | undefined | null> {
    return this.#port.patch(key, facts[0], toFacts(facts));
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
