/**
 * What the runtime's hashing and gzip cost, by size. `adapters/src/web/streams.rs` chooses by these figures who hashes.
 * In Node and in pages.
 */

import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { measure, type Case, type Effort, type Rate } from './rounds.js';

const KIB = 1024;
const HASHED = [1, 4, 8, 16, 64, 256];
const PACKED = [1, 4, 16, 64, 1024];
const WORDS = 'tier key entry body metadata cold warm hot promotion eviction expiry snapshot prefix listing'.split(' ');

/** Names of sizes, and for each the microseconds of what is compared. */
export interface Costs {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly [name: string, ...microseconds: number[]])[];
}

/**
 * A whole `set` into one tier, with the hash of the module and as it is; and the runtime's hash alone. Who hashes is the
 * only difference of the first two, and there is none below the size from which on the runtime is asked.
 */
export async function hashes(effort: Effort): Promise<Costs> {
  const rows: [string, ...number[]][] = [];
  for (const size of HASHED) {
    const storage = await TieredStorage.open<Uint8Array>({ tiers: { cold: new MemoryStorageTier({ durable: true }) } });
    const body = new Uint8Array(size * KIB).map((_, at) => at * 7);
    const rates = await measure(
      [
        repeated('set, the module hashes', async () => {
          const give = withoutSubtle();
          await storage.set('key', body);
          give();
        }),
        repeated('set, as it is', () => storage.set('key', body)),
        repeated('subtle.digest alone', () => crypto.subtle.digest('SHA-256', body)),
      ],
      effort,
    );
    rows.push([`${size} KiB`, ...rates.map(microseconds)]);
    await storage.close();
  }
  return { columns: ['set, the module hashes', 'set, as it is', 'subtle.digest alone'], rows };
}

/** The runtime's gzip, by a writer and a reader, which costs a fraction of `Blob.stream()` and `Response`. */
export async function packing(effort: Effort): Promise<Costs> {
  const rows: [string, ...number[]][] = [];
  for (const size of PACKED) {
    const plain = text(size * KIB);
    const packed = await pass(new CompressionStream('gzip'), plain);
    const rates = await measure(
      [
        repeated('CompressionStream', () => pass(new CompressionStream('gzip'), plain)),
        repeated('DecompressionStream', () => pass(new DecompressionStream('gzip'), packed)),
      ],
      effort,
    );
    rows.push([`${size} KiB`, ...rates.map(microseconds), plain.length / packed.length]);
  }
  return { columns: ['CompressionStream', 'DecompressionStream', 'packed by (times)'], rows };
}

async function pass(stream: CompressionStream | DecompressionStream, bytes: Uint8Array): Promise<Uint8Array> {
  const writer = stream.writable.getWriter();
  void writer.write(bytes as Uint8Array<ArrayBuffer>);
  void writer.close();
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) {
      const whole = new Uint8Array(size);
      chunks.reduce((at, chunk) => (whole.set(chunk, at), at + chunk.length), 0);
      return whole;
    }
    chunks.push(value);
    size += value.length;
  }
}

/** Hides the runtime's hash until the function that this gives is called. */
function withoutSubtle(): () => void {
  const digest = (): never => {
    throw new Error('hidden');
  };
  Object.defineProperty(crypto.subtle, 'digest', { value: digest, configurable: true });
  return () => Reflect.deleteProperty(crypto.subtle, 'digest');
}

/** Words in no order, with numbers among them, as in source text. */
function text(size: number): Uint8Array {
  let state = 1;
  let made = '';
  while (made.length < size) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    made += `${WORDS[(state >>> 16) % WORDS.length]} ${state % 7 ? '' : state} `;
  }
  return new TextEncoder().encode(made.slice(0, size));
}

function repeated(name: string, call: () => Promise<unknown>): Case {
  const run = async (): Promise<void> => {
    for (let at = 0; at < 8; at += 1) await call();
  };
  return { name, operations: 8, run };
}

function microseconds({ median }: Rate): number {
  return 1e6 / median;
}
