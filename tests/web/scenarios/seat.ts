/** The place of a tier: what counts, stops and fails the calls around it stays when a restart brings another tier. */

import { MemoryStorageTier, StorageError, type StorageTier } from 'tiered-storage';
import { type MaybePromise, PORT, type Port, type Ported } from '../../../pkg/ts/port.js';
import { type Call, CALLS, type FaultKind, type When } from './form.js';

/** A tier of the package. */
export type PortedTier = StorageTier & Ported;

/** What goes on in all seats of a scenario: something moves when `moves` does. */
export class Activity {
  moves = 0;
  /** How many calls of tiers began and have not ended; held ones are not among them. */
  running = 0;

  begin(): void {
    this.moves += 1;
    this.running += 1;
  }

  end(): void {
    this.moves += 1;
    this.running -= 1;
  }
}

/** What is to become of the calls of one kind, and how many there were. */
interface Plan {
  calls: number;
  faults: { times: number; when: When; kind: FaultKind }[];
  /** How many calls to stop that have not come yet. */
  holds: number;
  /** Lets the calls go that are stopped, in order. */
  stopped: (() => void)[];
}

/**
 * What passes every call on to a tier, and can be told to fail, to stop and to count. A call is counted when it begins;
 * then it waits, if it was to be held; then it fails, if it was to fail. `usage`, `announce`, `accesses` and `close` are
 * passed on and never counted.
 */
export class Seat {
  readonly #plans: Record<Call, Plan>;
  readonly #activity: Activity;
  /** Several storages have the tier, so none closes it. */
  readonly #isShared: boolean;
  #tier: PortedTier;
  #port: Port | undefined;

  constructor(tier: PortedTier, activity: Activity, isShared: boolean) {
    const plan = (): Plan => ({ calls: 0, faults: [], holds: 0, stopped: [] });
    this.#plans = Object.fromEntries(CALLS.map((call) => [call, plan()])) as Record<Call, Plan>;
    this.#tier = tier;
    this.#activity = activity;
    this.#isShared = isShared;
  }

  exchange(tier: PortedTier): void {
    this.#tier = tier;
  }

  /** The tier as a storage is to see it, all of whose calls come through here. */
  guest(): StorageTier {
    const tier = this.#tier;
    if (tier instanceof SeatedMemory) {
      tier.seat = this;
      return tier;
    }
    const open = (...words: Parameters<Ported[typeof PORT]>): Promise<Port> => this.open(() => tier[PORT](...words));
    return new Proxy(tier, { get: (inner, name) => (name === PORT ? open : (Reflect.get(inner, name) as unknown)) });
  }

  /** The port as a storage is to see it. */
  async open(inside: () => MaybePromise<Port>): Promise<Port> {
    this.#port = await inside();
    return this.#wrapped(this.#port);
  }

  /** The port inside, as the storage that was opened last has it: a way in that is neither counted nor made to fail. */
  get port(): Port {
    if (!this.#port) throw new Error('a seat is used before a storage was opened over it');
    return this.#port;
  }

  /** Whether the next such call is to fail or to stop. */
  isArmed(call: Call): boolean {
    const { holds, faults } = this.#plans[call];
    return holds > 0 || faults.length > 0;
  }

  /** Counts a call that did not come through the port. */
  note(call: Call): void {
    this.#plans[call].calls += 1;
  }

  fail(call: Call, times: number, when: When, kind: FaultKind): void {
    if (times > 0) this.#plans[call].faults.push({ times, when, kind });
  }

  /** Makes the next call, and no other, stop before its effect until it is released. */
  hold(call: Call): void {
    this.#plans[call].holds += 1;
  }

  /** Lets the call go on that was stopped first; else takes a hold away. Says whether there was either. */
  release(call: Call): boolean {
    const plan = this.#plans[call];
    const go = plan.stopped.shift();
    if (go) {
      go();
      return true;
    }
    const wasArmed = plan.holds > 0;
    plan.holds = Math.max(0, plan.holds - 1);
    return wasArmed;
  }

  /** The kinds of calls that are stopped now. */
  stopped(): Call[] {
    return CALLS.filter((call) => this.#plans[call].stopped.length > 0);
  }

  takeCalls(call: Call): number {
    const { calls } = this.#plans[call];
    this.#plans[call].calls = 0;
    return calls;
  }

  #wrapped(port: Port): Port {
    const run = <T>(call: Call, effect: () => MaybePromise<T>): MaybePromise<T> => this.#run(call, effect);
    return {
      traits: port.traits,
      read: (key, unless) => run('read', () => port.read(key, unless)),
      head: (key) => run('head', () => port.head(key)),
      write: (key, entry, facts) => run('write', () => port.write(key, entry, facts)),
      patch: (key, line, facts) => run('patch', () => port.patch(key, line, facts)),
      remove: (keys) => run('remove', () => port.remove(keys)),
      removeVersion: (key, line, version) => run('remove', () => port.removeVersion(key, line, version)),
      list: (prefix, after, limit) => run('list', () => port.list(prefix, after, limit)),
      usage: () => port.usage(),
      clear: () => run('remove', () => port.clear()),
      // It may remove the entry, and while changes are to fail or to stop, nothing is to be removed.
      announce: (key) => (this.isArmed('write') || this.isArmed('remove') ? undefined : port.announce(key)),
      accesses: (limit) => port.accesses(limit),
      close: () => (this.#isShared ? undefined : port.close()),
      ...this.#parts(port),
    };
  }

  /** What ports do that know of parts of bodies. */
  #parts(port: Port): Pick<Port, 'readRange' | 'writePart'> {
    const { readRange, writePart } = port;
    const parts: Pick<Port, 'readRange' | 'writePart'> = {};
    if (readRange) parts.readRange = (...words) => this.#run('read', () => readRange.apply(port, words));
    if (writePart) parts.writePart = (...words) => this.#run('write', () => writePart.apply(port, words));
    return parts;
  }

  #run<T>(call: Call, effect: () => MaybePromise<T>): MaybePromise<T> {
    const plan = this.#plans[call];
    plan.calls += 1;
    if (plan.holds === 0) return this.#perform(call, effect);
    plan.holds -= 1;
    const gate = new Promise<void>((go) => plan.stopped.push(go));
    return gate.then(() => this.#perform(call, effect));
  }

  #perform<T>(call: Call, effect: () => MaybePromise<T>): MaybePromise<T> {
    const fault = this.#nextFault(call);
    if (fault?.when === 'before') throw injected(call, fault.kind);
    const result = effect();
    if (!(result instanceof Promise)) {
      this.#activity.moves += 1;
      if (fault) throw injected(call, fault.kind);
      return result;
    }
    this.#activity.begin();
    return result
      .then((value) => {
        if (fault) throw injected(call, fault.kind);
        return value;
      })
      .finally(() => this.#activity.end());
  }

  #nextFault(call: Call): { when: When; kind: FaultKind } | undefined {
    const { faults } = this.#plans[call];
    const fault = faults[0];
    if (!fault) return undefined;
    fault.times -= 1;
    if (fault.times === 0) faults.shift();
    return fault;
  }
}

function injected(call: Call, kind: FaultKind): StorageError {
  return new StorageError(kind, `the ${call} was told to fail`);
}

/** A tier in memory whose hits without the core are counted too, and stop where a read is to fail or to stop. */
export class SeatedMemory extends MemoryStorageTier {
  seat: Seat | undefined;

  override lookup(...words: Parameters<MemoryStorageTier['lookup']>): ReturnType<MemoryStorageTier['lookup']> {
    return this.seat?.isArmed('read') ? undefined : super.lookup(...words);
  }

  override count(...words: Parameters<MemoryStorageTier['count']>): void {
    this.seat?.note('read');
    super.count(...words);
  }

  override [PORT](...words: Parameters<MemoryStorageTier[typeof PORT]>): ReturnType<MemoryStorageTier[typeof PORT]> {
    const open = (): ReturnType<MemoryStorageTier[typeof PORT]> => super[PORT](...words);
    return this.seat ? (this.seat.open(open) as Promise<never>) : open();
  }
}
