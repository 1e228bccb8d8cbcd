/** The connection to a database: opened when it is needed, and again when it was lost. */

import { StorageError } from '../errors.js';

/** Line, version and time of use of each entry, its size, and its body where that is small. */
export const ENTRIES = 'entries';
/** The bodies that are not small. */
export const BODIES = 'bodies';
/** How much there is; and who has not yet said what they added. */
export const TOTALS = 'totals';

const VERSION = 1;
/** How long opening may take. A tab that still holds an older version of the database blocks it. */
const OPEN_MS = 10_000;
/** For how long after that everyone fails at once, before the browser is asked anew. */
const PAUSE_MS = 1_000;

/** This host keeps no databases: a private window, a frame without storage, a host without IndexedDB. */
export class Refused extends Error {}

export class Connection {
  readonly #factory: IDBFactory | undefined;
  readonly #name: string;
  readonly #openMs: number;
  #db: IDBDatabase | undefined;
  /** What is asked of the browser, until it answers, or a while after the time limit: then this is rejected. */
  #opening: Promise<IDBDatabase> | undefined;
  #hasOpened = false;

  constructor(factory: IDBFactory | undefined, name: string, openMs = OPEN_MS) {
    this.#factory = factory;
    this.#name = name;
    this.#openMs = openMs;
  }

  /** The database, while it is open. */
  get current(): IDBDatabase | undefined {
    return this.#db;
  }

  /**
   * Opens it. Fails as `Refused` where it never was open and cannot be, else as a `StorageError`. Once the browser took
   * too long, everyone fails at once for a while; what it opens after all is used.
   */
  open(): Promise<IDBDatabase> {
    if (this.#db) return Promise.resolve(this.#db);
    if (!this.#opening) {
      const opening = this.#open();
      this.#opening = opening;
      const forget = (): void => {
        if (this.#opening === opening) this.#opening = undefined;
      };
      opening.then(forget, (error: unknown) => {
        const isLate = error instanceof StorageError && error.isTimeout;
        if (isLate) setTimeout(forget, PAUSE_MS);
        else forget();
      });
    }
    return this.#opening;
  }

  /** Lets go of `db`; what runs in it is carried to its end. */
  drop(db = this.#db): void {
    db?.close();
    if (db === this.#db) this.#db = undefined;
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      if (!this.#factory || typeof IDBKeyRange !== 'function') throw new Refused('this host has no IndexedDB');
      const timer = setTimeout(() => {
        const message = `the database ${this.#name} did not open within ${this.#openMs} ms; another tab may hold it`;
        reject(new StorageError('unavailable', message, { isTimeout: true }));
      }, this.#openMs);
      const fail = (error: DOMException | null): void => {
        clearTimeout(timer);
        const isOurs = this.#hasOpened || error?.name === 'VersionError';
        const message = `the database ${this.#name} cannot be opened: ${error?.message}`;
        reject(isOurs ? new StorageError('unavailable', message, { cause: error }) : new Refused(message, { cause: error }));
      };
      let request: IDBOpenDBRequest;
      try {
        request = this.#factory.open(this.#name, VERSION);
      } catch (error) {
        return queueMicrotask(() => fail(error as DOMException));
      }
      request.onupgradeneeded = () => {
        for (const store of [ENTRIES, BODIES, TOTALS]) request.result.createObjectStore(store);
      };
      request.onerror = () => fail(request.error);
      request.onsuccess = () => {
        clearTimeout(timer);
        const db = request.result;
        if (this.#db) return db.close();
        // Who wants to upgrade or delete the database waits until this is closed.
        db.onversionchange = db.onclose = () => this.drop(db);
        this.#hasOpened = true;
        this.#db = db;
        resolve(db);
      };
    });
  }
}
