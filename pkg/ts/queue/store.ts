/**
 * Queued writes in a database: a record each, and its body in pieces. All that orders them is done in one transaction on
 * all records, so that it does not matter which tab does it.
 */

import { StorageError } from '../errors.js';
import { ORDER_CALLS, type OrderCalls, type OrderRow, type Wasm } from '../wasm.js';
import type { QueueRecord } from './types.js';

const WRITES = 'writes';
const BODIES = 'bodies';
const VERSION = 1;
/** How much of a body is one record. */
export const PIECE_BYTES = 2 ** 20;

/** How long a change must last: through a power loss, or only while the browser runs. */
export type Durability = 'strict' | 'relaxed';

/** Sees to one record before it is stored. */
export type Amend = (record: QueueRecord) => void;

export class Store {
  readonly #db: IDBDatabase;
  readonly #order: Wasm['order'];
  readonly #limits: readonly number[];

  private constructor(db: IDBDatabase, order: Wasm['order'], limits: readonly number[]) {
    this.#db = db;
    this.#order = order;
    this.#limits = limits;
    // Who wants to upgrade or delete the database waits until this is closed.
    db.onversionchange = () => db.close();
  }

  static open(factory: IDBFactory, name: string, { order }: Wasm, limits: readonly number[]): Promise<Store> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => reject(toError(cause, `the database ${name} cannot be opened`));
      try {
        const request = factory.open(name, VERSION);
        request.onupgradeneeded = () => {
          request.result.createObjectStore(WRITES, { autoIncrement: true });
          request.result.createObjectStore(BODIES);
        };
        request.onerror = () => fail(request.error);
        request.onsuccess = () => resolve(new Store(request.result, order, limits));
      } catch (error) {
        fail(error);
      }
    });
  }

  close(): void {
    this.#db.close();
  }

  /** All writes, in order. */
  records(): Promise<QueueRecord[]> {
    return this.#run('readonly', 'relaxed', (transaction) => answered(transaction.objectStore(WRITES).getAll() as IDBRequest<QueueRecord[]>));
  }

  /** Queues a write, durably, and gives its record. */
  enter(made: QueueRecord, over: number): Promise<QueueRecord> {
    return this.#run('readwrite', 'strict', async (transaction) => {
      const writes = transaction.objectStore(WRITES);
      const records = await read(writes);
      const id = (await answered(writes.add(made))) as number;
      const [, key, ...rest] = made.row;
      records.set(id, { ...made, row: [id, key, ...rest] });
      this.#ask(transaction, records, 'enter', [[id, key, ...rest], over]);
      return records.get(id) as QueueRecord;
    });
  }

  /** Changes the order; gives the answer, and the record of `id` as it is then, if there is one. */
  change<C extends keyof OrderCalls>(
    durability: Durability,
    call: C,
    args: Readonly<Parameters<OrderCalls[C]>>,
    amend?: Amend,
  ): Promise<[answer: ReturnType<OrderCalls[C]>, record: QueueRecord | undefined]> {
    return this.#run('readwrite', durability, async (transaction) => {
      const records = await read(transaction.objectStore(WRITES));
      const answer = this.#ask(transaction, records, call, args, amend);
      const id = call === 'begin' ? answer : args[0];
      return [answer, records.get(id as number)];
    });
  }

  /** Asks the order, and stores what changed. */
  #ask<C extends keyof OrderCalls>(
    transaction: IDBTransaction,
    records: Map<number, QueueRecord>,
    call: C,
    args: readonly unknown[],
    amend?: Amend,
  ): ReturnType<OrderCalls[C]> {
    const entered = call === 'enter' ? (args[0] as OrderRow)[0] : undefined;
    const rows = [...records.values()].map(({ row }) => row).filter(([id]) => id !== entered);
    const [answer, changes] = this.#order(this.#limits, rows, ORDER_CALLS.indexOf(call), args);
    const writes = transaction.objectStore(WRITES);
    for (const change of changes) {
      const id = typeof change === 'number' ? change : change[0];
      const record = records.get(id);
      if (!record) continue;
      if (typeof change === 'number') {
        records.delete(id);
        writes.delete(id);
        if (record.body) transaction.objectStore(BODIES).delete(piecesOf(record.body));
      } else {
        record.row = change;
        if (id === args[0]) amend?.(record);
        writes.put(record, id);
      }
    }
    return answer as ReturnType<OrderCalls[C]>;
  }

  /** Stores a piece of a body, durably. */
  addPiece(body: string, at: number, piece: Uint8Array): Promise<unknown> {
    return this.#run('readwrite', 'strict', (transaction) => answered(transaction.objectStore(BODIES).put(piece, [body, at])));
  }

  /** Forgets a body that was never queued. */
  dropBody(body: string): Promise<unknown> {
    return this.#run('readwrite', 'relaxed', (transaction) => answered(transaction.objectStore(BODIES).delete(piecesOf(body))));
  }

  /** The bytes of a body, piece by piece. */
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

  /** The names of bodies that no write has. */
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
