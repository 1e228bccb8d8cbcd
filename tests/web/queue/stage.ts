/** A queue whose store and storage do as a test says, step by step, in as many tabs as it likes. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { StorageError } from '../../../pkg/ts/errors.js';
import { startFrom } from '../../../pkg/ts/entries/start.js';
import { WriteQueue } from '../../../pkg/ts/queue.js';
import { useFolders, type Change, type QueueStore, type Records, type Step } from '../../../pkg/ts/queue/store.js';
import type { QueueOptions, QueueRecord } from '../../../pkg/ts/queue/types.js';
import type { TieredStorage } from '../../../pkg/ts/storage.js';
import { DIST } from '../lib/bundle.mjs';

startFrom(() => readFile(join(DIST, 'tiers.wasm')));

let stages = 0;
const opening = new Map<string, () => QueueStore>();
useFolders(async (directory) => opening.get(directory)?.() as QueueStore);

/** What a call of the storage is about. */
export interface Call {
  readonly name: 'set' | 'delete';
  readonly key: string;
  readonly ifMatch: string | undefined;
  readonly metadata: Record<string, string> | undefined;
}

/** What all tabs share: the database, and cold. */
export class Stage {
  readonly name = `stage-${(stages += 1)}`;
  readonly records = new Map<number, QueueRecord>();
  readonly bodies = new Map<string, Uint8Array[]>();
  /** What was sent, such as `set a`. */
  readonly sent: string[] = [];
  /** The versions that cold has. */
  readonly versions = new Map<string, string>();
  last = 0;
  /** How many records steps were given. */
  read = 0;
  turn: Promise<unknown> = Promise.resolve();
  #versions = 0;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    // Channels keep no process alive.
    const alive = setInterval(() => undefined, 1000);
    t.after(() => clearInterval(alive));
  }

  async tab(options: Partial<QueueOptions> = {}): Promise<Tab> {
    const tab = new Tab(this);
    opening.set(this.name, () => tab);
    const storage = tab.storage as unknown as TieredStorage;
    tab.queue = await WriteQueue.open(storage, { directory: this.name, send: 'manual', ...options });
    this.#t.after(() => tab.queue.close());
    return tab;
  }

  newVersion(): string {
    return `v${(this.#versions += 1)}`;
  }
}

/** One tab: its store, its storage, its queue. */
export class Tab implements QueueStore {
  readonly name: string;
  readonly isShared = true;
  queue!: WriteQueue;
  /** What a step waits for before it is taken; once it is stored, before who took it hears of that; and the same of a look. */
  before: () => Promise<void> | undefined = () => undefined;
  after: (changes: readonly Change[]) => Promise<void> | undefined = () => undefined;
  looking: () => Promise<void> | undefined = () => undefined;
  looked: () => Promise<void> | undefined = () => undefined;
  /** What comes before an answer of the storage, and of `getMetadata`. */
  answer: (call: Call) => Promise<void> | undefined = () => undefined;
  known: (key: string) => Promise<void> | undefined = () => undefined;
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.name = stage.name;
  }

  readonly storage = {
    set: (key: string, _: unknown, options: object) => this.#send('set', key, options),
    setStream: (key: string, _: unknown, options: object) => this.#send('set', key, options),
    delete: (key: string, options: object) => this.#send('delete', key, options),
    getMetadata: async (key: string) => {
      const version = this.#stage.versions.get(key);
      await this.known(key);
      return version === undefined ? null : { version };
    },
  };

  async look<T>(work: (records: Records) => T | Promise<T>): Promise<T> {
    await this.looking();
    const answer = await this.#inTurn(async () => work(this.#records()));
    await this.looked();
    return answer;
  }

  async change<T>(_: unknown, step: Step<T>): Promise<T> {
    await this.before();
    const { records, bodies } = this.#stage;
    const [answer, changes] = await this.#inTurn(async () => {
      const [answer, changes] = await step(this.#records(), async () => (this.#stage.last += 1));
      for (const change of changes) {
        if ('stored' in change) records.set(change.stored.row[0], structuredClone(change.stored));
        else records.delete(change.gone.row[0]);
        if ('gone' in change) bodies.delete(change.gone.body ?? '');
      }
      return [answer, changes] as const;
    });
    await this.after(changes);
    return answer;
  }

  async addPiece(body: string, _: number, piece: Uint8Array): Promise<void> {
    this.#stage.bodies.set(body, [...(this.#stage.bodies.get(body) ?? []), piece]);
  }

  async *pieces(body: string, size: number): AsyncGenerator<Uint8Array> {
    const pieces = this.#stage.bodies.get(body);
    if (!pieces && size) throw new StorageError('corrupt', 'the body is gone');
    yield* pieces ?? [];
  }

  async dropBody(body: string): Promise<void> {
    this.#stage.bodies.delete(body);
  }

  async strays(): Promise<string[]> {
    return [];
  }

  async close(): Promise<void> {}

  #records(): Records {
    const given = (some: QueueRecord[]): QueueRecord[] => {
      this.#stage.read += some.length;
      return structuredClone(some);
    };
    const all = (): QueueRecord[] => [...this.#stage.records.values()].sort((one, other) => one.row[0] - other.row[0]);
    return {
      one: (id) => given(all().filter(({ row }) => row[0] === id))[0],
      of: (key) => given(all().filter(({ row }) => row[1] === key)),
      after: (id, count) => given(all().filter(({ row }) => row[0] > id).slice(0, count)),
      count: () => this.#stage.records.size,
    };
  }

  async #send(name: Call['name'], key: string, options: object): Promise<{ metadata: { version: string } }> {
    const { ifMatch, metadata, signal } = options as Call & { signal?: AbortSignal };
    signal?.throwIfAborted();
    const { sent, versions } = this.#stage;
    sent.push(`${name} ${key}`);
    await this.answer({ name, key, ifMatch, metadata });
    signal?.throwIfAborted();
    const version = versions.get(key);
    if (ifMatch !== undefined && ifMatch !== (version ?? '')) {
      throw new StorageError('conflict', 'it is another version', { key, current: version === undefined ? null : ({ version } as never) });
    }
    const next = this.#stage.newVersion();
    if (name === 'set') versions.set(key, next);
    else versions.delete(key);
    return { metadata: { version: next } };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#stage.turn.then(work);
    this.#stage.turn = mine.catch(() => undefined);
    return mine;
  }
}

/** A gate that is opened by hand, and whether somebody has come to it. */
export function gate(): { reached: Promise<void>; open: () => void; pass: () => Promise<void> } {
  let open = (): void => undefined;
  let come = (): void => undefined;
  const opened = new Promise<void>((done) => (open = done));
  const reached = new Promise<void>((done) => (come = done));
  const pass = (): Promise<void> => {
    come();
    return opened;
  };
  return { reached, open: () => open(), pass };
}

/** Resolves when `queue` was told of the next change. */
export function changed(queue: WriteQueue): Promise<void> {
  return new Promise((done) => {
    const stop = queue.on('change', () => {
      stop();
      done();
    });
  });
}

/** What comes of `work` while nothing is waited for but other work of this process: `late` if it waits for something else. */
export async function soon<T>(work: Promise<T>, turns = 200): Promise<T | 'late'> {
  const { setImmediate: turn } = await import('node:timers');
  const late = (async () => {
    for (let left = turns; left > 0; left--) await new Promise((done) => turn(done));
    return 'late' as const;
  })();
  return Promise.race([work, late]);
}

/** Whether a step began to send. */
export const isBegin = (changes: readonly Change[]): boolean => changes.some((change) => 'stored' in change && change.stored.row[7] === 1);
/** Whether a step ended an attempt: of a write that waits again, is held up, or is gone. */
export const isEnd = (changes: readonly Change[]): boolean =>
  changes.some((change) => 'gone' in change || (change.stored.row[6] > 0 && change.stored.row[7] !== 1));
