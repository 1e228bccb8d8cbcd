/** What happened behind the calls' backs, newest first. */

import { h, section, toClock, toCount, toName, write } from './dom.js';
import type { Happening, Model } from './model.js';

const ROWS = 10;

export class Log {
  readonly element: HTMLElement;
  readonly #rows: readonly { item: HTMLElement; time: HTMLElement; what: HTMLElement; key: HTMLElement }[];
  readonly #note = h('span', { class: 'note' });
  readonly #teaching = h('p', { class: 'teaching' });

  constructor() {
    this.#rows = Array.from({ length: ROWS }, () => {
      const [time, what, key] = [h('span', { class: 'time' }), h('span', { class: 'what' }), h('bdi')];
      return { item: h('li', { class: 'empty' }, time, what, h('span', { class: 'key' }, key)), time, what, key };
    });
    const list = h('ol', { class: 'rows', 'aria-label': 'What happened, newest first' }, ...this.#rows.map(({ item }) => item));
    this.element = section('log', 'What happened', [this.#note], h('div', { class: 'taught' }, list, this.#teaching));
  }

  paint({ happenings, tiers }: Model): void {
    const { hot, warm } = tiers;
    write(this.#note, `${toCount(hot.promoted + warm.promoted)} copied in, ${toCount(hot.evicted + warm.evicted)} given up`);
    write(this.#teaching, happenings.length ? '' : 'What goes on behind the calls: copies that tiers take in or give up, damage that heals, tiers that fail.');
    this.#rows.forEach(({ item, time, what, key }, at) => {
      const happening = happenings[at];
      item.classList.toggle('empty', !happening);
      if (!happening) return;
      item.dataset['tier'] = happening.tier ?? 'nobody';
      item.classList.toggle('bad', happening.type === 'copyCorrupt' || happening.type === 'tierFailed');
      write(time, toClock(happening.at));
      write(what, describe(happening));
      write(key, toName(happening.key ?? happening.text ?? ''));
      key.title = happening.text ?? happening.key ?? '';
    });
  }
}

function describe({ type, tier, text }: Happening): string {
  const name = tier ?? '';
  switch (type) {
    case 'promoted':
      return `Copied into ${name}`;
    case 'evicted':
      return `Given up by ${name}`;
    case 'copyCorrupt':
      return `Damaged in ${name}`;
    case 'expiredRemoved':
      return 'Expired, removed';
    case 'tierFailed':
      return `Failed: ${name}`;
    case 'changedElsewhere':
      return 'Changed elsewhere';
    case 'claimTimedOut':
      return 'Waited in vain';
    case 'fallback':
      return `In memory: ${name}`;
    default:
      return `${text ?? ''} reads not counted`;
  }
}
