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
/** How long a call waits once opening has taken that long. */
const LATE_MS = 200;

/** This host keeps no databases: a private window, a frame without storage, a host without IndexedDB. */
export class Refused extends Error {}

export class Connection {
  readonly #factory: IDBFactory | undefined;
  readonly #name: string;
  readonly #openMs: number;
  #db: IDBDatabase | undefined;
  /** What the browser was asked last, until it answers or the time is up. */
  #opening: Promise<IDBDatabase> | undefined;
  /** Ends that time. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the browser took too long, and has not answered since. */
  #isLate = false;
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
   * Opens it. Fails as `Refused` where it never was open and cannot be, else as a `StorageError`. After one time-out
   * nobody waits long any more, until the browser opens what it was asked for, early or late.
   */
  open(): Promise<IDBDatabase> {
    if (this.#db) return Promise.resolve(this.#db);
    const opening = (this.#opening ??= this.#open());
    if (!this.#isLate) return opening;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#timeout()), LATE_MS);
      opening.finally(() => clearTimeout(timer)).then(resolve, reject);
    });
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
        this.#isLate = true;
        ended();
        reject(this.#timeout());
      }, this.#openMs);
      this.#timer = timer;
      const ended = (): void => {
        clearTimeout(timer);
        if (timer === this.#timer) this.#opening = undefined;
      };
      const fail = (error: DOMException | null): void => {
        ended();
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
        ended();
        this.#isLate = false;
        const db = request.result;
        // An older request may have been answered late, just now.
        if (this.#db) db.close();
        else this.#take(db);
        resolve(this.#db as IDBDatabase);
      };
    });
  }

  #take(db: IDBDatabase): void {
    // Who wants to upgrade or delete the database waits until this is closed.
    db.onversionchange = db.onclose = () => this.drop(db);
    this.#hasOpened = true;
    this.#db = db;
  }

  #timeout(): StorageError {
    const message = `the database ${this.#name} did not open within ${this.#openMs} ms; another tab may hold it`;
    return new StorageError('unavailable', message, { isTimeout: true });
  }
}
