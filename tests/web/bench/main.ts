/**
 * How fast the package is, beside peers in the same run, in Node and Chromium:
 *
 *     node run.mjs bench [--quick] [PART...]
 *
 * Parts are `hot`, `databases`, `memory`, `start` and `codecs`. Figures are medians of rounds in which all take turns. It
 * prints the tables of the package's page, and which goals were met; that one was missed is no failure.
 */

import { cpus } from 'node:os';
import type { Browser } from 'playwright-core';
import { launchChromium, openModule } from '../lib/browser.js';
import { hashes, packing, type Costs } from './codecs.js';
import { hotReads, memoryWrites } from './hot.js';
import { memoryOf, overheads, type Subject } from './memory.js';
import { spread, type Effort, type Rate } from './rounds.js';
import type { Started } from './start.js';
import { below, number, rate, rateAndSpread, show, showGoals, times, type Goal } from './table.js';

/** Reads a second of 1 KiB of the TypeScript package that this one descends from, as it was once measured. */
const EARLIER = { copied: 155_000, borrowed: 262_000 };

const words = process.argv.slice(2);
if (words[0] === 'memory-of') console.log(await memoryOf(words[1] as Subject));
else await main();

async function main(): Promise<void> {
  const isQuick = words.includes('--quick');
  const effort: Effort = isQuick ? { rounds: 5, ms: 25 } : { rounds: 25, ms: 60 };
  const parts: Record<string, (browser: Browser) => Promise<Goal[]>> = {
    hot: (browser) => hot(browser, effort),
    databases: (browser) => databases(browser, effort),
    memory,
    start: (browser) => start(browser, isQuick ? 5 : 15),
    codecs: (browser) => codecs(browser, isQuick ? effort : { rounds: 15, ms: 40 }),
  };
  const chosen = words.filter((word) => word !== '--quick');
  const unknown = chosen.find((word) => !(word in parts));
  if (unknown !== undefined) {
    console.error(`${unknown} is not one of ${Object.keys(parts).join(', ')}, and no option`);
    process.exitCode = 2;
    return;
  }
  const browser = await launchChromium();
  console.log(`Node ${process.versions.node}, Chromium ${browser.version()}, ${cpus().length} x ${cpus()[0]?.model}`);
  const goals: Goal[] = [];
  for (const [name, measure] of Object.entries(parts)) {
    if (!chosen.length || chosen.includes(name)) goals.push(...(await measure(browser)));
  }
  await browser.close();
  showGoals(goals);
}

async function hot(browser: Browser, effort: Effort): Promise<Goal[]> {
  const inNode = [await hotReads(effort), await memoryWrites(effort)] as const;
  const inPage = await withPage(browser, 'bench/page.ts', async (call) => [
    await call<Rate[]>('hotReads', effort),
    await call<Rate[]>('memoryWrites', effort),
  ]);
  const rows = inNode.flat().map((node, at) => [node.name, rateAndSpread(node), rateAndSpread(inPage.flat()[at] ?? node)]);
  rows.push(['recorded, not measured: the earlier package, get copied', number(EARLIER.copied), '']);
  rows.push(['recorded, not measured: the earlier package, get borrowed', number(EARLIER.borrowed), '']);
  show('Values of 1 KiB in memory, operations a second (lowest and highest round)', ['', 'Node', 'Chromium'], rows);
  const recorded = (median: number): Rate => ({ name: '', median, low: median, high: median });
  const [copied, borrowed, , peekBorrowed, lru] = inNode[0];
  const page = inPage[0] ?? [];
  return [
    times('hot get in Node, copied, of the earlier package', copied, recorded(EARLIER.copied), 2),
    times('hot get in Node, borrowed, of the earlier package', borrowed, recorded(EARLIER.borrowed), 2),
    times('peek in Node, borrowed, of the get of lru-cache', peekBorrowed, lru, 0.5),
    times('peek in Chromium, borrowed, of the get of lru-cache', page[3], page[4], 0.5),
  ];
}

async function databases(browser: Browser, effort: Effort): Promise<Goal[]> {
  const rows = await withPage(browser, 'bench/page.ts', (call) => call<Rate[][]>('databases', effort));
  const columns = ['', 'idb-keyval', 'IndexedDBStorageTier', 'TieredStorage over it'];
  const cells = rows.map((row) => [row[0]?.name ?? '', ...row.map(rate)]);
  show('IndexedDB in Chromium, operations a second', columns, cells);
  return rows
    .filter((row) => !row[0]?.name.includes('64 KiB'))
    .map(([keyval, tier]) =>
      times(`${keyval?.name}, of idb-keyval`, tier, keyval, keyval?.name.includes('at once') ? 3 : 0.8),
    );
}

async function memory(): Promise<Goal[]> {
  const found = await overheads();
  const rows = found.map(([name, bytes]) => [name, number(bytes)]);
  show('100,000 entries of 1 KiB in Node: bytes an entry beside its body', ['', 'bytes'], rows);
  return [below('overhead of an entry in hot', found[0]?.[1] ?? NaN, 500, 'bytes')];
}

async function start(browser: Browser, rounds: number): Promise<Goal[]> {
  const context = await browser.newContext();
  // Pages of one origin share the database.
  const first = await openModule(context, 'bench/start.ts');
  await first.call('fill');
  const { origin } = first.site;
  const times: Started[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const page = await context.newPage();
    await page.goto(`${origin}/`);
    const path = '/module.js';
    times.push(await page.evaluate(async (path) => ((await import(path)) as { start(): Promise<Started> }).start(), path));
    await page.close();
  }
  await first.close();
  await context.close();
  const row = (name: string, all: number[]): string[] => {
    const { median, low, high } = spread(all);
    return [name, `${number(median)} (${number(low)}-${number(high)})`];
  };
  const hits = times.map(({ hit }) => hit);
  const rows = [row('open', times.map(({ open }) => open)), row('open, and the first hit, in IndexedDB', hits)];
  show('From nothing, in a new page of Chromium: milliseconds (lowest and highest)', ['', 'ms'], rows);
  return [below('open to the first hit in Chromium', spread(hits).median, 60, 'ms')];
}

async function codecs(browser: Browser, effort: Effort): Promise<Goal[]> {
  const inNode = [await hashes(effort), await packing(effort)];
  const inPage = await withPage(browser, 'bench/page.ts', async (call) => [
    await call<Costs>('hashes', effort),
    await call<Costs>('packing', effort),
  ]);
  for (const [where, made] of [['Node', inNode], ['Chromium', inPage]] as const) {
    for (const { columns, rows } of made) {
      const cells = rows.map(([name, ...costs]) => [name, ...costs.map(number)]);
      show(`Hashing and packing in ${where}, microseconds`, ['', ...columns], cells);
    }
  }
  return [];
}

type Call = <R>(name: string, ...words: unknown[]) => Promise<R>;

async function withPage<R>(browser: Browser, file: string, work: (call: Call) => Promise<R>): Promise<R> {
  const context = await browser.newContext();
  const page = await openModule(context, file);
  const result = await work(page.call);
  await page.close();
  await context.close();
  return result;
}
