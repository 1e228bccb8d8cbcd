/** Tables in Markdown, and goals. */

import type { Rate } from './rounds.js';

/** Prints a table; all columns but the first are numbers. */
export function show(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const widths = columns.map((name, at) => Math.max(3, name.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const fitted = (cells: readonly string[]): string[] =>
    cells.map((cell, at) => (at ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)));
  const rule = widths.map((width, at) => (at ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  console.log([`\n${title}\n`, line(fitted(columns)), line(rule), ...rows.map((row) => line(fitted(row)))].join('\n'));
}

/** A number of operations a second, by three digits. */
export function rate({ median }: { readonly median: number }): string {
  return number(median);
}

/** The rate, and between which the rounds were. */
export function rateAndSpread({ median, low, high }: Rate): string {
  return `${number(median)} (${number(low)}-${number(high)})`;
}

/** By three digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 2 });
}

/** What is to be reached, what was, and whether that does. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly found: string;
  readonly isMet: boolean;
}

/** `found` times as quick as what it is compared with; at least `least`. */
export function times(what: string, ours: Rate | undefined, theirs: Rate | undefined, least: number): Goal {
  const found = (ours?.median ?? NaN) / (theirs?.median ?? NaN);
  return { what, goal: `at least ${least} times`, found: `${number(found)} times`, isMet: found >= least };
}

/** A number that is to be less than `most`. */
export function below(what: string, found: number, most: number, unit: string): Goal {
  return { what, goal: `below ${most} ${unit}`, found: `${number(found)} ${unit}`, isMet: found < most };
}

export function showGoals(goals: readonly Goal[]): void {
  const rows = goals.map(({ what, goal, found, isMet }) => [what, goal, found, isMet ? 'met' : 'MISSED']);
  show('Goals', ['what', 'goal', 'found', 'is it met'], rows);
}
