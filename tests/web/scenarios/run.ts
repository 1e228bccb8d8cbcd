/** Files in, lines out. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import type { Args } from './args.js';
import { Malformed } from './fields.js';
import { checkHost, type Host, parseScenario, runsOn } from './form.js';
import type { Ending } from './play.js';

/** What plays scenarios. */
export interface Player {
  /** Plays the scenario that `text` says. */
  play(stem: string, text: string): Promise<Ending>;
  close(): Promise<void>;
}

/** How many scenarios ended how. */
export interface Summary {
  passed: number;
  failed: number;
  /** Of other hosts. */
  skipped: number;
  /** Files that cannot be read, or that ask for what the runner does not know. */
  unusable: number;
}

/** Where lines go. */
export interface Output {
  line(text: string): void;
  problem(text: string): void;
}

/** 0 if all is well, 1 if a scenario failed, 2 if one could not be run. */
export function exitCode({ failed, unusable }: Summary): number {
  if (unusable > 0) return 2;
  return failed > 0 ? 1 : 0;
}

/** Runs all scenarios that `args` names, with paths from `folder`. `launch` is called once, when there is one to play. */
export async function run(
  args: Args,
  folder: string,
  output: Output,
  launch: (host: Host, scenarios: number) => Promise<Player>,
): Promise<Summary> {
  const summary: Summary = { passed: 0, failed: 0, skipped: 0, unusable: 0 };
  const refuse = (path: string, message: string): void => {
    summary.unusable += 1;
    output.problem(`${path}: ${message}`);
  };
  const files: string[] = [];
  for (const path of args.paths) {
    attempt(path, refuse, () => collect(folder, path, files));
  }
  let player: Player | undefined;
  try {
    for (const path of files) {
      const scenario = attempt(path, refuse, () => read(resolve(folder, path), args.host));
      if (scenario === 'elsewhere') summary.skipped += 1;
      if (scenario === undefined || scenario === 'elsewhere') continue;
      player ??= await launch(args.host, files.length);
      const ending = await player.play(stem(path), scenario.text);
      report(scenario.name, ending, summary, output, (message) => refuse(path, message));
    }
  } finally {
    await player?.close();
  }
  if (summary.skipped > 0) output.line(`${summary.skipped} skipped`);
  output.line(`${summary.passed} passed, ${summary.failed} failed`);
  return summary;
}

function report(
  name: string,
  ending: Ending,
  summary: Summary,
  output: Output,
  refuse: (message: string) => void,
): void {
  if (ending.is === 'passed') {
    summary.passed += 1;
    output.line(`ok ${name}`);
  } else if (ending.is === 'failed') {
    summary.failed += 1;
    const line = `step ${ending.step}: expected ${ending.expected}, got ${ending.got}`;
    output.line(`FAIL ${name}: ${line.replace(/[\r\n]+/g, ' ')}`);
  } else {
    refuse(ending.message);
  }
}

/** What `work` gives; `undefined` where it was refused. */
function attempt<T>(path: string, refuse: (path: string, message: string) => void, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    refuse(path, error.message);
    return undefined;
  }
}

/** A scenario, checked as a whole. */
function read(path: string, host: Host): { name: string; text: string } | 'elsewhere' {
  const text = readable(() => new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)));
  const scenario = parseScenario(stem(path), text);
  if (!runsOn(scenario, host)) return 'elsewhere';
  try {
    checkHost(scenario, host);
  } catch (error) {
    throw error instanceof Malformed ? error.within(`on the host ${host}`) : error;
  }
  return { name: scenario.name, text };
}

function stem(path: string): string {
  return basename(path, extname(path));
}

/** Adds the file, or all `*.json` files in the folder and those below it, by name. */
function collect(folder: string, path: string, files: string[]): void {
  if (!statSync(resolve(folder, path), { throwIfNoEntry: false })?.isDirectory()) {
    files.push(path);
    return;
  }
  const before = files.length;
  readable(() => walk(folder, path, files));
  if (files.length === before) throw new Malformed('there is no scenario in it');
}

function walk(folder: string, path: string, files: string[]): void {
  for (const name of readdirSync(resolve(folder, path)).sort()) {
    const inner = join(path, name);
    if (statSync(resolve(folder, inner)).isDirectory()) walk(folder, inner, files);
    else if (name.endsWith('.json')) files.push(inner);
  }
}

function readable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Malformed(`it cannot be read: ${(error as Error).message}`);
  }
}
