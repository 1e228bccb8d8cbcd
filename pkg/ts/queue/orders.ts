/** What becomes of queued writes: each step asks the order about those that it is about, and has what it says stored. */

import { StorageError } from '../errors.js';
import { ORDER_CALLS, type OrderCalls, type OrderRow, type Wasm } from '../wasm.js';
import type { Change, QueueStore, Records } from './store.js';
import type { QueueRecord } from './types.js';

/** Sees to one record before it is stored. */
export type Amend = (record: QueueRecord) => void;

/** How many records are read to find the next one to send: mostly the first is it; else ever more. */
const LOOK_FIRST = 1;
const LOOK_FACTOR = 16;

/** The outcome of `finish` for what took effect. */
export const SENT = 0;

/** What of a write's key is queued: `finish`, `resolve` and `cancel` are about no other. */
type KeyCall = 'finish' | 'resolve' | 'cancel';
type Asked<C extends keyof OrderCalls> = [answer: ReturnType<OrderCalls[C]>, changes: Change[]];

/** A write that another one is being queued behind; what it left, if it was sent meanwhile: a version, or `null` for nothing. */
export interface Lead {
  readonly id: number;
  left?: string | null;
}

export class Orders {
  readonly store: QueueStore;
  readonly #leads = new Set<Lead>();
  readonly #order: Wasm['order'];
  readonly #limits: readonly [writes: number, bytes: number];

  constructor(store: QueueStore, { order }: Wasm, limits: readonly [writes: number, bytes: number]) {
    this.store = store;
    this.#order = order;
    this.#limits = limits;
  }

  /** The last write of a key, if there is one, watched until it is released. */
  lead(key: string): Promise<Lead | undefined> {
    return this.store.look(async (records) => {
      const last = (await records.of(key)).at(-1);
      if (!last) return undefined;
      const lead: Lead = { id: last.row[0] };
      this.#leads.add(lead);
      return lead;
    });
  }

  release(lead: Lead | undefined): void {
    if (lead) this.#leads.delete(lead);
  }

  /** A write was sent, here or in another tab, and left this version, or nothing. */
  leave(id: number, version: string | undefined): void {
    for (const lead of this.#leads) if (lead.id === id) lead.left = version ?? null;
  }

  /** Queues a write, durably, and gives its record. What `lead` left, if that is gone, is what its writer saw. */
  enter(made: QueueRecord, over: number, lead?: Lead): Promise<QueueRecord> {
    return this.store.change('strict', async (records, newId) => {
      const near = await this.#near(records, made);
      const [, key, isDelete, size, seen, ...rest] = made.row;
      const isOvertaken = lead?.left !== undefined && !near.some(({ row }) => row[0] === lead.id);
      const condition = isOvertaken ? lead.left : seen;
      const record: QueueRecord = { ...made, row: [await newId(), key, isDelete, size, condition, ...rest] };
      const [, changes] = this.#ask(near, 'enter', [record.row, over], { entered: record });
      return [found(changes, record.row[0]) ?? record, changes];
    });
  }

  /** Begins to send the next write, if there is one to be sent. */
  begin(): Promise<QueueRecord | undefined> {
    return this.store.change('relaxed', async (records) => {
      const [id, changes] = await this.#first(records, 'begin');
      return [id === undefined ? undefined : found(changes, id), changes];
    });
  }

  /** Whether there is something to be sent, or that is being sent. */
  isLeft(): Promise<boolean> {
    return this.store.look(async (records) => (await this.#first(records, 'next'))[0] !== undefined);
  }

  /** Changes the order durably; gives the answer, and the record of `id` as it is then, if there is one. `key`: where it may be gone. */
  change<C extends KeyCall>(
    call: C,
    args: Readonly<Parameters<OrderCalls[C]>>,
    { key, amend }: { key?: string; amend?: Amend } = {},
  ): Promise<[answer: ReturnType<OrderCalls[C]>, record: QueueRecord | undefined]> {
    return this.store.change('strict', async (records) => {
      const [id] = args;
      const of = key ?? (await records.one(id))?.row[1];
      const near = of === undefined ? [] : await records.of(of);
      const [answer, changes] = this.#ask(near, call, args, { amend });
      const [, outcome, what] = args;
      // At once: who is queued behind it may take the next step.
      if (call === 'finish' && outcome === SENT) this.leave(id, what as string | undefined);
      return [[answer, found(changes, id)], changes];
    });
  }

  /** What the order must know to take in a write: those of its key. What is too much, it says where it knows all. */
  async #near(records: Records, { row: [, key, , size] }: QueueRecord): Promise<QueueRecord[]> {
    const [writesMax, bytesMax] = this.#limits;
    const isBounded = bytesMax < Number.MAX_SAFE_INTEGER;
    const isFull = (await records.count()) >= writesMax || size > bytesMax;
    return isBounded || isFull ? records.after(0) : records.of(key);
  }

  /** Asks about the first records, and about more until there is an answer. */
  async #first<C extends 'begin' | 'next'>(records: Records, call: C): Promise<Asked<C>> {
    const first: QueueRecord[] = [];
    for (let count = LOOK_FIRST; ; count *= LOOK_FACTOR) {
      const more = await records.after(first.at(-1)?.row[0] ?? 0, count);
      first.push(...more);
      const asked = this.#ask(first, call, [], {});
      if (asked[0] !== undefined || more.length < count) return asked;
    }
  }

  #ask<C extends keyof OrderCalls>(
    records: readonly QueueRecord[],
    call: C,
    args: readonly unknown[],
    { entered, amend }: { entered?: QueueRecord; amend?: Amend | undefined },
  ): Asked<C> {
    const [answer, changed] = this.#asked(records, call, args);
    const changes = changed.flatMap((change): Change[] => {
      const id = typeof change === 'number' ? change : change[0];
      const before = records.find(({ row }) => row[0] === id) ?? entered;
      if (!before) return [];
      if (typeof change === 'number') return [{ gone: before }];
      const stored: QueueRecord = { ...before, row: change };
      if (id === args[0]) amend?.(stored);
      return [{ stored }];
    });
    return [answer as ReturnType<OrderCalls[C]>, changes];
  }

  #asked(records: readonly QueueRecord[], call: keyof OrderCalls, args: readonly unknown[]): ReturnType<Wasm['order']> {
    const rows: OrderRow[] = records.map(({ row }) => row);
    try {
      return this.#order(this.#limits, rows, ORDER_CALLS.indexOf(call), args);
    } catch (error) {
      throw StorageError.from(error, 'the queue failed', undefined, 'internal');
    }
  }
}

/** The record of a write, as it is after all changes; nothing if it is gone or was left as it was. */
function found(changes: readonly Change[], id: number): QueueRecord | undefined {
  const last = changes.findLast((change) => ('stored' in change ? change.stored : change.gone).row[0] === id);
  return last && 'stored' in last ? last.stored : undefined;
}
