/** Queues in folders, and arguments of their methods. */

import { join } from 'node:path';
import { TieredStorage } from 'tiered-storage';
import { WriteQueue, flushOnSync } from 'tiered-storage/queue';
import { hostile } from './hostile.js';
import { FOLDER, callOptions, key, object, setOptions, signal, stream, tier, value, type Maker } from './plausible.js';
import type { Random } from './random.js';

/** So few that some are of writes that there are. */
const id: Maker = (random) => random.below(6);
const written: Maker = (random) => (random.chance(0.4) ? stream(random) : value(random));
const writeOptions: Maker = (random) => random.pick([undefined, { overwrite: true }, { ifAbsent: true }, setOptions(random)]);
const choice: Maker = (random) => random.pick(['mine', 'theirs', { both: key(random) }]);

const ARGUMENTS: Record<string, Maker[]> = {
  set: [key, written, writeOptions],
  delete: [key, (random) => object(random, { ifMatch: () => 'a version', overwrite: () => true, signal })],
  body: [id],
  flush: [callOptions],
  resolve: [id, choice],
  cancel: [id],
  on: [(random) => random.pick(['change', 'sent', 'conflict', 'failed']), () => () => undefined],
};

/** Arguments for a method of a queue. */
export function queueArguments(name: string, random: Random): unknown[] {
  const given = (ARGUMENTS[name] ?? []).map((make) => (random.chance(0.2) ? hostile(random) : make(random)));
  while (random.chance(0.1)) given.push(hostile(random));
  return given;
}

/** A queue over any tier, or what came in its place. */
export async function queueTarget(random: Random): Promise<object> {
  const storage = await TieredStorage.open({ tiers: { cold: tier(random) as never }, tierTimeout: 20 });
  const limits = object(random, { maxWrites: () => 5, maxBytes: () => 500_000, send: (random) => random.pick(['auto', 'manual']) });
  const queue = await WriteQueue.open(storage, { ...limits, directory: join(FOLDER, `queue-${random.below(3)}`) } as never).catch(async (error: unknown) => {
    await storage.close();
    throw error;
  });
  // Who closes the queue is done with what it is of.
  const close = queue.close.bind(queue);
  queue.close = async () => {
    await close();
    await storage.close();
  };
  return queue;
}

/** The ways in that are no methods, with arguments. A text could be any folder of this machine. */
export const QUEUE_ENTRIES: [name: string, call: (random: Random) => unknown][] = [
  ['WriteQueue.open', (random) => (WriteQueue.open as (...words: unknown[]) => unknown)(hostile(random), { directory: random.pick([undefined, null, 5, '']) })],
  ['flushOnSync', (random) => (flushOnSync as (...words: unknown[]) => unknown)(hostile(random), hostile(random))],
];
