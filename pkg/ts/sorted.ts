/** Keys in byte order, for tiers that hold their keys in memory. */

import type { PortListing } from './port.js';
import { ordered, unordered } from './tier.js';

/** Keys that someone holds. */
interface Keys {
  readonly size: number;
  has(key: string): boolean;
  keys(): Iterable<string>;
}

/**
 * An order over keys that someone else holds. It is made by the first page of a listing and let go by the last; keys that
 * come in between are sorted in with the next page, which costs little, since almost everything is in order by then.
 */
export class SortedKeys {
  #keys: string[] | undefined;
  #isSorted = true;

  /** Notes a key that was not there before. */
  add(key: string): void {
    if (!this.#keys) return;
    this.#keys.push(ordered(key));
    this.#isSorted = false;
  }

  /** A page of those of `held` that start with `prefix`. */
  list(held: Keys, prefix: string, after: string | undefined, limit: number): PortListing {
    const sorted = this.#sorted(held);
    const start = ordered(prefix);
    const from = ordered(after ?? '');
    let at = position(sorted, from > start ? from : start);
    const keys: string[] = [];
    for (let last = after; at < sorted.length; at++) {
      const found = sorted[at] as string;
      if (!found.startsWith(start)) break;
      const key = unordered(found);
      // A key that went and came again stands here twice.
      if (key === last || !held.has(key)) continue;
      if (keys.length >= Math.max(limit, 1)) return { keys, next: keys.at(-1) };
      keys.push(key);
      last = key;
    }
    this.#keys = undefined;
    return { keys };
  }

  #sorted(held: Keys): string[] {
    // What is gone is not looked for, so that too much of it may have gathered.
    if (!this.#keys || this.#keys.length > 2 * held.size + 1000) {
      this.#keys = Array.from(held.keys(), ordered);
      this.#isSorted = false;
    }
    if (!this.#isSorted) this.#keys.sort();
    this.#isSorted = true;
    return this.#keys;
  }
}

/** The first place in `sorted` whose key is not before `key`. */
function position(sorted: readonly string[], key: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
