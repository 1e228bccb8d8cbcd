/** Queued writes in IndexedDB: each step is one transaction that reads what it needs, so that it does not matter which tab takes it. */

import { StorageError } from '../errors.js';
import type { MaybePromise } from '../port.js';
import type { Durability, QueueStore, Records, Step } from './store.js';
import type { QueueRecord } from './types.js';

const WRITES = 'writes';
const BODIES = 'bodies';
/** The index of writes by their keys. */
const BY_KEY = 'key';
const VERSION = 2;

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
        request.onupgradeneeded = ({ oldVersion }) => upgrade(request, oldVersion);
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

  look<T>(work: (records: Records) => MaybePromise<T>): Promise<T> {
    return this.#run('readonly', 'relaxed', async (transaction) => work(recordsIn(transaction.objectStore(WRITES))));
  }

  change<T>(durability: Durability, step: Step<T>): Promise<T> {
    return this.#run('readwrite', durability, async (transaction) => {
      const writes = transaction.objectStore(WRITES);
      // What is added in the place of the new record gives the number.
      const [answer, changes] = await step(recordsIn(writes), async () => (await answered(writes.add(0))) as number);
      for (const change of changes) {
        if ('stored' in change) {
          writes.put(keyed(change.stored), change.stored.row[0]);
          continue;
        }
        const { row, body } = change.gone;
        writes.delete(row[0]);
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
      const used = new Set((await recordsIn(transaction.objectStore(WRITES)).after(0)).map(({ body }) => body));
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

/** Version 1 had no index. */
function upgrade({ result: db, transaction }: IDBOpenDBRequest, oldVersion: number): void {
  if (!oldVersion) db.createObjectStore(BODIES);
  const writes = oldVersion ? transaction?.objectStore(WRITES) : db.createObjectStore(WRITES, { autoIncrement: true });
  writes?.createIndex(BY_KEY, BY_KEY);
  const request = writes?.openCursor();
  if (!request) return;
  request.onsuccess = () => {
    const cursor = request.result;
    if (!cursor) return;
    cursor.update(keyed(cursor.value as QueueRecord));
    cursor.continue();
  };
}

/** A record as it is stored: an index finds no key in a row. */
function keyed(record: QueueRecord): object {
  return { ...record, [BY_KEY]: record.row[1] };
}

function recordsIn(writes: IDBObjectStore): Records {
  const all = (found: IDBRequest): Promise<QueueRecord[]> => answered(found as IDBRequest<QueueRecord[]>);
  return {
    one: (id) => answered(writes.get(id) as IDBRequest<QueueRecord | undefined>),
    of: (key) => all(writes.index(BY_KEY).getAll(key)),
    after: (id, count) => all(writes.getAll(IDBKeyRange.lowerBound(id, true), count)),
    count: () => answered(writes.count()),
  };
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
