/** The form of a scenario file, checked as a whole before anything runs. */

import { type ApiCall, parseApiCall, parseTierCall, type TierCall } from './calls.js';
import { type Config, defaultConfig, parseConfig, parseTier, type Tier } from './config.js';
import { type Expect, parseExpect, type Shape } from './expect.js';
import { Fields, isWhole, type Json, Malformed, show, within } from './fields.js';

/** All hosts that a file may name, those of the native runner too. */
export const HOSTS = ['memory', 'disk-s3', 'node', 'chromium'] as const;
/** The hosts of this runner. */
export const OWN_HOSTS = ['node', 'chromium'] as const;
export type Host = (typeof OWN_HOSTS)[number];

/** A way into a tier, as scenarios name it. */
export const CALLS = ['read', 'write', 'patch', 'remove', 'list', 'head'] as const;
export type Call = (typeof CALLS)[number];

const ERRORS = ['unavailable', 'denied', 'conflict', 'corrupt', 'full'] as const;
export type FaultKind = (typeof ERRORS)[number];
/** A call fails before it took effect, or after: then the answer is lost. */
export type When = 'before' | 'after';
/** What becomes of a stored body. */
export type How = 'flip' | 'truncate' | 'extend';

/** A scenario, read as a whole. */
export interface Scenario {
  name: string;
  /** The only hosts that it runs on, if it names any. */
  hosts: string[] | undefined;
  config: Config;
  steps: Step[];
}

/** One step. */
export interface Step {
  action: Action;
  /** The instance that it is for. */
  instance: string;
  expect: Expect | undefined;
}

/** What to do. */
export type Action =
  | { do: 'call'; call: ApiCall }
  | { do: 'tier'; tier: Tier; call: TierCall }
  | { do: 'all'; steps: Step[] }
  | { do: 'start'; id: string; step: Step }
  | { do: 'finish'; id: string }
  | Control;

/** What is done at once. */
export type Control =
  | { do: 'advance'; ms: number }
  | { do: 'restart' }
  | { do: 'damage'; tier: Tier; key: string; how: How }
  | { do: 'fault'; tier: Tier; call: Call; times: number; when: When; kind: FaultKind }
  | { do: 'calls' | 'hold' | 'release'; tier: Tier; call: Call };

/** Reads the text of a file. The name of one that has none is `stem`. Throws a `Malformed`. */
export function parseScenario(stem: string, text: string): Scenario {
  const json = parseJson(text);
  const fields = new Fields('a scenario', json);
  fields.comments();
  const name = fields.text('name') ?? stem;
  const hosts = fields.list('hosts')?.map(parseHost);
  const setting = fields.given('config');
  const config = setting === undefined ? defaultConfig() : parseConfig(setting);
  const list = fields.list('steps') ?? [];
  if (list.length === 0) throw new Malformed('it has no steps');
  const reader = new Reader(config.tiers);
  const steps = list.map((json, at) => within(`step ${at + 1}`, () => reader.step(json, 'A')));
  fields.end();
  return { name: oneLine(name), hosts, config, steps };
}

export function runsOn(scenario: Scenario, host: Host): boolean {
  return scenario.hosts === undefined || scenario.hosts.includes(host);
}

/** Refuses what `host` cannot do. */
export function checkHost(scenario: Scenario, host: Host): void {
  if (host === 'node') return;
  const { cold, warm } = scenario.config.limits;
  if (Object.keys(cold).length > 0) {
    throw new Malformed('config limits the cold tier, which S3 cannot; name the hosts that can');
  }
  if (warm.evictionPolicy === 's3fifo') {
    throw new Malformed('config has warm evict by s3fifo, which the IndexedDB tier does not know');
  }
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new Malformed(`it is not JSON: ${(error as Error).message}`);
  }
}

function parseHost(json: Json): string {
  const host = HOSTS.find((name) => name === json);
  if (host === undefined) throw new Malformed(`${show(json)} is not a host; there are ${HOSTS.join(', ')}`);
  return host;
}

/** Reads steps one after the other. */
class Reader {
  readonly #tiers: ReadonlySet<Tier>;
  /** How what each started step gives is to be read, until it is finished. */
  readonly #started = new Map<string, Shape | undefined>();

  constructor(tiers: ReadonlySet<Tier>) {
    this.#tiers = tiers;
  }

  step(json: Json, instance: string): Step {
    const kind = new Fields('a step', json).neededText('do');
    try {
      return this.#known(kind, json, instance);
    } catch (error) {
      const isNamed = !(error instanceof Malformed) || error.message.startsWith('there is no step');
      throw isNamed ? error : error.within(kind);
    }
  }

  #known(kind: string, json: Json, outer: string): Step {
    const fields = new Fields('the step', json);
    fields.comments();
    fields.json('do');
    const instance = fields.text('as') ?? outer;
    const expect = fields.json('expect');
    const action = this.#action(kind, fields, instance);
    const shape = action.do === 'finish' ? this.#finish(action.id) : shapeOf(action);
    if (action.do === 'start') this.#start(action.id, shapeOf(action.step.action));
    fields.end();
    if (kind === 'calls' && !isWhole(expect)) {
      if (expect === undefined) throw new Malformed('the step needs "expect"');
      throw new Malformed(`"expect" is to be a whole number, and is ${show(expect)}`);
    }
    if (expect === undefined) return { action, instance, expect };
    if (shape === undefined) throw new Malformed('"expect" belongs to the steps inside it');
    return { action, instance, expect: parseExpect(expect, shape) };
  }

  #action(kind: string, fields: Fields, instance: string): Action {
    switch (kind) {
      case 'start': {
        const id = fields.neededText('id');
        const step = this.step(fields.needed('step'), instance);
        if (!['call', 'tier', 'all'].includes(step.action.do)) throw new Malformed('only a call can be started');
        return { do: kind, id, step };
      }
      case 'finish':
        return { do: kind, id: fields.neededText('id') };
      case 'all':
        return { do: kind, steps: (fields.list('steps') ?? []).map((json) => this.step(json, instance)) };
      case 'tier': {
        const tier = this.#tier(fields);
        return { do: kind, tier, call: parseTierCall(fields) };
      }
      case 'advance':
        return { do: kind, ms: fields.neededCount('ms') };
      case 'restart':
        return { do: kind };
      case 'damage': {
        const how = fields.neededChoice('how', ['flip', 'truncate', 'extend']);
        return { do: kind, tier: this.#tier(fields), key: fields.neededText('key'), how };
      }
      case 'fault':
      case 'calls':
      case 'hold':
      case 'release':
        return this.#control(kind, fields);
      default:
        return { do: 'call', call: parseApiCall(kind, fields) };
    }
  }

  #control(kind: 'fault' | 'calls' | 'hold' | 'release', fields: Fields): Control {
    const at = { tier: this.#tier(fields), call: fields.neededChoice('call', CALLS) };
    if (kind !== 'fault') return { do: kind, ...at };
    const times = fields.count('times') ?? 1;
    const when = fields.choice('when', ['before', 'after']) ?? 'before';
    return { do: kind, ...at, times, when, kind: fields.choice('error', ERRORS) ?? 'unavailable' };
  }

  #tier(fields: Fields): Tier {
    const tier = parseTier(fields.needed('tier'));
    if (!this.#tiers.has(tier)) throw new Malformed(`config has no ${tier} tier`);
    return tier;
  }

  #start(id: string, shape: Shape | undefined): void {
    if (this.#started.has(id)) throw new Malformed(`${show(id)} was started before and is not finished`);
    this.#started.set(id, shape);
  }

  #finish(id: string): Shape | undefined {
    if (!this.#started.has(id)) throw new Malformed(`${show(id)} was not started`);
    const shape = this.#started.get(id);
    this.#started.delete(id);
    return shape;
  }
}

/** How what a step gives is to be read; `undefined` for one that gives nothing itself. */
function shapeOf(action: Action): Shape | undefined {
  if (action.do === 'all' || action.do === 'start') return undefined;
  if (action.do !== 'call' && action.do !== 'tier') return 'json';
  switch (action.call.name) {
    case 'get':
    case 'getRange':
      return 'entry';
    case 'set':
      return action.do === 'call' ? 'written' : 'json';
    case 'listKeys':
    case 'keys':
      return 'set';
    default:
      return 'json';
  }
}

/** A name must not break the line that it stands on. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
