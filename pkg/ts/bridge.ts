/** Ports as the wasm module calls them: one method for all, and arrays in place of some objects. */

import { toFacts, type RawFacts } from './lines.js';
import type { Port, Source } from './port.js';
import { toRange } from './ranges.js';

type Action = (port: Port, ...args: never[]) => unknown;

/** In the order of the constants in `adapters/src/web/port.rs`. */
const ACTIONS: readonly Action[] = [
  (port, key: string, unless: string | undefined) => port.read(key, unless),
  (port, key: string) => port.head(key),
  (port, key: string, body: Uint8Array, facts: RawFacts) => port.write(key, { body, line: facts[0] }, toFacts(facts)),
  (port, key: string, facts: RawFacts) => port.patch(key, facts[0], toFacts(facts)),
  (port, keys: string[]) => port.remove(keys),
  (port, key: string, line: string, version: string) => port.removeVersion(key, line, version),
  (port, prefix: string, after: string | undefined, limit: number) => port.list(prefix, after, limit),
  (port) => port.clear(),
  (port, key: string) => port.announce(key),
  (port) => port.usage(),
  (port) => port.close(),
  (port, limit: number) => port.accesses(limit),
  (port, key: string, unless: string | undefined) => (port.readPieces ? port.readPieces(key, unless) : port.read(key, unless)),
  (port, key: string, start: number | undefined, end: number | undefined, unless: string | undefined) =>
    port.readRange?.(key, toRange(start, end), unless),
  (port, key: string) => port.stage?.(key),
  (port, key: string, body: Uint8Array | Source, facts: RawFacts, condition: string | null | undefined) =>
    port.store?.(key, { body, line: facts[0] }, toFacts(facts), condition),
  (port, key: string, body: Uint8Array, facts: RawFacts, start: number) =>
    port.writePart?.(key, { body, line: facts[0], start }, toFacts(facts)),
];

/** What `adapters/src/web/port.rs` calls. */
export class Bridge {
  readonly traits: Port['traits'];
  /** Whether the port has `store`. */
  readonly stores: boolean;
  readonly #port: Port;

  constructor(port: Port) {
    this.#port = port;
    this.traits = port.traits;
    this.stores = port.store !== undefined;
  }

  call(action: number, ...args: unknown[]): unknown {
    return ACTIONS[action]?.(this.#port, ...(args as never[]));
  }
}
