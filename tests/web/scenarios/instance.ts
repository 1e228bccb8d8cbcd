/** One storage, and the calls of its public API. */

import {
  type SetOptions,
  StorageError,
  type StorageMetadata,
  type StorageSnapshot,
  TieredStorage,
} from 'tiered-storage';
import type { ApiCall } from './calls.js';
import type { Clock } from './clock.js';
import { type Config, given, type Tier, TIERS } from './config.js';
import type { Answer, Failure, Given } from './expect.js';
import { type Json, show } from './fields.js';
import type { Seat } from './seat.js';
import type { Seats } from './stage.js';
import type { Value } from './value.js';

/** One storage with its tiers. */
export class Instance {
  readonly storage: TieredStorage<unknown>;
  readonly seats: Seats;

  private constructor(storage: TieredStorage<unknown>, seats: Seats) {
    this.storage = storage;
    this.seats = seats;
  }

  /** Opens a storage over `seats`. */
  static async open(config: Config, seats: Seats, clock: Clock): Promise<Instance> {
    const storage = await TieredStorage.open<unknown>({
      ...config.options,
      tiers: { ...given({ hot: seats.hot?.guest(), warm: seats.warm?.guest() }), cold: seats.cold.guest() },
      clock: { now: () => clock.now(), sleep: (ms) => clock.sleep(ms) },
    });
    return new Instance(storage, seats);
  }

  seat(tier: Tier): Seat {
    const seat = this.seats[tier];
    if (!seat) throw new Error(`the file was not checked to have a ${tier} tier`);
    return seat;
  }

  /** The calls that wait to be released, in words. */
  held(): string[] {
    return TIERS.flatMap((tier) => this.seats[tier]?.stopped().map((call) => `${tier} ${call}`) ?? []);
  }
}

/** What a call gives, failures included. */
export async function attempt(call: () => Promise<Answer>): Promise<Given> {
  try {
    return { answer: await call() };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof StorageError) {
    const { kind, tier, key } = error;
    const place = tier === undefined ? '' : ` (${tier} tier)`;
    const name = key === undefined ? '' : ` [key ${show(key)}]`;
    return { kind, tier, key, text: `${kind}${place}: ${error.message}${name}` };
  }
  return { kind: undefined, tier: undefined, key: undefined, text: `what is no StorageError: ${String(error)}` };
}

/** Calls the public API. `snapshot` is the one that an import reads. */
export async function call(storage: TieredStorage<unknown>, call: ApiCall, snapshot: string): Promise<Answer> {
  switch (call.name) {
    case 'set': {
      const { key, value, options } = call;
      const data = 'bytes' in value ? value.bytes.slice() : value.json;
      return json(await storage.set(key, data, options as SetOptions | undefined));
    }
    case 'get':
      return found(await storage.getWithMetadata(call.key));
    case 'getRange':
      return found(await storage.getRange(call.key, call.range));
    case 'delete':
    case 'exists':
    case 'getMetadata':
      return json(await storage[call.name](call.key));
    case 'touch':
      return json(await storage.touch(call.key, call.ttl));
    case 'invalidate':
    case 'invalidateUpperCaches':
      return json(await storage[call.name](call.prefix ?? ''));
    case 'listKeys': {
      const keys: string[] = [];
      for await (const key of storage.listKeys(call.prefix)) keys.push(key);
      return json(keys);
    }
    case 'clearTier':
      return json(await storage.clearTier(call.tier));
    case 'bootstrapHot':
      return json(await storage.bootstrapHot(call.limit));
    case 'bootstrapWarm':
      return json(await storage.bootstrapWarm(given({ limit: call.limit, sinceDate: call.sinceDate })));
    case 'import':
      return json(await storage.import(JSON.parse(snapshot) as StorageSnapshot));
    case 'settle':
      return json(await storage.settled());
    default:
      return json(await storage[call.name]());
  }
}

function found(entry: { data: unknown; metadata: StorageMetadata; source: Tier } | null): Answer {
  if (!entry) return { entry: null };
  const { data, source } = entry;
  const value: Value = data instanceof Uint8Array ? { bytes: data } : { json: data as Json };
  return { entry: { value, metadata: toJson(entry.metadata), source } };
}

function json(value: unknown): Answer {
  return { json: toJson(value) };
}

/** As JSON has it; `null` where a call gives nothing. */
export function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value) ?? 'null') as Json;
}
