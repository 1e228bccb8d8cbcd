/**
 * Queues writes until it is killed: what a crash of a queue is tried on.
 *
 * It is given where cold is and a folder, as JSON, and then what to do: `stall KEY` queues a stream that gives a little and never
 * ends; `set KEY TEXT` queues one write; `go SEED FIRST` writes versions from the first on; `large MIB` queues one body, sends it, and
 * says of both how many ms and how many KiB of memory that took (`took STEP MS KIB`). It says on a line of its own that it is `ready`,
 * and what was acknowledged (`done KEY VERSION`).
 */

import { readFileSync, writeSync } from 'node:fs';
import { Random } from '../fuzz/random.js';
import { queueing, type Where } from './world.js';

const [where, directory, what, first, second] = process.argv.slice(2);
const { queue } = await queueing(JSON.parse(where ?? '') as Where, { directory: directory ?? '', send: what === 'stall' || what === 'large' ? 'manual' : 'auto' });
say('ready');
if (what === 'stall') {
  await queue.set(first ?? '', endless());
} else if (what === 'set') {
  await queue.set(first ?? '', second, { ifAbsent: true });
  say(`done ${first}`);
} else if (what === 'large') {
  await large(Number(first));
  process.exit();
} else {
  await go(Number(first), Number(second));
}

async function large(mib: number): Promise<void> {
  const before = peakKib();
  const step = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const begun = performance.now();
    await work();
    say(`took ${name} ${Math.round(performance.now() - begun)} ${peakKib() - before}`);
  };
  await step('queue', () => queue.set('film', pieces(mib)));
  await step('send', () => queue.flush());
}

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield new Uint8Array(2 ** 20).fill(at);
}

/** The most memory that this process ever had. */
function peakKib(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

async function go(seed: number, first: number): Promise<void> {
  const dice = new Random(seed);
  for (let version = first; ; version++) {
    const body = new Uint8Array(dice.pick([600, 40_000, 1_500_000])).fill(version);
    const metadata = { version: String(version) };
    // A key that is written once shows a write that takes effect twice: the second finds it in its way. The last version of
    // one that is written again and again shows the order.
    const isOnce = dice.below(2) === 0;
    const key = isOnce ? `once/${version}` : 'again';
    await queue.set(key, body, isOnce ? { metadata, ifAbsent: true } : { metadata, overwrite: true });
    say(`done ${key} ${version}`);
  }
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < 3; at++) yield new Uint8Array(2 ** 20);
  say('stalled');
  await new Promise(() => setInterval(() => undefined, 1000));
}

/** At once, so that what was said is said before whatever comes next. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
