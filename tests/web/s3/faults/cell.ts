/** One fault at one request of one operation: how it ends, what it costs, and what it leaves. */

import { StorageError } from 'tiered-storage';
import { check } from '../../conformance/check.js';
import { type Trouble, isOfWire } from './names.js';
import { type At, OPERATIONS, type Operation } from './steps.js';
import { endLimits, takeTimers, unlessStuck } from './timers.js';
import { type Host, KEY, KEYS, LAST, type Layout, NEW, OLD, World, body, optionsOf, versionOf } from './world.js';

/** How many cells run at once. */
const AT_ONCE = 4;

/** `each`: once at each of the requests that the operation names. */
export type Often = 'once' | 'each' | 'always';

/** What is run: the names of all that is in the tables. */
export interface Cell {
  operation: string;
  at: At;
  fault: Trouble;
  often: Often;
  layout: Layout;
}

/** How it ended: `ok`, or the kind of the error; and how many requests were sent. What must not be is a problem. */
export interface Ending {
  ending: string;
  sent: number;
  problem?: string;
}

/** Runs cells, several at once where they need neither the time limits of all nor much memory. */
export async function runCells(host: Host, cells: readonly Cell[]): Promise<Ending[]> {
  const restore = takeTimers();
  const endings: Ending[] = [];
  const isAlone = ({ fault, operation }: Cell): boolean => fault === 'hang' || (find(operation).size ?? 0) > 0;
  const work = async (left: Iterable<[at: number, cell: Cell]>): Promise<void> => {
    for (const [at, cell] of left) endings[at] = await runCell(host, cell);
  };
  const all = [...cells.entries()];
  const together = all.filter(([, cell]) => !isAlone(cell)).values();
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, () => work(together)));
    await work(all.filter(([, cell]) => isAlone(cell)));
    return endings;
  } finally {
    restore();
  }
}

async function runCell(host: Host, cell: Cell): Promise<Ending> {
  const ending: Ending = { ending: 'unknown', sent: 0 };
  try {
    const isOver = await unlessStuck(play(host, cell, ending).then(() => true));
    check(isOver === true, 'it does not end');
  } catch (error) {
    ending.problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return ending;
}

async function play(host: Host, { operation: name, at, fault, often, layout }: Cell, ending: Ending): Promise<void> {
  const operation = find(name);
  const { key = KEY, also } = operation;
  const world = await prepared(host, operation, layout, often);
  world.takeSent();

  const naming = `${world.prefix}/`;
  if (also) await world.obey({ order: 'fault', fault: also[0], on: also[1], naming, ...(also[0] === 'truncate' && { times: 1 }) });
  for (const [on, which] of often === 'each' ? operation.at : [at]) {
    const rule = { on, naming: which === 'object' ? naming + key : naming, ...(often !== 'always' && { times: 1 }) };
    await world.obey(isOfWire(fault) ? { order: 'wire', fault, ...rule } : { order: 'fault', fault, ...rule });
  }
  const before = await world.show();
  // What comes first has nobody wait.
  const first = also ? 1 : 0;
  const error = await during(world, fault === 'hang' ? before.firedInAll + first : undefined, async () => {
    await operation.run(world);
    await world.settled();
  });
  await world.settled();
  Object.assign(ending, { ending: error ? (error.kind ?? 'unknown') : 'ok', sent: world.takeSent() });
  if (fault === 'hang') await world.obey({ order: 'calm' });
  const left = await world.show();
  await world.obey({ order: 'clear', naming });
  if (error && !(error instanceof StorageError)) throw error;
  check(left.fired > before.fired + first, `the fault has not met a request (${error?.message})`);
  check(error?.isTimeout !== true || fault === 'hang', `it is no timeout: ${error?.message}`);
  const staged = left.objects.filter((name) => name.includes('/~tiered-storage/'));
  const leaves = mayLeave(at, fault);
  check(leaves || staged.length + left.uploads.length === 0, `it leaves ${[...staged, ...left.uploads].join(', ')}`);
  await look(world, operation, error === undefined);
  await world.storage.close();
}

function find(name: string): Operation {
  const operation = OPERATIONS.find((operation) => operation.name === name);
  check(operation !== undefined, `there is no operation ${name}`);
  return operation;
}

const large = new Map<string, Promise<void>>();

/** A storage with what the operation finds there. */
async function prepared(host: Host, operation: Operation, layout: Layout, often: Often): Promise<World> {
  const { name, options, size, change, prepare, key = KEY } = operation;
  // What is only read is made once for all cells.
  const reads = change === 'none' && size;
  // Cells that run at once have prefixes of their own.
  const world = await World.open(host, layout, options, reads ? `${host.name}-${name}-${often}` : undefined);
  if (reads) {
    const made = large.get(world.prefix) ?? world.storage.set(KEY, body(OLD, reads), optionsOf(OLD)).then(() => undefined);
    large.set(world.prefix, made);
    await made;
  } else if (prepare) {
    await prepare(world);
  } else if (key === KEY) {
    await Promise.all((size ? [KEY] : KEYS).map((key) => world.set(key, OLD)));
  }
  if (change === 'none' && !prepare) await world.storage.invalidateUpperCaches('');
  return world;
}

/** What is read afterwards, by a client that has no part in it and by the storage; and that it can be written again. */
async function look(world: World, { name, change, key = KEY, size }: Operation, hasSucceeded: boolean): Promise<void> {
  const others = size || key !== KEY ? [] : KEYS.filter((other) => other !== key);
  const [found = null, ...rest] = await world.versions([key, ...others]);
  const was = key === KEY ? OLD : null;
  const becomes = change === 'none' ? was : change === 'written' ? NEW : null;
  // What has expired is not read, whether it was removed or not.
  const allowed = hasSucceeded || name === 'expiry' ? [becomes] : [was, becomes];
  check(allowed.includes(found), `${key} is ${found} in the bucket, and may be ${allowed.join(' or ')}`);
  const ofOthers = change !== 'allRemoved' ? [OLD] : hasSucceeded ? [null] : [OLD, null];
  check(rest.every((version) => ofOthers.includes(version)), `others are ${rest.join()} in the bucket`);
  const read = size ? await world.storage.getMetadata(key) : await world.storage.getWithMetadata(key);
  const version = read && versionOf('data' in read ? read.metadata : read);
  check(version === found, `${key} is ${found} in the bucket, and is read as ${version}`);
  if (size && change === 'none') return;
  await world.set(key, LAST);
  const [written] = await world.versions([key]);
  check(written === LAST, `${key} is ${written} after it was written again`);
}

/** What a call fails with. Time limits end whenever the server does not answer, from so many faults on. */
async function during(world: World, fired: number | undefined, call: () => Promise<unknown>): Promise<StorageError | undefined> {
  let isOver = false;
  const watch = async (): Promise<void> => {
    for (let next = (fired ?? 0) + 1; !isOver; next += 1) {
      await world.obey({ order: 'untilFired', fired: next });
      if (!isOver) endLimits();
    }
  };
  if (fired !== undefined) void watch();
  try {
    await call();
    return undefined;
  } catch (error) {
    return error as StorageError;
  } finally {
    isOver = true;
  }
}

/** Whether what is staged may outlive the call: its removal failed, or the answer that names it was lost. */
function mayLeave([kind, which]: At, fault: Trouble): boolean {
  const isUnnamed = fault === 'dropAfter' || fault === 'truncate' || fault === 'hang' || isOfWire(fault);
  return which === 'untold' || (kind === 'createMultipart' && isUnnamed);
}
