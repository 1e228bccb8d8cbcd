/** How long each tier takes to answer: a distribution over a logarithmic scale, and percentiles. */

import type { TierName } from '../contract.js';
import { NAMES, NOTHING, h, section, toTime, vary, write } from './dom.js';
import { BINS, place } from './latency.js';
import { TIERS, type Model } from './model.js';

const SHARES = [0.5, 0.95, 0.99];
const TICKS = ['10 \u00b5s', '0.1 ms', '1 ms', '10 ms', '100 ms', '1 s', '10 s'];

interface Row {
  readonly element: HTMLElement;
  readonly bars: readonly HTMLElement[];
  readonly marks: readonly HTMLElement[];
  readonly figures: readonly HTMLElement[];
}

export class Times {
  readonly element: HTMLElement;
  readonly #rows: Record<TierName, Row>;

  constructor() {
    this.#rows = { hot: row('hot'), warm: row('warm'), cold: row('cold') };
    const names = ['Tier', 'From 10 microseconds to 10 seconds', 'p50', 'p95', 'p99'];
    const head = names.map((name, at) => h('th', { scope: 'col' }, at === 1 ? h('span', { class: 'hidden' }, name) : name));
    const ticks = h('div', { class: 'ticks', 'aria-hidden': 'true' }, ...TICKS.map((tick) => h('span', {}, tick)));
    const foot = h('tfoot', { 'aria-hidden': 'true' }, h('tr', {}, h('td'), h('td', {}, ticks)));
    const table = h('table', { class: 'chart' }, h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...TIERS.map((tier) => this.#rows[tier].element)), foot);
    this.element = section('times', 'Time to answer', [h('span', { class: 'note' }, 'the last 1,000; line: p50')], table);
  }

  paint({ tiers }: Model): void {
    for (const tier of TIERS) {
      const { bars, marks, figures } = this.#rows[tier];
      const { latency } = tiers[tier];
      const most = Math.max(1, ...latency.bins);
      // The root shows the few slow ones beside the many.
      bars.forEach((bar, at) => vary(bar, '--share', Math.sqrt((latency.bins[at] ?? 0) / most)));
      const found = latency.percentiles(SHARES);
      marks.forEach((mark, at) => {
        vary(mark, '--from', place(found?.[at] ?? 0));
        mark.classList.toggle('empty', !found);
      });
      figures.forEach((figure, at) => write(figure, found ? toTime(found[at] ?? 0) : NOTHING));
    }
  }
}

function row(tier: TierName): Row {
  const bars = Array.from({ length: BINS }, () => h('i'));
  const marks = SHARES.slice(0, 1).map(() => h('b'));
  const figures = SHARES.map(() => h('td', {}, NOTHING));
  const plot = h('div', { class: 'plot', 'aria-hidden': 'true' }, h('div', { class: 'bars' }, ...bars), ...marks);
  const name = h('th', { scope: 'row' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), NAMES[tier]);
  return { element: h('tr', { class: tier }, name, h('td', {}, plot), ...figures), bars, marks, figures };
}
