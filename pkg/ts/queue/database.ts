/** Queued writes in IndexedDB: each step is one transaction on all records, so that it does not matter which tab takes it. */

import { StorageError } from '../errors.js';
import type { Durability, QueueStore, Step } from './store.js';
import type { QueueRecord } from './types.js';

const WRITES = 'writes';
const BODIES = 'bodies';
const VERSION = 1;

export class DatabaseStore implements QueueStore {
  readonly name: string;
  readonly isShared = true;
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.name = db.name;
    this.#db = db;
    // Who wants to upgrade or delete the database waits until this is closed.
    db.onversionchange = () => db.close();
  }

  static open(factory: IDBFactory, name: string): Promise<DatabaseStore> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(toError(cause, `the database ${name} cannot be opened`));
      try {
        const request = factory.open(name, VERSION);
        request.onupgradeneeded = () => {
          request.result.createObjectStore(WRITES, { autoIncrement: true });
          request.result.createObjectStore(BODIES);
        };
        request.onerror = () => fail(request.error);
        request.onsuccess = () => resolve(new DatabaseStore(request.result));
      } catch (error) {
        fail(error);
      }
    });
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  records(): Promise<QueueRecord[]> {
    return this.#run('readonly', 'relaxed', (transaction) => answered(transaction.objectStore(WRITES).getAll() as IDBRequest<QueueRecord[]>));
  }

  change<T>(durability: Durability, step: Step<T>): Promise<T> {
    return this.#run('readwrite', durability, async (transaction) => {
      const writes = transaction.objectStore(WRITES);
      const records = await read(writes);
      // What is added in the place of the new record gives the number.
      const [answer, changes] = await step(records, async () => (await answered(writes.add(0))) as number);
      for (const change of changes) {
        if (typeof change !== 'number') {
          writes.put(change, change.row[0]);
          continue;
        }
        writes.delete(change);
        const body = records.get(change)?.body;
        if (body) transaction.objectStore(BODIES).delete(piecesOf(body));
      }
      return answer;
    });
  }

  addPiece(body: string, at: number, piece: Uint8Array): Promise<unknown> {
    return this.#run('readwrite', 'strict', (transaction) => answered(transaction.objectStore(BODIES).put(piece, [body, at])));
  }

  dropBody(body: string): Promise<unknown> {
    return this.#run('readwrite', 'relaxed', (transaction) => answered(transaction.objectStore(BODIES).delete(piecesOf(body))));
  }

  async *pieces(body: string, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0, left = size; left > 0; at++) {
      const piece = await this.#run('readonly', 'relaxed', (transaction) =>
        answered(transaction.objectStore(BODIES).get([body, at]) as IDBRequest<Uint8Array | undefined>),
      );
      if (!piece?.length) throw new StorageError('corrupt', 'the queued body is not all there; cancel this write and queue it again');
      left -= piece.length;
      yield piece;
    }
  }

  strays(): Promise<string[]> {
    return this.#run('readonly', 'relaxed', async (transaction) => {
      const used = new Set([...(await read(transaction.objectStore(WRITES))).values()].map(({ body }) => body));
      const found: string[] = [];
      const request = transaction.objectStore(BODIES).openKeyCursor();
      for (let cursor = await answered(request); cursor; cursor = await answered(request)) {
        const [body] = cursor.key as [string, number];
        if (!used.has(body)) found.push(body);
        cursor.continue([body, Infinity]);
      }
      return found;
    });
  }

  /** Runs `work` in one transaction, and gives its answer once that is carried out. */
  #run<T>(mode: IDBTransactionMode, durability: Durability, work: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let transaction: IDBTransaction;
      try {
        transaction = this.#db.transaction([WRITES, BODIES], mode, { durability });
      } catch (cause) {
        reject(new StorageError('closed', 'the queue was closed; open it again', { cause }));
        return;
      }
      let answer: T;
      let thrown: { error: unknown } | undefined;
      transaction.oncomplete = () => resolve(answer);
      transaction.onabort = () => reject(toError(thrown ? thrown.error : transaction.error, 'the queue cannot be stored'));
      work(transaction).then(
        (value) => void (answer = value),
        (error: unknown) => {
          thrown ??= { error };
          try {
            transaction.abort();
          } catch {
            // It has ended already, and was told to have.
          }
        },
      );
    });
  }
}

/** By their ids. */
async function read(writes: IDBObjectStore): Promise<Map<number, QueueRecord>> {
  const records = await answered(writes.getAll() as IDBRequest<QueueRecord[]>);
  return new Map(records.map((record) => [record.row[0], record]));
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

function piecesOf(body: string): IDBKeyRange {
  return IDBKeyRange.bound([body, 0], [body, Infinity]);
}

function toError(cause: unknown, message: string): StorageError {
  const { name } = (cause ?? {}) as { name?: unknown };
  if (name !== 'QuotaExceededError') return StorageError.from(cause, message);
  const advice = 'the browser has no more room for this site; nothing was queued; free some, or wait until some is sent';
  return new StorageError('full', advice, { cause });
}
