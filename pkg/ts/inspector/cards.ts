/** The tiers, how full they are and what they did; and what they spared. */

import type { TierName } from '../contract.js';
import { NAMES, NOTHING, fact, h, section, toBytes, toCount, toDollars, toShare, vary, write } from './dom.js';
import { TIERS, type Model } from './model.js';
import type { About, Fill } from './subject.js';

/** A tier. */
class Card {
  readonly element: HTMLElement;
  readonly #tier: TierName;
  readonly #dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  readonly #kind = h('span', { class: 'kind' });
  readonly #bytes = h('b', {}, NOTHING);
  readonly #limit = h('span', { class: 'limit' });
  readonly #meter: HTMLElement;
  readonly #figures: readonly HTMLElement[];
  #hits = 0;
  #beat: Animation | undefined;

  constructor(tier: TierName, count: HTMLElement | undefined) {
    this.#tier = tier;
    this.#meter = h('div', { class: 'meter', 'aria-hidden': 'true' }, h('i'));
    const names = ['Entries', 'Answered', 'Missed', ...(tier === 'cold' ? ['GET', 'PUT', 'Received'] : ['Hit rate', 'Copied in', 'Given up'])];
    const facts = names.map((name) => fact(name));
    this.#figures = facts.map(([, figure]) => figure);
    const id = `${tier}-title`;
    const head = h('header', {}, this.#dot, h('h3', { id }, NAMES[tier]), this.#kind);
    const fill = h('p', { class: 'fill' }, this.#bytes, this.#limit, ...(count ? [count] : []));
    const rows = h('dl', {}, ...facts.map(([row]) => row));
    this.element = h('section', { class: `card ${tier}`, 'aria-labelledby': id }, head, fill, this.#meter, rows);
  }

  paint({ tiers, requests }: Model, about: About | undefined, fill: Fill | undefined, isCalm: boolean): void {
    const { hits, misses, promoted, evicted } = tiers[this.#tier];
    const described = about?.tiers?.[this.#tier];
    write(this.#kind, described?.name ?? '');
    this.element.classList.toggle('absent', about?.tiers !== undefined && !described);
    write(this.#bytes, toBytes(fill?.bytes));
    write(this.#limit, described?.limit ? `of ${toBytes(described.limit)}` : '');
    const share = described?.limit && fill ? Math.min(1, fill.bytes / described.limit) : 0;
    vary(this.#meter, '--share', share);
    this.#meter.classList.toggle('unlimited', !described?.limit);
    const texts = [fill ? toCount(fill.items) : NOTHING, toCount(hits), toCount(misses)];
    if (this.#tier === 'cold') texts.push(toCount(requests.get), toCount(requests.put), toBytes(requests.bytesReceived));
    else texts.push(toShare(hits, hits + misses), toCount(promoted), toCount(evicted));
    texts.forEach((text, at) => this.#figures[at] && write(this.#figures[at], text));
    if (hits > this.#hits && !isCalm) this.#pulse();
    this.#hits = hits;
  }

  /** The dot beats where a read was answered; one beat ends before the next begins. */
  #pulse(): void {
    if (this.#beat?.playState === 'running') return;
    const [from, to] = ['0 0 0 0 currentColor', '0 0 0 7px transparent'];
    this.#beat = this.#dot.animate([{ boxShadow: from }, { boxShadow: to }], { duration: 600, easing: 'ease-out' });
  }
}

/** All tiers side by side, and how the reads were shared out among them. */
export class Cards {
  readonly elements: readonly HTMLElement[];
  readonly #cards: Record<TierName, Card>;
  readonly #count: HTMLButtonElement;
  readonly #parts: readonly { bar: HTMLElement; text: HTMLElement }[];
  readonly #figures: readonly HTMLElement[];
  readonly #note = h('span', { class: 'note' });

  /** `count` is called to have cold counted. */
  constructor(count: () => void) {
    const words = 'Lists all of cold, at the price of a request for each 1,000 keys';
    this.#count = h('button', { type: 'button', title: words, click: count }, 'Count');
    this.#cards = { hot: new Card('hot', undefined), warm: new Card('warm', undefined), cold: new Card('cold', this.#count) };
    this.#parts = ['hot', 'warm', 'cold', 'nobody'].map((name) => ({
      bar: h('i', { class: name }),
      text: h('dd', {}, NOTHING),
    }));
    const names = ['Hot', 'Warm', 'Cold', 'Nobody'];
    const legend = this.#parts.map(({ text }, at) => {
      const name = names[at] ?? '';
      return h('div', { class: name.toLowerCase() }, h('dt', {}, h('span', { class: 'dot', 'aria-hidden': 'true' }), name), text);
    });
    const facts = [
      fact('Requests spared', 'Reads that hot and warm answered: each would have been a request'),
      fact('Requests sent'),
      fact('Dollars spared', 'What the spared requests and their bytes would have cost'),
      fact('Dollars spent', 'What the requests that were sent may cost'),
    ];
    this.#figures = facts.map(([, figure]) => figure);
    const shares = h('div', { class: 'shares', 'aria-hidden': 'true' }, ...this.#parts.map(({ bar }) => bar));
    const summary = section('summary', 'Who answered', [this.#note], shares, h('dl', { class: 'legend' }, ...legend));
    summary.append(h('dl', { class: 'money' }, ...facts.map(([row]) => row)));
    this.elements = [h('div', { class: 'cards' }, ...TIERS.map((tier) => this.#cards[tier].element)), summary];
  }

  paint(model: Model, about: About | undefined, fills: Partial<Record<TierName, Fill>>, isCalm: boolean): void {
    for (const tier of TIERS) this.#cards[tier].paint(model, about, fills[tier], isCalm);
    this.#count.disabled = !about;
    const { tiers, absent, reads, spared, requests } = model;
    let from = 0;
    [tiers.hot.hits, tiers.warm.hits, tiers.cold.hits, absent].forEach((count, at) => {
      const { bar, text } = this.#parts[at] as { bar: HTMLElement; text: HTMLElement };
      const share = reads ? count / reads : 0;
      vary(bar, '--from', from);
      vary(bar, '--share', share);
      from += share;
      write(text, toShare(count, reads));
    });
    write(this.#note, reads ? `${toCount(spared)} of ${toCount(reads)} reads cost no request` : 'what hot and warm answer costs no request');
    const dollars = about?.prices && model.dollars(about.prices);
    const texts = [toCount(spared), toCount(requests.get + requests.put + requests.delete)];
    texts.push(dollars ? toDollars(dollars.spared) : NOTHING, dollars ? toDollars(dollars.spent) : NOTHING);
    texts.forEach((text, at) => this.#figures[at] && write(this.#figures[at], text));
  }
}
