/**
 * How much there is, and what is given up when there is no room.
 *
 * To count in the transaction of each write would make every one wait for an answer before it can be committed, which is
 * half of what it costs. So what a write added is noted here when it is done, and written to the database soon after,
 * together. Until then the database says that someone owes it something: after a crash everything is counted once more.
 *
 * To count, a write must know what it replaces. To ask is a third of what it costs, so what this one wrote itself it
 * remembers. That is wrong if another tab wrote there since. As each leaves its name with what it counts, that shows the
 * next time that this one counts: then everything is counted once more, and it asks from then on.
 */

import { StorageError } from '../errors.js';
import { SHARE } from '../parts.js';
import { unordered } from '../tier.js';
import { PARTS, keysOf, setOf, sweep, unchunked } from './chunks.js';
import type { LaneHooks, Operation, Outcome, Stores } from './lane.js';
import { addTo, answer, outline, partsOf, sum, toRecord, type StoredRecord, type Totals } from './records.js';

/** What is stored of an entry in parts beside them. Its weight was for earlier versions. */
type Mark = [name: string, weight: number, used: number];

/** What is given up first, as the user chose it. */
export type RoomPolicy = 'lru' | 'fifo' | 'size' | 'none';

export interface RoomOptions {
  readonly bytesMax: number;
  readonly itemsMax: number;
  readonly policy: RoomPolicy;
  /** Whether an entry may not be given up, by its key. */
  readonly isPinned?: ((key: string) => boolean) | undefined;
}

/** The key of the totals, with the name of who counted last. All others but `WRONG` are of those that owe something. */
const SUM = 0;
/** The key that says that the totals are wrong, and must be counted once more when nobody owes anything. */
const WRONG = 1;
/** What was added is written after this time. */
const SETTLE_MS = 300;
/** Who owes something for longer is gone: timers of hidden tabs run once a minute. */
const GONE_MS = 300_000;
/** How many entries are looked at together. */
const PAGE = 256;
/** How many uses are remembered until the entries say them. */
const USES_MAX = 10_000;
/** Room is made for a twentieth more than is needed, so that not every write has to. */
const SLACK = 20;
/** Of how many entries it is remembered what was written last. */
const WRITTEN_MAX = 10_000;
const NONE: ReadonlySet<string> = new Set();
/** What is the least of this many entries seen last is given up. */
const SEEN_MAX = 2048;

export class Room implements LaneHooks {
  readonly operationsMax: number;
  readonly bytesMax: number;
  /** Entries given up since this was made. */
  evictions = 0;
  /** Who is told of each of them, and those of the running transaction. */
  readonly evicted = new Set<(key: string) => void>();
  #gone: string[] = [];
  /** What the operations of the running transaction added. */
  readonly #added: Totals = [0, 0, 0, 0];
  /** Keys whose records have their bodies now, while older ones may lie in the other store. */
  readonly #leftovers = new Set<string>();
  /** Sets of chunks that entries had until they were written over or removed, by these names. */
  readonly #leftSets = new Map<string, string>();
  readonly #options: RoomOptions;
  readonly #isBounded: boolean;
  /** Starts a transaction that only settles. */
  readonly #settle: () => void;
  /** The connection over which it was counted last, and over which it is being counted. */
  #db: IDBDatabase | undefined;
  #counting: IDBDatabase | undefined;
  /** By what the database knows that something is owed from here. */
  readonly #name = `${Date.now()}-${Math.random()}`;
  #isMarked = false;
  /** The running transaction makes room, and cannot tell the database so. */
  #isFreeing = false;
  /** Nobody knows what a transaction left. Everything is counted once more where figures matter. */
  #isLost = false;
  #isRecounted = false;
  #owed: Totals = [0, 0, 0, 0];
  /** What the database said last, and what the running transaction tells it. */
  #known: Totals | undefined;
  #next: Totals | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What was written last, as far as it is remembered: outlines, or `null` for what was removed. */
  readonly #written = new Map<string, StoredRecord | null>();
  /** Nobody else owed anything when it was counted last. */
  #isAlone = false;
  /** What was remembered was relied on, or was so while others wrote. */
  #hasRelied = false;
  #isWary = false;
  readonly #uses = new Map<string, number>();
  #clock = 0;
  /** Where the last search for what to give up ended. */
  #hand: string | undefined;
  #seen: number[] = [];
  /** The entries in parts as they were looked at last, what is given up first at the end; and when that was. */
  #oldest: string[] = [];
  #lookedAt = 0;

  constructor(options: RoomOptions, settle: () => void) {
    this.#options = options;
    this.#isBounded = Math.min(options.bytesMax, options.itemsMax) < Infinity;
    this.#settle = settle;
    // What comes in one transaction is not given up in it, so it must be well within the limits.
    this.operationsMax = Math.min(500, Math.max(1, Math.floor(options.itemsMax / 2)));
    this.bytesMax = Math.min(8 * 2 ** 20, options.bytesMax / 2);
  }

  /** What there is, as far as this tab knows. */
  get totals(): Totals {
    return sum(this.#known ?? [0, 0, 0, 0], this.#owed);
  }

  /** Whether the database was not told of everything yet. */
  get isOwing(): boolean {
    return this.#isMarked || this.#owed[0] !== 0;
  }

  /** Now, in ms since 1970, and later than ever before. */
  tick(): number {
    return (this.#clock = Math.max(Date.now(), this.#clock + 0.001));
  }

  /** Notes that an entry was read. */
  use(key: string): void {
    this.#uses.delete(key);
    this.#uses.set(key, this.tick());
    if (this.#uses.size > USES_MAX) this.#uses.delete(this.#uses.keys().next().value as string);
  }

  /** Whether an entry was written here and not removed, when it was changed last. */
  hasWritten(key: string): boolean {
    return !!this.#written.get(key);
  }

  /** The outline of an entry, `null` for none, or `undefined` where it must be asked for. */
  recall(key: string): StoredRecord | null | undefined {
    if (!this.#isAlone || this.#isWary) return undefined;
    const known = this.#written.get(key);
    this.#hasRelied ||= known !== undefined;
    return known;
  }

  /**
   * Notes what an operation of the running transaction writes in place of what there was. Chunks that nobody needs any
   * more go at once where there is the store to remove them from, else soon after.
   */
  replaced(key: string, old: StoredRecord | undefined, record?: StoredRecord, bodies?: IDBObjectStore): void {
    addTo(this.#added, old, -1);
    addTo(this.#added, record, 1);
    const set = setOf(old);
    if (set !== undefined && set !== setOf(record)) {
      if (bodies) bodies.delete(keysOf(set));
      else this.#leftSets.set(set, key);
    }
    if (record?.[5] && old && !old[5]) this.#leftovers.add(key);
    if (this.#written.size >= WRITTEN_MAX) this.#written.clear();
    this.#written.set(key, record ? outline(record) : null);
  }

  seal(stores: Stores, operations: readonly Operation<unknown>[], answered: () => Promise<void>): Promise<void> | undefined {
    this.#isFreeing = operations[0]?.frees ?? false;
    if (this.#isFreeing) return undefined;
    // What was owed before may concern a database that was deleted since, so that must be looked at.
    if (stores.transaction.db !== this.#db) return this.#count(stores, operations, answered);
    const bytes = operations.reduce((total, operation) => total + operation.bytes, 0);
    if (operations.some(({ keys }) => keys === 'all')) return this.#count(stores, operations, answered);
    const parts = operations.reduce((total, { bytes, isPart }) => total + (isPart ? bytes : 0), 0);
    const most = this.#known && sum(sum(this.#known, this.#owed), [operations.length, 0, bytes, parts]);
    if (this.#isBounded && (!most || this.#isOver(most) || this.#arePartsOver(most))) return this.#count(stores, operations, answered);
    if (!this.#isMarked) stores.totals.put(Date.now(), this.#name);
    return undefined;
  }

  ended(how: 'done' | 'undone' | 'torn'): void {
    if (how === 'done' && this.#next) {
      this.#db = this.#counting;
      this.#known = this.#next;
      this.#owed = [0, 0, 0, 0];
      this.#isLost &&= !this.#isRecounted;
      this.#isMarked = this.#isLost;
      this.#hasRelied &&= !this.#isWary;
      this.#leftovers.clear();
      this.#leftSets.clear();
    } else if (how === 'torn') {
      this.#isLost = true;
    } else if (how === 'done') {
      this.#owed = sum(this.#owed, this.#added);
      this.#isMarked ||= !this.#isFreeing;
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        if (this.isOwing) this.#settle();
      }, SETTLE_MS);
    }
    if (how === 'done') for (const key of this.#gone) this.evicted.forEach((told) => told(key));
    this.#gone = [];
    if (how !== 'done') {
      this.#written.clear();
      this.#oldest = [];
    }
    this.#next = undefined;
    this.#added.fill(0);
  }

  makeRoom(bytes: number): Operation<boolean> {
    const run = (stores: Stores, outcome: Outcome<boolean>): void => {
      const left: Totals = [0, 0, 0, 0];
      const enough = Math.max(2 * bytes, this.totals[2] / SLACK);
      const isEnough = (): boolean => -left[2] >= enough;
      const made = this.#giveUpParts(stores, left, NONE, isEnough).then(() => this.#giveUp(stores, left, NONE, isEnough));
      made.then(() => {
        this.#added.splice(0, 4, ...left);
        outcome.done(left[0] < 0);
      }, (error: unknown) => outcome.failed(error));
    };
    return { keys: 'all', bytes: 0, isBlind: false, frees: true, run };
  }

  #isOver([items, , weight]: Totals, slack = 0): boolean {
    const { itemsMax, bytesMax } = this.#options;
    // Of no limit a share is no limit either.
    return items > itemsMax - (slack && Math.floor(itemsMax / slack)) || weight > bytesMax - (slack && Math.floor(bytesMax / slack));
  }

  #arePartsOver([, , , parts]: Totals): boolean {
    return parts > this.#options.bytesMax / SHARE;
  }

  /** Counts what came in this transaction, and what is owed, and makes room. */
  async #count(stores: Stores, operations: readonly Operation<unknown>[], answered: () => Promise<void>): Promise<void> {
    const { totals, entries, bodies } = stores;
    const [names, values] = await Promise.all([answer(totals.getAllKeys()), answer(totals.getAll())]);
    await answered();
    this.#counting = stores.transaction.db;
    if (this.#isMarked && !names.includes(this.#name)) this.#owed = [0, 0, 0, 0];
    const others = names.filter((name) => typeof name === 'string' && name !== this.#name);
    const gone = others.filter((name) => values[names.indexOf(name)] < Date.now() - GONE_MS);
    this.#isAlone = gone.length === others.length;
    const counted: unknown[] = names[0] === SUM ? (values[0] as unknown[]) : [0, 0, 0, 0];
    const isForeign = !this.#isAlone || counted[4] !== this.#name;
    if (isForeign) this.#written.clear();
    this.#isWary ||= isForeign && this.#hasRelied;
    const isWrong = names.includes(WRONG) || (this.#isWary && this.#hasRelied);
    const isExact = this.#isBounded || operations.some(({ empties, isExact }) => empties || isExact);
    let next = sum(counted as Totals, sum(this.#owed, this.#added));
    // Earlier versions did not count parts.
    const isAgain = gone.length > 0 || (isWrong && this.#isAlone) || typeof counted[3] !== 'number';
    if (operations.some(({ empties }) => empties)) {
      next = [0, 0, 0, 0];
      this.#written.clear();
    } else if (isAgain || (this.#isLost && isExact)) next = await recount(stores);
    this.#isRecounted = isAgain || isExact;
    gone.forEach((name) => totals.delete(name));
    if (isWrong && this.#isAlone) totals.delete(WRONG);
    else if (isWrong) totals.put(true, WRONG);
    for (const key of this.#leftovers) {
      if (toRecord(await answer(entries.get(key)))?.length !== 5) bodies.delete(key);
    }
    for (const [set, key] of this.#leftSets) {
      if (setOf(toRecord(await answer(entries.get(key)))) !== set) bodies.delete(keysOf(set));
    }
    if (stores.transaction.db !== this.#db) await sweep(bodies);
    const kept = new Set(operations.flatMap(({ keys }) => keys as string[]));
    if (this.#isOver(next) || this.#arePartsOver(next)) await this.#fit(stores, next, kept);
    totals.put([...next, this.#name], SUM);
    // Who comes later counts once more.
    if (this.#isLost && !this.#isRecounted) totals.put(Date.now(), this.#name);
    else totals.delete(this.#name);
    this.#next = next;
  }

  /** Gives up what is beyond the limits, or fails. */
  async #fit(stores: Stores, totals: Totals, kept: ReadonlySet<string>): Promise<void> {
    await this.#giveUpParts(stores, totals, kept, () => !this.#isOver(totals) && !this.#arePartsOver(totals));
    if (this.#added[3] > 0 && this.#arePartsOver(totals)) throw new StorageError('full', 'parts have reached their share of the tier, and the rest of them is pinned');
    if (!this.#isOver(totals)) return;
    if (this.#options.policy === 'none') throw new StorageError('full', 'the tier has reached its limits, and may give nothing up');
    await this.#giveUp(stores, totals, kept, () => !this.#isOver(totals, SLACK));
    if (this.#options.isPinned && this.#isOver(totals)) throw new StorageError('full', 'the tier has reached its limits, and all the rest is pinned');
  }

  /**
   * Removes what is worth least until there is enough, and takes it off `totals`.
   *
   * A hand goes round over all entries, a page at a time. Of each page it takes what is among the least quarter of what
   * was seen lately; in the second round half of it; in the third anything. Where all is one page, the order is exact.
   */
  async #giveUp(stores: Stores, totals: Totals, kept: ReadonlySet<string>, isEnough: () => boolean): Promise<void> {
    const { entries } = stores;
    if (this.#options.policy === 'none') return;
    for (let round = 0; round < 4 && !isEnough(); ) {
      const range = this.#hand === undefined ? null : IDBKeyRange.lowerBound(this.#hand, true);
      const [keys, values] = await Promise.all([answer(entries.getAllKeys(range, PAGE)), answer(entries.getAll(range, PAGE))]);
      const found = keys.map((key, at) => this.#rank(key as string, toRecord(values[at]) as StoredRecord));
      found.sort((left, right) => left.rank - right.rank);
      this.#seen = [...found.map(({ rank }) => rank), ...this.#seen].slice(0, SEEN_MAX);
      const seen = [...this.#seen].sort((left, right) => left - right);
      const isAll = range === null && keys.length < PAGE;
      const worst = isAll || round > 1 ? Infinity : (seen[(seen.length * (round + 1)) >> 2] ?? Infinity);
      for (const { key, record, rank } of found) {
        if (isEnough() || rank > worst) break;
        if (kept.has(key) || this.#isPinned(key)) continue;
        this.#drop(stores, totals, key, record);
      }
      this.#hand = keys.length < PAGE ? undefined : (keys.at(-1) as string);
      if (this.#hand === undefined) round += 1;
    }
  }

  /** Removes parts, those first that were not used for longest, until there is enough, and takes them off `totals`. */
  async #giveUpParts(stores: Stores, totals: Totals, kept: ReadonlySet<string>, isEnough: () => boolean): Promise<void> {
    const passed: string[] = [];
    for (let isNew = false; !isEnough(); ) {
      const key = this.#oldest.pop();
      if (key === undefined) {
        if (isNew) break;
        isNew = true;
        passed.length = 0;
        this.#oldest = await this.#marked(stores);
      } else if (kept.has(key) || this.#isPinned(key)) {
        passed.push(key);
      } else {
        const record = toRecord(await answer(stores.entries.get(key)));
        // What was used since comes after all that is known here.
        const isOld = isNew || Math.max(record?.[2] ?? 0, this.#uses.get(key) ?? 0) <= this.#lookedAt;
        if (isOld && record && partsOf(record)) this.#drop(stores, totals, key, record);
      }
    }
    for (const key of passed.reverse()) this.#oldest.push(key);
  }

  /** The entries in parts, what was not used for longest at the end. To find them all takes long where there are many. */
  async #marked({ bodies }: Stores): Promise<string[]> {
    this.#lookedAt = this.tick();
    const keys = (await answer(bodies.getAllKeys(IDBKeyRange.lowerBound([PARTS])))) as IDBValidKey[][];
    const sets = keys.filter(({ length }) => length === 1);
    const marks: Mark[] = await Promise.all(sets.map((set) => answer(bodies.get(set))));
    const used = marks.map(([key, , used]) => [key, Math.max(used, this.#uses.get(key) ?? 0)] as const);
    return used.sort(([, one], [, other]) => other - one).map(([key]) => key);
  }

  #isPinned(name: string): boolean {
    return this.#options.isPinned?.(unordered(name)) ?? false;
  }

  #drop({ entries, bodies }: Stores, totals: Totals, key: string, record: StoredRecord): void {
    entries.delete(key);
    if (record.length < 6) bodies.delete(key);
    const set = setOf(record);
    if (set !== undefined) bodies.delete(keysOf(set));
    addTo(totals, record, -1);
    this.#uses.delete(key);
    this.#written.delete(key);
    this.evictions += 1;
    if (this.evicted.size) this.#gone.push(unordered(key));
  }

  #rank(key: string, record: StoredRecord): { key: string; record: StoredRecord; rank: number } {
    const { policy } = this.#options;
    const rank = policy === 'size' ? -record[3] : policy === 'fifo' ? record[2] : Math.max(record[2], this.#uses.get(key) ?? 0);
    return { key, record, rank };
  }
}

/** Counts everything, and removes bodies that no record speaks of. */
async function recount({ entries, bodies }: Stores): Promise<Totals> {
  const totals: Totals = [0, 0, 0, 0];
  const large = new Set<IDBValidKey>();
  const sets = new Set<string>();
  let range: IDBKeyRange | null = null;
  for (;;) {
    const [keys, values]: [IDBValidKey[], unknown[]] = await Promise.all([
      answer(entries.getAllKeys(range, PAGE)),
      answer(entries.getAll(range, PAGE)),
    ]);
    values.forEach((value, at) => {
      const record = toRecord(value);
      addTo(totals, record, 1);
      if (record?.length === 5) large.add(keys[at] as IDBValidKey);
      const set = setOf(record);
      if (set !== undefined) sets.add(set);
    });
    if (keys.length < PAGE) break;
    range = IDBKeyRange.lowerBound(keys.at(-1), true);
  }
  for (const key of await answer(bodies.getAllKeys(unchunked()))) if (!large.has(key)) bodies.delete(key);
  await sweep(bodies, sets);
  return totals;
}
