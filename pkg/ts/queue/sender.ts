/** Sends what is queued: one tab at a time, one write after the other. */

import type { SetOptions, StorageMetadata } from '../contract.js';
import { StorageError } from '../errors.js';
import type { TieredStorage } from '../storage.js';
import { joined } from '../streams.js';
import { SENT, type Orders } from './orders.js';
import { PIECE_BYTES } from './store.js';
import { exclusively, ifFree } from './tabs.js';
import type { QueueRecord, RawFailure } from './types.js';

/** Larger bodies are sent in pieces or not at all. */
const WHOLE_BYTES_MAX = 64 * 2 ** 20;
/** How long to wait, after the place where the queue is kept has failed, in ms. */
const STORE_WAIT_MS = 10_000;
/** What `finish` gives for a write that is at its end, or held up. */
const VERDICT = { done: -1, conflict: -2, failed: -3 };

/** What the tabs of a queue tell each other. */
export type Message =
  | { type: 'change' }
  | { type: 'sent' | 'conflict' | 'failed'; record: QueueRecord; metadata: StorageMetadata | null }
  | { type: 'cancelled'; id: number }
  /** `begun`: when the attempt was, in ms since 1970. */
  | { type: 'outage'; error: RawFailure; begun: number }
  | { type: 'wake' };

export interface SenderOptions {
  readonly orders: Orders;
  readonly storage: TieredStorage;
  /** Tells this tab and the others. */
  tell(message: Message): void;
  /** Is called when nothing was left to be sent, or nothing can be sent now. */
  rest(): void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #closing = new AbortController();
  /** What runs, or waits for other tabs. */
  #running: Promise<void> | undefined;
  /** Whether there may be more to send than what runs knows of. */
  #isAsked = false;
  /** Ends a wait after an outage. */
  #wake: (() => void) | undefined;
  #current: { id: number; controller: AbortController } | undefined;
  /** Whether outages are waited out. */
  #isPatient: boolean;
  #hasSwept = false;

  constructor(options: SenderOptions, isPatient: boolean) {
    this.#options = options;
    this.#isPatient = isPatient;
  }

  /** Whether it sends, or waits until it may. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** There may be something to send, or a reason to think that it would work now. */
  wake(): void {
    this.#isAsked = true;
    this.#wake?.();
    this.#running ??= this.#run();
  }

  /** Gives up what is being sent. */
  cancel(id: number): void {
    if (this.#current?.id === id) this.#current.controller.abort();
  }

  /** What is being sent is given up and stays queued. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#current?.controller.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { tell, rest, orders } = this.#options;
    const { signal } = this.#closing;
    try {
      while (this.#isAsked && !signal.aborted) {
        this.#isAsked = false;
        try {
          await exclusively(`${orders.store.name}/sender`, signal, () => this.#drain());
        } catch (error) {
          if (signal.aborted) return;
          const raw = toRaw(error);
          tell({ type: 'outage', error: raw, begun: Date.now() });
          if (!this.#isPatient || raw.kind === 'closed') continue;
          await this.#sleep(STORE_WAIT_MS);
          this.#isAsked = true;
        }
      }
    } finally {
      // At once: who wakes it from now on finds that nothing runs.
      this.#running = undefined;
    }
    rest();
  }

  /** Sends until nothing may be sent any more; nobody else does. */
  async #drain(): Promise<void> {
    const { orders, tell } = this.#options;
    await this.#sweep();
    while (!this.#closing.signal.aborted) {
      this.#isAsked = false;
      const begun = Date.now();
      const record = await orders.begin();
      if (!record) return;
      tell({ type: 'change' });
      const sent = await this.#attempt(record);
      if (!sent) continue;
      const wait = await this.#finish(record, sent, begun);
      // Who asked meanwhile knows something that this attempt did not.
      if (wait === undefined || this.#isAsked) continue;
      // A storage that was closed stays so, and to try again would keep its process alive. Another tab may have one that is open.
      const isClosed = 'error' in sent && sent.error.kind === 'closed';
      if (!this.#isPatient || isClosed) return;
      await this.#sleep(wait);
    }
  }

  /** How sending ended; nothing if it was given up. */
  async #attempt(record: QueueRecord): Promise<Sent | undefined> {
    const { orders } = this.#options;
    const [id, key] = record.row;
    const controller = new AbortController();
    const { signal } = controller;
    this.#current = { id, controller };
    if (this.#closing.signal.aborted) controller.abort();
    try {
      // A tab that cancelled it since it was begun was heard too early, if at all.
      const isThere = await orders.store.look((records) => records.one(id));
      if (!isThere || signal.aborted) return undefined;
      return { metadata: await this.#send(record, signal) };
    } catch (error) {
      return signal.aborted ? undefined : { error: StorageError.from(error, 'the write cannot be sent', key, 'internal') };
    } finally {
      this.#current = undefined;
    }
  }

  /** Takes in how sending ended; gives the ms to wait after an outage. */
  async #finish(record: QueueRecord, sent: Sent, begun: number): Promise<number | undefined> {
    const { orders, tell } = this.#options;
    const [id, key] = record.row;
    const [outcome, what, metadata] = toOutcome(record, sent);
    const error = 'error' in sent ? sent.error : undefined;
    const amend = (changed: QueueRecord): void => {
      delete changed.current;
      delete changed.error;
      const state = changed.row[7];
      if (state === 2) changed.current = error?.current ?? null;
      if (state === 3) changed.error = toRaw(error);
    };
    const random = Math.floor(Math.random() * 2 ** 48);
    const [verdict, changed] = await orders.change('finish', [id, outcome, what, random], { key, amend });
    tell({ type: 'change' });
    if (verdict === VERDICT.done) tell({ type: 'sent', record, metadata });
    else if (verdict < 0 && changed) tell({ type: verdict === VERDICT.conflict ? 'conflict' : 'failed', record: changed, metadata });
    if (verdict < 0) return undefined;
    tell({ type: 'outage', error: toRaw(error), begun });
    return verdict;
  }

  async #send(record: QueueRecord, signal: AbortSignal): Promise<StorageMetadata | null> {
    const { orders, storage } = this.#options;
    const [, key, isDelete, size, condition] = record.row;
    if (isDelete) {
      // No version has an empty name: where there must be nothing, whatever there is, is in the way.
      await storage.delete(key, condition === undefined ? { signal } : { ifMatch: condition ?? '', signal });
      return null;
    }
    const options: SetOptions = { ...record.how, signal };
    if (condition === null) options.ifAbsent = true;
    else if (condition !== undefined) options.ifMatch = condition;
    let broken: unknown;
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* orders.store.pieces(record.body ?? '', size);
      } catch (error) {
        broken = error;
        throw error;
      }
    };
    const whole = async (): Promise<Uint8Array> => {
      const all: Uint8Array[] = [];
      for await (const piece of pieces()) all.push(piece);
      return joined(all);
    };
    if (record.isJson) return (await storage.set(key, JSON.parse(new TextDecoder().decode(await whole())), options)).metadata;
    if (size <= PIECE_BYTES) return (await storage.set(key, await whole(), options)).metadata;
    try {
      return (await storage.setStream(key, pieces(), options)).metadata;
    } catch (error) {
      // What is damaged does not get better by being sent again.
      if (broken !== undefined) throw broken;
      const takesWholes = error instanceof StorageError && error.kind === 'unsupported' && size <= WHOLE_BYTES_MAX;
      if (!takesWholes) throw error;
      return (await storage.set(key, await whole(), options)).metadata;
    }
  }

  /** Forgets the bodies of pages that died before they had queued them. */
  async #sweep(): Promise<void> {
    if (this.#hasSwept) return;
    this.#hasSwept = true;
    const { store } = this.#options.orders;
    for (const body of await store.strays()) {
      await ifFree(`${store.name}/body/${body}`, async () => {
        if ((await store.strays()).includes(body)) await store.dropBody(body);
      });
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }).then(() => void (this.#wake = undefined));
  }
}

type Sent = { metadata: StorageMetadata | null } | { error: StorageError };

/** What the end of an attempt means to the order; and what is stored now of an entry that was written. */
function toOutcome({ row }: QueueRecord, sent: Sent): [outcome: number, what: string | undefined, stored: StorageMetadata | null] {
  if ('metadata' in sent) return [SENT, sent.metadata?.version, sent.metadata];
  const { kind, current, isSame } = sent.error;
  if (kind !== 'conflict') return [2, kind, null];
  // An earlier attempt, whose answer was lost.
  if (isSame && current) return [SENT, current.version, current];
  return row[4] === undefined ? [2, 'unavailable', null] : [1, current?.version, null];
}

function toRaw(error: unknown): RawFailure {
  const { kind, message } = StorageError.from(error, 'the queue failed', undefined, 'internal');
  return { kind, message };
}
