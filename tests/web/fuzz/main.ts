/**
 * Calls everything that the package exports with arguments of every sort: `node run.mjs fuzz [SEED [SECONDS [ROUND]]]`.
 *
 * Every outcome is a value, a `StorageError` that is no defect, or the reason of a signal; nothing traps, hangs, or is
 * rejected with nobody to hear of it; and a storage beside it all goes on working. A round depends on the seed and its
 * number alone: what fails says both, and `SEED 0 ROUND` does it again.
 */

import { rmSync } from 'node:fs';
import { inspect, types } from 'node:util';
import { MemoryStorageTier, StorageError, TieredStorage } from 'tiered-storage';
import { respond, type RespondOptions } from 'tiered-storage/http';
import { WriteQueue } from 'tiered-storage/queue';
import { Hostile, Reason } from './hostile.js';
import { argumentsOf, ENTRIES, entryArguments, FOLDER, target } from './plausible.js';
import { QUEUE_ENTRIES, queueArguments, queueTarget } from './queues.js';
import { Random } from './random.js';
import { playWorker } from './workers.js';

/** No call takes this long: tiers that do not answer are given up after 20 ms. */
const LONGEST_MS = 10_000;
const TRAPS = /unreachable|recursive use|RuntimeError|memory access|null pointer|table index|already (mutably )?borrowed|BorrowMut/i;

const counts = { calls: 0, values: 0, errors: 0, reasons: 0 };
/** One of each sort, by what it is. */
const findings = new Map<string, string>();
const FINDINGS_MAX = 20;
/** What happened beside the calls. */
const strays: unknown[] = [];
let doing = '';
/** By which numbers it can be done again. */
let current = '';

async function main(): Promise<number> {
  const seed = Number(process.argv[2] ?? Date.now() % 2 ** 31);
  const seconds = Number(process.argv[3] ?? 20);
  const only = process.argv[4];
  // A listener that throws, or rejects, is told to the runtime: that is not caught on purpose.
  const isByReport = (error: unknown): boolean => error instanceof Hostile && /\breport\b/.test(error.stack ?? '');
  process.on('unhandledRejection', (error) => isByReport(error) || strays.push(error));
  const isByListener = (error: Error): boolean => error instanceof Hostile || /^Class constructor/.test(error.message);
  process.on('uncaughtException', (error) => isByListener(error) || strays.push(error));
  console.log(`seed ${seed}`);
  const end = performance.now() + seconds * 1_000;
  const beside = await TieredStorage.open({ tiers: { hot: new MemoryStorageTier(), cold: new MemoryStorageTier() } });
  let round = Number(only ?? 0);
  try {
    do {
      current = `seed ${seed}, round ${round}`;
      await play(new Random(seed + Math.imul(round, 0x9e3779b1)));
      await works(beside, round);
      round += 1;
    } while (only === undefined && performance.now() < end && findings.size < FINDINGS_MAX);
  } catch (error) {
    if (!(error instanceof Ending)) throw error;
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
  const { calls, values, errors, reasons } = counts;
  console.log(`${round} rounds, ${calls} calls: ${values} values, ${errors} errors, ${reasons} reasons of signals`);
  for (const finding of findings.values()) console.error(`\n${finding}`);
  console.log(`${findings.size} findings`);
  return findings.size > 0 ? 1 : 0;
}

/** After this there is no going on. */
class Ending extends Error {}

/** Notes what must not be. */
function find(sort: string, message: () => string): void {
  if (!findings.has(sort)) findings.set(sort, `${current}: ${message()}`);
}

/** One object, and what can be done with it. */
async function play(random: Random): Promise<void> {
  for (let at = random.below(4); at > 0; at -= 1) {
    const [name, call] = random.pick(ENTRIES);
    const words = entryArguments(name, random);
    await attempt(name, words, () => call(...(words as never[])));
  }
  if (random.chance(0.1)) {
    const [name, call] = random.pick(QUEUE_ENTRIES);
    await attempt(name, [], () => call(random));
  }
  if (random.chance(0.2)) await playWorker(random, attempt);
  const object = await attempt('a target', [], () => (random.chance(0.15) ? queueTarget(random) : target(random)));
  if (typeof object !== 'object' || object === null) return;
  const isStorage = object instanceof TieredStorage;
  const names = isStorage ? [...methodsOf(object), 'respond'] : methodsOf(object);
  const running: Promise<unknown>[] = [];
  for (let at = random.below(12); at > 0; at -= 1) {
    // What was closed refuses everything else.
    const name = random.chance(0.97) ? random.pick(names.filter((name) => name !== 'close')) : 'close';
    const words = object instanceof WriteQueue ? queueArguments(name, random) : argumentsOf(name, isStorage, random);
    const title = `${object.constructor.name}.${name}`;
    const method = name === 'respond' ? answer : (object as Record<string, (...words: unknown[]) => unknown>)[name];
    if (method) running.push(attempt(title, words, () => follow(name, method.apply(object, words))));
    // Most calls run beside others.
    if (random.chance(0.3)) await Promise.all(running.splice(0));
  }
  await Promise.all(running);
  if (isStorage || object instanceof WriteQueue) await attempt('close', [], () => object.close());
}

/** `respond`, as a method. */
function answer(this: TieredStorage, ...words: unknown[]): Promise<Response> {
  return respond(this, ...(words as [Request, RespondOptions]));
}

/** Every method of an object, whatever its classes call it. */
function methodsOf(object: object): string[] {
  const names = new Set<string>();
  for (let at = Object.getPrototypeOf(object) as object; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const { value } = Object.getOwnPropertyDescriptor(at, name) ?? {};
      if (name !== 'constructor' && typeof value === 'function') names.add(name);
    }
  }
  return [...names].filter((name) => !INTERNAL.has(name));
}

/** What tiers give the storage and not callers. */
const INTERNAL = new Set(['lookup', 'count', 'handOut', 'takeIn']);

/** An iteration is driven some steps; what `on` gives is called. */
async function follow(name: string, result: unknown): Promise<unknown> {
  if (name === 'on' && typeof result === 'function') return (result as () => unknown)();
  if (name === 'getStream') return drained(await (result as ReturnType<TieredStorage['getStream']>));
  if (name !== 'listKeys') return result;
  const keys = result as AsyncIterableIterator<string>;
  for (let at = 0; at < 3; at += 1) {
    if ((await keys.next()).done === true) return undefined;
  }
  return keys.return?.();
}

/** Some of a stream, and then no more. */
async function drained(found: Awaited<ReturnType<TieredStorage['getStream']>>): Promise<void> {
  const reader = found?.stream.getReader();
  for (let at = 0; reader && at < 3; at += 1) {
    if ((await reader.read()).done) return;
  }
  await reader?.cancel();
}

async function attempt(title: string, words: unknown[], call: () => unknown): Promise<unknown> {
  counts.calls += 1;
  doing = title;
  const said = (): string => `${title}(${words.map(show).join(', ')})`;
  const ending = new Ending();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(ending), LONGEST_MS);
  });
  try {
    const value = await Promise.race([(async () => call())(), late]);
    counts.values += 1;
    return value;
  } catch (error) {
    if (error === ending) find(`${title} hangs`, () => `${said()} does not end`);
    if (error instanceof Ending) throw error;
    const isOfChange = error instanceof Hostile || (error instanceof TypeError && /^Class constructor/.test(error.message));
    const wrong = title.endsWith('.update') && isOfChange ? undefined : judged(error);
    if (wrong !== undefined) find(`${title} ${wrong} ${String(error).slice(0, 40)}`, () => `${said()} ${wrong}: ${tell(error)}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with what a call threw. */
function judged(error: unknown): string | undefined {
  if (error instanceof Reason || (error instanceof DOMException && error.name === 'AbortError')) {
    counts.reasons += 1;
    return undefined;
  }
  if (!(error instanceof StorageError)) return 'throws what is no StorageError';
  counts.errors += 1;
  if (error.kind === 'internal') return 'says that it found a defect';
  if (isTrap(error)) return 'ran into a trap';
  return undefined;
}

function isTrap(error: StorageError): boolean {
  if (TRAPS.test(error.message)) return true;
  try {
    return error.cause instanceof WebAssembly.RuntimeError;
  } catch {
    // What a caller threw need not let itself be looked at.
    return false;
  }
}

/** Whether all is well beside what was called. */
async function works(storage: TieredStorage<unknown>, round: number): Promise<void> {
  const after = doing;
  // What nobody heard of is told at the end of a turn.
  await new Promise((resolve) => setImmediate(resolve));
  for (const stray of strays.splice(0)) {
    find(`beside ${show(stray).slice(0, 60)}`, () => `something went wrong beside ${after}: ${tell(stray)}`);
  }
  const found = await attempt('another storage', [], async () => {
    await storage.set('k', { round });
    return storage.get('k');
  });
  if ((found as { round?: number } | null)?.round === round) return;
  find('another storage', () => `after ${after}, another storage gives ${tell(found)}`);
  throw new Ending();
}

function tell(error: unknown): string {
  const cause = error instanceof StorageError && error.cause !== undefined ? `\ncaused by ${show(error.cause)}` : '';
  return `${error instanceof Error ? (error.stack ?? error.message) : show(error)}${cause}`;
}

function show(value: unknown): string {
  if (types.isProxy(value)) return 'a proxy';
  try {
    return inspect(value, { depth: 2, maxArrayLength: 5, maxStringLength: 80, compact: 10, breakLength: 200 }).slice(0, 400);
  } catch {
    return `something that cannot be shown (${typeof value})`;
  }
}

// A run that ends by itself, as when nothing is left to wait for, did not end well.
process.exitCode = 2;
main().then(
  // What calls left behind, such as time limits that still run, is not waited for.
  (code) => process.exit(code),
  (error: unknown) => console.error(`${current}: the run itself is wrong:`, error),
);
