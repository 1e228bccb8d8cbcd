/** What becomes of queued writes: each step asks the order about all of them, and has what it says stored. */

import { StorageError } from '../errors.js';
import { ORDER_CALLS, type OrderCalls, type OrderRow, type Wasm } from '../wasm.js';
import type { Change, Durability, QueueStore } from './store.js';
import type { QueueRecord } from './types.js';

/** Sees to one record before it is stored. */
export type Amend = (record: QueueRecord) => void;

type Records = ReadonlyMap<number, QueueRecord>;

export class Orders {
  readonly store: QueueStore;
  readonly #order: Wasm['order'];
  readonly #limits: readonly number[];

  /** `limits`: of writes, and of bytes. */
  constructor(store: QueueStore, { order }: Wasm, limits: readonly number[]) {
    this.store = store;
    this.#order = order;
    this.#limits = limits;
  }

  /** Queues a write, durably, and gives its record. */
  enter(made: QueueRecord, over: number): Promise<QueueRecord> {
    return this.store.change('strict', async (records, newId) => {
      const [, ...rest] = made.row;
      const record: QueueRecord = { ...made, row: [await newId(), ...rest] };
      const [, changes] = this.#ask(records, 'enter', [record.row, over], { entered: record });
      return [found(changes, record.row[0]) ?? record, changes];
    });
  }

  /** Changes the order; gives the answer, and the record of `id` as it is then, if there is one. */
  change<C extends keyof OrderCalls>(
    durability: Durability,
    call: C,
    args: Readonly<Parameters<OrderCalls[C]>>,
    amend?: Amend,
  ): Promise<[answer: ReturnType<OrderCalls[C]>, record: QueueRecord | undefined]> {
    return this.store.change(durability, async (records) => {
      const [answer, changes] = this.#ask(records, call, args, { amend });
      const id = (call === 'begin' ? answer : args[0]) as number;
      const record = changes.includes(id) ? undefined : (found(changes, id) ?? records.get(id));
      return [[answer, record], changes];
    });
  }

  #ask<C extends keyof OrderCalls>(
    records: Records,
    call: C,
    args: readonly unknown[],
    { entered, amend }: { entered?: QueueRecord; amend?: Amend | undefined },
  ): [answer: ReturnType<OrderCalls[C]>, changes: Change[]] {
    const [answer, changed] = this.#asked(records, call, args);
    const changes = changed.flatMap((change): Change[] => {
      if (typeof change === 'number') return records.has(change) ? [change] : [];
      const before = records.get(change[0]) ?? entered;
      if (!before) return [];
      const record: QueueRecord = { ...before, row: change as OrderRow };
      if (change[0] === args[0]) amend?.(record);
      return [record];
    });
    return [answer as ReturnType<OrderCalls[C]>, changes];
  }

  #asked(records: Records, call: keyof OrderCalls, args: readonly unknown[]): ReturnType<Wasm['order']> {
    const rows = Array.from(records.values(), ({ row }) => row);
    try {
      return this.#order(this.#limits, rows, ORDER_CALLS.indexOf(call), args);
    } catch (error) {
      throw StorageError.from(error, 'the queue failed', undefined, 'internal');
    }
  }
}

/** The last record of a write among changes. */
function found(changes: readonly Change[], id: number): QueueRecord | undefined {
  return changes.findLast((change): change is QueueRecord => typeof change !== 'number' && change.row[0] === id);
}
