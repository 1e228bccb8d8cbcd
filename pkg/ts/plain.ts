/** What ports have in common that keep a line beside a body and know nothing of versions. */

import { otherVersion } from './errors.js';
import type { Facts, MaybePromise, Port, PortListing, PortTraits, PortUsage, StoredEntry } from './port.js';
import type { Wasm } from './wasm.js';

/** A place that can put an entry and take it away; what more a port must do is made of that. */
export abstract class PlainPort implements Port {
  abstract readonly traits: PortTraits;
  readonly #wasm: Wasm;

  constructor(loaded: Wasm) {
    this.#wasm = loaded;
  }

  abstract read(key: string): Promise<StoredEntry | null>;
  abstract head(key: string): Promise<string | null>;
  abstract write(key: string, entry: StoredEntry, facts: Facts): Promise<undefined>;
  abstract remove(keys: readonly string[]): Promise<void>;
  abstract list(prefix: string, after: string | undefined, limit: number): Promise<PortListing>;
  abstract usage(): Promise<PortUsage>;
  abstract clear(): Promise<void>;

  /** Writes the entry once more, with another line. */
  async patch(key: string, line: string, facts: Facts): Promise<undefined | null> {
    const found = await this.read(key);
    if (!found) return null;
    this.checkVersion(key, found.line, facts);
    return this.write(key, { body: found.body, line }, facts);
  }

  async removeVersion(key: string, _line: string, version: string): Promise<boolean> {
    const line = await this.head(key);
    if (line === null || this.versionOf(key, line) !== version) return false;
    await this.remove([key]);
    return true;
  }

  announce(key: string): Promise<void> {
    return this.remove([key]);
  }

  accesses(): [] {
    return [];
  }

  close(): MaybePromise<void> {}

  /** Fails as a `conflict` if a line is of another version than `facts`. */
  protected checkVersion(key: string, line: string, { version }: Facts): void {
    if (this.versionOf(key, line) !== version) throw otherVersion(key);
  }

  protected versionOf(key: string, line: string): string {
    return this.#wasm.factsOf(key, line).version;
  }
}
