/** One scenario, step by step. */

import { tierCall } from './behind.js';
import type { ApiCall } from './calls.js';
import { Clock } from './clock.js';
import { Mismatch } from './compare.js';
import { check, type Expect, type Given, NOTHING, showExpect, toJson } from './expect.js';
import { field, isObject, type Json, type JsonObject, Malformed } from './fields.js';
import type { Control, Scenario, Step } from './form.js';
import { attempt, call, failureOf, Instance } from './instance.js';
import { type Machine, Pending } from './machine.js';
import { Activity, type Seat } from './seat.js';
import { type Seats, Stage, type World } from './stage.js';

/** How a scenario ended: the step is counted from 1, and 0 is before the first. */
export type Ending =
  | { is: 'passed' }
  | { is: 'failed'; step: number; expected: string; got: string }
  /** The runner could not run it. */
  | { is: 'unusable'; message: string };

/** A step that was begun. */
type Handle = Handle[] | { given: Pending<Given>; expect: Expect | undefined; keepsSnapshot: boolean };

/** What goes wrong outside of any call of the scenario. `stray` gives the first such error since it was last asked. */
export type Stray = () => unknown;

/** Runs `scenario` to its end. */
export async function play(scenario: Scenario, world: World, stray: Stray): Promise<Ending> {
  let at = 0;
  try {
    const play = new Play(scenario, world);
    await play.instance('A');
    for (const step of scenario.steps) {
      at += 1;
      await play.step(step);
    }
    await play.end();
    const error = stray();
    if (error !== undefined) throw error;
    return { is: 'passed' };
  } catch (error) {
    if (error instanceof Malformed) return { is: 'unusable', message: `step ${at}: ${error.message}` };
    if (error instanceof Mismatch) return { is: 'failed', step: at, expected: error.expected, got: error.got };
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { is: 'failed', step: at, expected: 'nothing to go wrong beside the calls', got: text };
  } finally {
    stray();
    await world.end();
  }
}

class Play {
  readonly #scenario: Scenario;
  readonly #machine: Machine;
  readonly #activity = new Activity();
  readonly #stage: Stage;
  readonly #instances = new Map<string, Instance>();
  readonly #started = new Map<string, Handle>();
  /** The last export, as JSON text. */
  #snapshot: string | undefined;

  constructor(scenario: Scenario, world: World) {
    this.#scenario = scenario;
    this.#machine = world.machine(new Clock(), this.#activity);
    this.#stage = new Stage(world, scenario.config, this.#activity);
  }

  async step(step: Step): Promise<void> {
    await this.#finish(await this.#begin(step), undefined);
  }

  /** Checks what was started and never finished, as far as it has ended. */
  async end(): Promise<void> {
    await this.#machine.rest();
    for (const handle of this.#started.values()) {
      if (isDone(handle)) this.#check(handle, undefined);
    }
  }

  /** An instance, opened when it is first named. */
  async instance(name: string): Promise<Instance> {
    return this.#instances.get(name) ?? (await this.#open(name, this.#stage.seats(name)));
  }

  /** Begins a call, at once where it can; does what is not a call. */
  #begin(step: Step): Handle | Promise<Handle> {
    const { action } = step;
    switch (action.do) {
      case 'call':
      case 'tier': {
        const instance = this.#instances.get(step.instance);
        return instance ? this.#call(instance, step) : this.instance(step.instance).then((at) => this.#call(at, step));
      }
      case 'all':
        return this.#beginAll(action.steps);
      case 'start':
        return this.#start(action.id, action.step);
      case 'finish':
        return this.#finishStarted(action.id, step.expect);
      default:
        return this.#control(step, action);
    }
  }

  #call(instance: Instance, { action, expect }: Step): Handle {
    if (action.do === 'tier') {
      const { port } = instance.seat(action.tier);
      const now = this.#machine.clock.now();
      const given = attempt(() => tierCall(port, action.call, now));
      return { given: new Pending(given, this.#activity), expect, keepsSnapshot: false };
    }
    if (action.do !== 'call') throw new Error('only calls are called');
    const snapshot = action.call.name === 'import' ? this.#imported(action.call) : '';
    const given = attempt(() => call(instance.storage, action.call, snapshot));
    return { given: new Pending(given, this.#activity), expect, keepsSnapshot: action.call.name === 'export' };
  }

  /** Nothing runs between two that can begin at once. */
  async #beginAll(steps: Step[]): Promise<Handle> {
    const handles: Handle[] = [];
    for (const step of steps) {
      const handle = this.#begin(step);
      handles.push(handle instanceof Promise ? await handle : handle);
    }
    return handles;
  }

  async #start(id: string, step: Step): Promise<Handle> {
    const handle = await this.#begin(step);
    await this.#machine.stall(() => isDone(handle));
    this.#started.set(id, handle);
    return [];
  }

  async #finishStarted(id: string, expect: Expect | undefined): Promise<Handle> {
    const handle = this.#started.get(id);
    if (!handle) throw new Error('the file was not checked to start it');
    this.#started.delete(id);
    await this.#finish(handle, expect);
    return [];
  }

  /** The snapshot that an import reads: the kept one, with the changes that the step makes to it. */
  #imported({ snapshot: change }: Extract<ApiCall, { name: 'import' }>): string {
    const kept = this.#snapshot;
    if (change === undefined) {
      if (kept === undefined) throw new Malformed('nothing was exported that could be imported');
      return kept;
    }
    const isWhole =
      isObject(change) && ['version', 'keys', 'metadata'].every((name) => field(change, name) !== undefined);
    return JSON.stringify(kept === undefined || isWhole ? change : merged(JSON.parse(kept) as Json, change));
  }

  async #control(step: Step, action: Control): Promise<Handle> {
    let given = NOTHING;
    const seat = async (): Promise<Seat> => (await this.instance(step.instance)).seat((action as { tier: 'hot' }).tier);
    switch (action.do) {
      case 'advance':
        await this.#machine.advance(action.ms);
        break;
      case 'restart':
        given = await this.#restart(step.instance);
        break;
      case 'damage':
        given = await this.#damage(await seat(), action);
        break;
      case 'fault':
        (await seat()).fail(action.call, action.times, action.when, action.kind);
        break;
      case 'calls':
        given = { answer: { json: (await seat()).takeCalls(action.call) } };
        break;
      case 'hold':
        (await seat()).hold(action.call);
        break;
      case 'release':
        if (!(await seat()).release(action.call)) {
          throw new Mismatch(`a hold of ${action.tier} ${action.call} to release`, 'none');
        }
        await this.#machine.rest();
        break;
    }
    checkAll(given, [step.expect]);
    return [];
  }

  async #restart(name: string): Promise<Given> {
    const { storage, seats } = await this.instance(name);
    const closed = attempt(async () => {
      await storage.close();
      return { json: null };
    });
    const handle = { given: new Pending(closed, this.#activity), expect: undefined, keepsSnapshot: false };
    await this.#finish(handle, undefined);
    this.#instances.delete(name);
    await this.#machine.rest();
    this.#stage.reopen(name, seats);
    await this.#open(name, seats);
    return NOTHING;
  }

  async #damage(seat: Seat, { tier, key, how }: Extract<Control, { do: 'damage' }>): Promise<Given> {
    try {
      if (await this.#stage.damage(tier, seat, key, how)) return NOTHING;
    } catch (error) {
      return { failure: failureOf(error) };
    }
    throw new Mismatch(`${JSON.stringify(key)} in ${tier}, to damage it`, 'no entry');
  }

  /** Waits for what was begun, and compares. */
  async #finish(handle: Handle, expect: Expect | undefined): Promise<void> {
    const held = (): string[] => [...this.#instances.values()].flatMap((instance) => instance.held());
    if (!(await this.#machine.wait(pendingOf(handle), () => held().length > 0))) {
      const own = Array.isArray(handle) ? undefined : handle.expect;
      const wanted = expect ?? own;
      const names = [...new Set(held())];
      const why =
        names.length === 0
          ? 'it waits for something that does not come'
          : `it waits for what nobody releases: ${names.join(', ')}`;
      throw new Mismatch(wanted ? showExpect(wanted) : 'an end', `no end: ${why}`);
    }
    this.#check(handle, expect);
  }

  #check(handle: Handle, expect: Expect | undefined): void {
    if (Array.isArray(handle)) {
      for (const [at, inner] of handle.entries()) {
        try {
          this.#check(inner, undefined);
        } catch (error) {
          if (!(error instanceof Mismatch)) throw error;
          throw new Mismatch(`(its step ${at + 1}) ${error.expected}`, error.got);
        }
      }
      return;
    }
    const given = handle.given.value;
    if (!given) throw new Error('what is checked has ended');
    if (handle.keepsSnapshot && 'answer' in given) this.#snapshot = JSON.stringify(toJson(given.answer));
    checkAll(given, [handle.expect, expect]);
  }

  async #open(name: string, seats: Seats): Promise<Instance> {
    const { clock } = this.#machine;
    let instance: Instance | undefined;
    const opened = attempt(async () => {
      instance = await Instance.open(this.#scenario.config, seats, clock);
      return { json: null };
    });
    const pending = new Pending(opened, this.#activity);
    await this.#machine.wait([pending], () => false);
    if (!instance) {
      const given = pending.value;
      throw new Mismatch('the storage to open', given && 'failure' in given ? given.failure.text : 'no end');
    }
    this.#instances.set(name, instance);
    return instance;
  }
}

function isDone(handle: Handle): boolean {
  return pendingOf(handle).every((pending) => pending.isDone);
}

function pendingOf(handle: Handle): Pending<unknown>[] {
  return Array.isArray(handle) ? handle.flatMap(pendingOf) : [handle.given];
}

/** What no `expect` speaks of must not fail. */
function checkAll(given: Given, expects: (Expect | undefined)[]): void {
  const said = expects.filter((expect) => expect !== undefined);
  if (said.length === 0 && 'failure' in given) throw new Mismatch('no failure', given.failure.text);
  for (const expect of said) check(expect, given);
}

/** `json` with the fields of `change` in it, as RFC 7386 has it. */
function merged(json: Json, change: Json): Json {
  if (!isObject(json) || !isObject(change)) return change;
  const fields: JsonObject = { ...json };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete fields[name];
    else fields[name] = merged(field(fields, name) ?? null, value);
  }
  return fields;
}
