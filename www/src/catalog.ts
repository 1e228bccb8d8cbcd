/** The names of everything in the bucket, as folders. */

/** A folder as its parent shows it. */
export interface Folder {
  /** With the slash at its end. */
  readonly prefix: string;
  readonly name: string;
  /** How many entries are in it, at any depth. */
  readonly count: number;
}

/** How many keys are looked at to find some of a kind. */
const PICKED_FROM = 500;
/** `b2` before `B10`. */
const ORDER = new Intl.Collator('en', { numeric: true });

export interface Listing {
  readonly folders: readonly Folder[];
  /** Keys of the entries right in the folder. */
  readonly keys: readonly string[];
}

/** Sorted keys. Nothing of it changes: a change makes another. */
export class Catalog {
  readonly keys: readonly string[];

  /** `keys` must be sorted by code units, as `sort` does it, each once. */
  private constructor(keys: readonly string[]) {
    this.keys = keys;
  }

  static of(keys: Iterable<string>): Catalog {
    return new Catalog([...new Set(keys)].sort());
  }

  get size(): number {
    return this.keys.length;
  }

  has(key: string): boolean {
    return this.keys[this.#from(key)] === key;
  }

  /** Every key that starts with `prefix`. */
  under(prefix: string): readonly string[] {
    return this.keys.slice(this.#from(prefix), this.#after(prefix));
  }

  /** The first keys under `prefix` that `takes` takes, at most `limit`. What is far behind the first is not looked at. */
  pick(prefix: string, limit: number, takes: (key: string) => boolean): string[] {
    const found: string[] = [];
    const from = this.#from(prefix);
    const end = Math.min(this.#after(prefix), from + PICKED_FROM);
    for (let at = from; at < end && found.length < limit; at++) {
      const key = this.keys[at] as string;
      if (takes(key)) found.push(key);
    }
    return found;
  }

  /** At most `limit` keys under `prefix`, from its beginning to its end. */
  some(prefix: string, limit: number): string[] {
    const [from, end] = [this.#from(prefix), this.#after(prefix)];
    const step = Math.max(1, Math.ceil((end - from) / limit));
    const found: string[] = [];
    for (let at = from; at < end; at += step) found.push(this.keys[at] as string);
    return found;
  }

  count(prefix: string): number {
    return this.#after(prefix) - this.#from(prefix);
  }

  /** What is in a folder, as people order names. It looks once at every folder and entry in it, and not at what is deeper. */
  list(prefix: string): Listing {
    const folders: Folder[] = [];
    const keys: string[] = [];
    const end = this.#after(prefix);
    let at = this.#from(prefix);
    while (at < end) {
      const key = this.keys[at] as string;
      // Keys such as `a//b` have folders without a name; the slash that ends a key names an entry.
      const slash = key.indexOf('/', prefix.length);
      if (slash < 0 || slash === key.length - 1) {
        keys.push(key);
        at += 1;
        continue;
      }
      const inner = key.slice(0, slash + 1);
      const after = this.#after(inner);
      folders.push({ prefix: inner, name: plain(inner.slice(prefix.length, -1)) || '(no name)', count: after - at });
      at = after;
    }
    folders.sort((one, other) => ORDER.compare(one.name, other.name));
    return { folders, keys: keys.sort(ORDER.compare) };
  }

  /** Keys whose name has every word of `text`, at most `limit`; those whose own name starts with it come first. */
  search(text: string, prefix = '', limit = 5_000): string[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const first: string[] = [];
    const others: string[] = [];
    for (const key of this.under(prefix)) {
      const lower = key.toLowerCase();
      if (!words.every((word) => lower.includes(word))) continue;
      (nameOf(lower).startsWith(words[0] as string) ? first : others).push(key);
      if (first.length >= limit) break;
    }
    return [...first, ...others].slice(0, limit);
  }

  with(key: string): Catalog {
    const at = this.#from(key);
    return this.keys[at] === key ? this : new Catalog(this.keys.toSpliced(at, 0, key));
  }

  without(key: string): Catalog {
    const at = this.#from(key);
    return this.keys[at] === key ? new Catalog(this.keys.toSpliced(at, 1)) : this;
  }

  /** Where the first key is that is not less than `text`. */
  #from(text: string): number {
    return this.#first((key) => key >= text);
  }

  /** Where the keys end that start with `prefix`. */
  #after(prefix: string): number {
    return this.#first((key) => key >= prefix && !key.startsWith(prefix));
  }

  #first(holds: (key: string) => boolean): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(this.keys[middle] as string)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** A name as it is shown: characters that are not seen, and those that turn others around, cannot make it look like another. */
export const plain = (name: string): string => name.replace(/[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '\ufffd');

/** What is behind the last slash; of a key that ends with one, its last part. */
export function nameOf(key: string): string {
  const path = key.endsWith('/') ? key.slice(0, -1) : key;
  return plain(path.slice(path.lastIndexOf('/') + 1)) || '(no name)';
}

/** The folder of a key: all up to the last slash that does not end it. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/', key.length - 2) + 1);
}
