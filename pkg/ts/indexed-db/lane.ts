/** Operations that arrive together share a transaction, since one of its own costs each of them as much as ten do. */

import { StorageError } from '../errors.js';
import { BODIES, ENTRIES, TOTALS, type Connection } from './connection.js';

/** What an operation works on, while the transaction is there: until something that is not IndexedDB is awaited. */
export class Stores {
  readonly transaction: IDBTransaction;
  readonly entries: IDBObjectStore;
  /** How many operations the transaction has. */
  operations = 0;

  constructor(transaction: IDBTransaction) {
    this.transaction = transaction;
    this.entries = transaction.objectStore(ENTRIES);
  }

  get bodies(): IDBObjectStore {
    return this.transaction.objectStore(BODIES);
  }

  /** Only where the lane writes. */
  get totals(): IDBObjectStore {
    return this.transaction.objectStore(TOTALS);
  }
}

/** One operation; several of one transaction run side by side. It calls back instead of making promises, which cost. */
export interface Operation<T> {
  /** The keys that it changes; two operations on one key are never in one transaction. `all`: it is alone in its own. */
  readonly keys: readonly string[] | 'all';
  /** The bytes that it adds. */
  readonly bytes: number;
  /**
   * Whether it issues all of its requests before the transaction is sealed, whatever they answer, and each of them could
   * stand alone: Firefox carries out the rest of a transaction that was committed by hand when one of them fails.
   */
  readonly isBlind: boolean;
  /** Whether nothing is left after it. */
  readonly empties?: boolean;
  /** Whether it needs to know exactly how much there is. */
  readonly isExact?: boolean;
  /** Whether it makes room: after a quota error, the next transaction of Firefox may remove, and do nothing else. */
  readonly frees?: boolean;
  /** Whether what it adds is a part of an entry. */
  readonly isPart?: boolean;
  /** Issues requests. It may be run again, in another transaction, where the first one came to nothing. */
  run(stores: Stores, outcome: Outcome<T>): void;
}

export interface Outcome<T> {
  done(value: T): void;
  /** That a request failed is no news to the lane: it fails the transaction. */
  failed(error: unknown): void;
}

/** What a lane does beside running operations. */
export interface LaneHooks {
  /** Limits of one transaction. */
  readonly operationsMax: number;
  readonly bytesMax: number;
  /** No operation is added any more. A promise issues more requests, and undoes everything if it fails. */
  seal?(stores: Stores, operations: readonly Operation<unknown>[], answered: () => Promise<void>): Promise<void> | undefined;
  /** The transaction was carried out, or came to nothing, or some of its requests failed and others did not. */
  ended?(how: 'done' | 'undone' | 'torn'): void;
  /** Makes room after the browser had none for so many bytes. Says whether it could. */
  makeRoom?(bytes: number): Operation<boolean>;
}

const READ = [ENTRIES, BODIES];
const WRITTEN = [ENTRIES, BODIES, TOTALS];
/** How many turns of the microtask queue a transaction is open for more operations. */
const TURNS = 4;
/** After this time a transaction counts as lost. */
const TRANSACTION_MS = 30_000;

class Task implements Outcome<unknown> {
  readonly operation: Operation<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  isRetried = false;
  isAlone: boolean;
  batch: Batch | undefined;
  value: unknown;

  constructor(operation: Operation<unknown>, resolve: (value: unknown) => void, reject: (error: unknown) => void) {
    this.operation = operation;
    this.isAlone = operation.keys === 'all';
    this.resolve = resolve;
    this.reject = reject;
  }

  done(value: unknown): void {
    this.value = value;
    // What is read counts at once; what is written counts when the transaction does.
    if (this.batch?.transaction.mode === 'readonly') this.resolve(value);
    this.#answered();
  }

  failed(error: unknown): void {
    if (error instanceof StorageError) this.reject(error);
    this.#answered();
  }

  #answered(): void {
    if (this.batch && --this.batch.open === 0) this.batch.onAnswered?.();
    this.batch = undefined;
  }
}

interface Batch {
  readonly db: IDBDatabase;
  readonly transaction: IDBTransaction;
  readonly stores: Stores;
  readonly tasks: Task[];
  keys: Set<string> | undefined;
  bytes: number;
  /** Operations that have not answered. */
  open: number;
  onAnswered: (() => void) | undefined;
  /** How often it was found running. */
  age: number;
  /** What failed first in it. */
  cause?: unknown;
}

export class Lane {
  readonly #connection: Connection;
  readonly #mode: 'readonly' | 'readwrite';
  readonly #runningMax: number;
  readonly #hooks: LaneHooks;
  #waiting: Task[] = [];
  #batch: Batch | undefined;
  readonly #running = new Set<Batch>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOpening = false;
  /** Nothing is started while room is made. */
  #isHeld = false;

  constructor(connection: Connection, mode: 'readonly' | 'readwrite', runningMax: number, hooks: LaneHooks) {
    this.#connection = connection;
    this.#mode = mode;
    this.#runningMax = runningMax;
    this.#hooks = hooks;
  }

  /** Runs an operation: at once if it can be, else with the next transaction. */
  add<T>(operation: Operation<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const task = new Task(operation as Operation<unknown>, resolve as (value: unknown) => void, reject);
      if (!this.#waiting.length) {
        const db = this.#connection.current;
        if (this.#batch) {
          if (this.#take(this.#batch, task)) return;
        } else if (db && this.#running.size < this.#runningMax && !this.#isHeld) {
          return this.#start(db, [task]);
        }
      }
      this.#waiting.push(task);
      this.#pump();
    });
  }

  /** Starts a transaction for what waits. */
  #pump(): void {
    if (this.#batch || this.#running.size >= this.#runningMax || !this.#waiting.length || this.#isOpening || this.#isHeld) return;
    const db = this.#connection.current;
    if (db) return this.#start(db, this.#waiting.splice(0));
    this.#isOpening = true;
    const opened = (): void => {
      this.#isOpening = false;
      this.#pump();
    };
    this.#connection.open().then(opened, (error: unknown) => {
      this.#waiting.splice(0).forEach(({ reject }) => reject(error));
      opened();
    });
  }

  /** Runs as many of `tasks` as fit in one transaction; the others wait. */
  #start(db: IDBDatabase, tasks: Task[]): void {
    const isRead = this.#mode === 'readonly';
    let transaction: IDBTransaction;
    try {
      transaction = db.transaction(isRead ? READ : WRITTEN, this.#mode, { durability: 'relaxed' });
    } catch (error) {
      // The connection was closed, and nobody said so.
      this.#connection.drop(db);
      return this.#again(tasks, error);
    }
    const stores = new Stores(transaction);
    const batch: Batch = { db, transaction, stores, tasks: [], keys: undefined, bytes: 0, open: 0, onAnswered: undefined, age: 0 };
    this.#running.add(batch);
    this.#batch = batch;
    transaction.onerror = ({ target }) => (batch.cause ??= (target as IDBRequest).error);
    transaction.oncomplete = () => this.#end(batch, batch.cause ? 'torn' : 'done');
    transaction.onabort = () => {
      batch.cause ??= transaction.error ?? new Error('it was aborted');
      // At its quota, Firefox keeps what was written after the request that failed.
      this.#end(batch, isQuota(batch.cause) ? 'torn' : 'undone');
    };
    this.#timer ??= setTimeout(this.#watch, TRANSACTION_MS / 2);
    const rest = tasks.findIndex((task) => !this.#take(batch, task));
    if (rest >= 0) this.#waiting.unshift(...tasks.slice(rest));
    let turns = TURNS;
    const turn = (): void => {
      if (--turns) queueMicrotask(turn);
      else this.#seal(batch);
    };
    queueMicrotask(turn);
  }

  /** Issues the requests of `task` in `batch`, if it may be part of it. */
  #take(batch: Batch, task: Task): boolean {
    const { operationsMax, bytesMax } = this.#hooks;
    const { operation, isAlone } = task;
    const { tasks } = batch;
    if (tasks.length) {
      if (isAlone || tasks[0]?.isAlone || tasks.length >= operationsMax || batch.bytes + operation.bytes > bytesMax) return false;
    }
    if (operation.keys !== 'all' && operation.keys.length) {
      const keys = (batch.keys ??= new Set());
      for (const key of operation.keys) if (keys.has(key)) return false;
      for (const key of operation.keys) keys.add(key);
    }
    batch.bytes += operation.bytes;
    batch.stores.operations += 1;
    batch.open += 1;
    task.batch = batch;
    tasks.push(task);
    try {
      operation.run(batch.stores, task);
    } catch (error) {
      // Some of its requests may have been issued, so nothing of this transaction may stand.
      undo(batch, error);
      task.failed(error);
    }
    return true;
  }

  #seal(batch: Batch): void {
    if (this.#batch === batch) this.#batch = undefined;
    const { tasks, stores, transaction } = batch;
    const operations = tasks.map(({ operation }) => operation);
    const answered = (): Promise<void> =>
      new Promise((resolve) => {
        batch.onAnswered = resolve;
        if (batch.open === 0) resolve();
      });
    try {
      const more = this.#hooks.seal?.(stores, operations, answered);
      if (more) return void more.catch((error: unknown) => undo(batch, error));
      if (this.#mode === 'readwrite' && operations.every(({ isBlind }) => isBlind)) transaction.commit();
    } catch (error) {
      // It was aborted before.
      undo(batch, error);
    }
  }

  #end(batch: Batch, how: 'done' | 'undone' | 'torn'): void {
    const { transaction, tasks, cause } = batch;
    transaction.oncomplete = transaction.onabort = null;
    this.#running.delete(batch);
    if (this.#batch === batch) this.#batch = undefined;
    this.#hooks.ended?.(how);
    if (how !== 'done') this.#failed(batch, cause);
    else if (this.#mode === 'readwrite') for (const { resolve, value } of tasks) resolve(value);
    this.#pump();
  }

  /** Gives up transactions that run for too long. A timer for each of them would cost more than all else here. */
  readonly #watch = (): void => {
    this.#timer = undefined;
    for (const batch of this.#running) {
      if (++batch.age < 3) continue;
      this.#connection.drop(batch.db);
      batch.tasks.forEach((task) => (task.isRetried = true));
      batch.cause = new StorageError('unavailable', `the database did not answer within ${TRANSACTION_MS} ms`, { isTimeout: true });
      this.#end(batch, 'undone');
    }
    if (this.#running.size) this.#timer ??= setTimeout(this.#watch, TRANSACTION_MS / 2);
  };

  #failed({ db, tasks, bytes }: Batch, error: unknown): void {
    const isOver = tasks.every(({ isRetried }) => isRetried);
    if (error instanceof StorageError) {
      if (tasks.length > 1 && !isOver) return this.#apart(tasks);
      return tasks.forEach(({ reject }) => reject(error));
    }
    if (!isQuota(error)) {
      this.#connection.drop(db);
      return this.#again(tasks, error);
    }
    const made = (isRoom: unknown): void => {
      this.#isHeld = false;
      const message = 'the browser has no more room for this site, and nothing more can be given up';
      if (tasks.length > 1) return this.#apart(tasks);
      if (isRoom === true) return this.#again(tasks, error);
      tasks.forEach(({ reject }) => reject(new StorageError('full', message, { cause: error })));
      this.#pump();
    };
    const room = isOver ? undefined : this.#hooks.makeRoom?.(bytes);
    if (!room) return made(false);
    this.#isHeld = true;
    const task = new Task(room as Operation<unknown>, made, () => made(false));
    task.isRetried = true;
    this.#start(db, [task]);
  }

  /** Runs each by itself: what one of them cannot do, the others may. */
  #apart(tasks: readonly Task[]): void {
    for (const task of tasks) task.isAlone = true;
    this.#waiting.unshift(...tasks);
    this.#pump();
  }

  /** Runs operations once more, and fails those that were run twice. */
  #again(tasks: readonly Task[], error: unknown): void {
    const again = tasks.filter((task) => {
      if (task.isRetried) task.reject(StorageError.from(error, 'the database failed'));
      return !task.isRetried && (task.isRetried = true);
    });
    this.#waiting.unshift(...again);
    this.#pump();
  }
}

function isQuota(error: unknown): boolean {
  return (error as Error).name === 'QuotaExceededError';
}

function undo(batch: Batch, error: unknown): void {
  batch.cause ??= error;
  try {
    batch.transaction.abort();
  } catch {
    // It is.
  }
}
