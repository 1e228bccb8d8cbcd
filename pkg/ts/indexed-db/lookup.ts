/** Finds the records of a transaction's operations together: a request costs more than what it answers. */

import { toRecord, type StoredRecord } from './records.js';

/** Who wants to know of a record. */
export interface Wanted {
  readonly name: string;
  readonly found: (record: StoredRecord | undefined) => void;
  readonly failed: (error: unknown) => void;
  /** Issues what must come after the request for the record; `known` is what is known of it without one. */
  readonly next?: (known?: StoredRecord | null) => void;
  /** Whether it is enough to know that there is one; then `SOME` stands for it. */
  readonly isKeyEnough?: boolean;
}

/** From this many on, it is worth asking which of the keys between the first and the last there are. */
const TOGETHER_MIN = 8;
/** Stands for a record that was not read. */
export const SOME: StoredRecord = ['', '', 0, 0, 0];

export class Lookup {
  #wanted: Wanted[] = [];

  /** Looks for a record with the next `flush`. */
  find(wanted: Wanted): void {
    this.#wanted.push(wanted);
  }

  /** Issues the requests. Says whether these were all. */
  flush(entries: IDBObjectStore): boolean {
    const wanted = this.#wanted;
    if (!wanted.length) return true;
    this.#wanted = [];
    try {
      if (wanted.length >= TOGETHER_MIN) {
        together(entries, wanted);
        return false;
      }
      for (const one of wanted) single(entries, one);
    } catch (error) {
      // The transaction was given up before.
      for (const { failed } of wanted) failed(error);
    }
    return true;
  }
}

/** Looks for one record at once. */
export function single(entries: IDBObjectStore, one: Wanted): void {
  const request: IDBRequest = one.isKeyEnough ? entries.getKey(one.name) : entries.get(one.name);
  one.next?.();
  request.onerror = () => one.failed(request.error);
  request.onsuccess = () => tell(one, request.result);
}

function tell({ isKeyEnough, found, failed }: Wanted, result: unknown): void {
  try {
    found(isKeyEnough && result !== undefined ? SOME : toRecord(result));
  } catch (error) {
    failed(error);
  }
}

/** Reads everything between the first and the last, if about half of it is wanted, else each by itself. */
function together(entries: IDBObjectStore, wanted: readonly Wanted[]): void {
  let first = (wanted[0] as Wanted).name;
  let last = first;
  for (const { name } of wanted) {
    if (name < first) first = name;
    if (name > last) last = name;
  }
  const range = IDBKeyRange.bound(first, last);
  const keys = entries.getAllKeys(range, 2 * wanted.length);
  keys.onerror = () => wanted.forEach(({ failed }) => failed(keys.error));
  keys.onsuccess = () => {
    if (keys.result.length === 2 * wanted.length) return wanted.forEach((one) => single(entries, one));
    const places = new Map(keys.result.map((key, at) => [key, at]));
    const isNeeded = wanted.some(({ name, isKeyEnough }) => !isKeyEnough && places.has(name));
    const values = isNeeded ? entries.getAll(range, keys.result.length) : undefined;
    for (const { next } of wanted) next?.();
    const answered = (): void => {
      for (const one of wanted) {
        const at = places.get(one.name);
        tell(one, at === undefined ? undefined : (values?.result[at] ?? SOME));
      }
    };
    if (!values) return answered();
    values.onerror = () => wanted.forEach(({ failed }) => failed(values.error));
    values.onsuccess = answered;
  };
}
