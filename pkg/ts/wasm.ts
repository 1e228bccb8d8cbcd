/** The exports of the wasm module, as `wasm-bindgen` makes them; and how an entry of the package loads it. */

import type { Facts } from './port.js';

/** Everything that is compiled from Rust. */
export interface Wasm {
  /** What a line says, in the contract's fields; times in ms since 1970. Throws a `RawError`. */
  describe(key: string, line: string): RawMetadata;
  /** A line for metadata that a user gave, and its facts. Throws a `RawError`. */
  inscribe(key: string, metadata: RawMetadata): Inscribed;
  /** The facts of a line. Throws a `RawError`. */
  factsOf(key: string, line: string): Facts;
  readonly Policy: new (kind: string) => Policy;
  readonly S3: new (options: object, host: object) => object;
  readonly Storage: { open(config: object, ports: object[], host: object): Promise<object> };
}

/** An order of eviction over slots (dense small integers). Unknown slots are passed over. */
export interface Policy {
  /** Adds slot `id`, or puts another entry in its place. `fingerprint`: a 32-bit hash of the key. */
  insert(id: number, weight: number, fingerprint: number): void;
  reweigh(id: number, weight: number): void;
  /** Notes hits, in order. */
  touch(ids: Uint32Array): void;
  remove(id: number): void;
  /** Takes out the slot to give up; `undefined` if there is none. */
  evict(): number | undefined;
  free(): void;
}

/** Metadata with times in ms since 1970. */
export interface RawMetadata {
  key: string;
  size: number;
  createdAt: number;
  lastAccessed: number;
  accessCount: number;
  ttl?: number | undefined;
  compressed: boolean;
  checksum: string;
  mimeType?: string | undefined;
  encoding?: string | undefined;
  customMetadata?: Record<string, string> | undefined;
}

export interface Inscribed extends Facts {
  readonly line: string;
}

/** What the core throws and rejects with: kind, sentence, tier, key, whether a time limit ran out, cause. */
export type RawError = [
  kind: string,
  message: string,
  tier: string | undefined,
  key: string | undefined,
  timedOut: boolean,
  cause: unknown,
];

let load: (() => Promise<Wasm>) | undefined;
let loading: Promise<Wasm> | undefined;
let loaded: Wasm | undefined;

/** An entry of the package says how it loads the module. Nothing is loaded yet. */
export function useLoader(loader: () => Promise<Wasm>): void {
  load = loader;
}

/** The module, loaded once; a load that failed is tried again by the next caller. */
export async function wasm(): Promise<Wasm> {
  if (loaded) return loaded;
  if (!load) throw new Error('import an entry of the package, not one of its parts');
  loading ??= load();
  try {
    loaded = await loading;
    return loaded;
  } finally {
    if (!loaded) loading = undefined;
  }
}
