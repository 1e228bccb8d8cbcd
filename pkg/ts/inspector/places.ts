/** What is where: the keys that begin with what was typed, and which tiers have copies of them. */

import type { TierName } from '../contract.js';
import { NAMES, h, rove, section, toCount, toName, why, write } from './dom.js';
import type { Desk } from './keys.js';
import { TIERS } from './model.js';
import type { About, Listed, Marks } from './subject.js';

/** How many keys are shown at once. */
const ROWS = 8;
const TYPED_MS = 150;
const NOTHING_YET: Listed = { keys: [], isMore: false };

interface Row {
  readonly item: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly marks: Record<TierName, HTMLElement>;
  key: string | undefined;
}

export class Places {
  readonly element: HTMLElement;
  readonly #desk: Desk;
  readonly #pick: (key: string) => void;
  readonly #prefix: HTMLInputElement;
  readonly #cold: HTMLButtonElement;
  readonly #older: HTMLButtonElement;
  readonly #newer: HTMLButtonElement;
  readonly #whose = h('span');
  readonly #note = h('span', { class: 'note' });
  readonly #teaching = h('p', { class: 'teaching' });
  readonly #rows: readonly Row[];
  #from: 'upper' | 'cold' = 'upper';
  #listed = NOTHING_YET;
  #marks = new Map<string, Marks>();
  #offset = 0;
  #chosen: string | undefined;
  #typed: ReturnType<typeof setTimeout> | undefined;
  #subject: Desk['subject'];

  /** `pick` is told the key of a row that was chosen. */
  constructor(desk: Desk, pick: (key: string) => void) {
    [this.#desk, this.#pick] = [desk, pick];
    const typed = (): void => {
      clearTimeout(this.#typed);
      this.#offset = 0;
      this.#typed = setTimeout(() => void this.#list('upper'), TYPED_MS);
    };
    this.#prefix = h('input', { type: 'text', id: 'begins', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: 'all keys', input: typed });
    const words = 'Lists the keys of cold that begin so: one request';
    this.#cold = h('button', { type: 'submit', title: words }, 'List cold');
    const page = (by: number) => (): void => {
      this.#offset += by;
      void this.#mark();
    };
    this.#newer = h('button', { type: 'button', click: page(-ROWS) }, 'Previous');
    this.#older = h('button', { type: 'button', click: page(ROWS) }, 'Next');
    this.#rows = Array.from({ length: ROWS }, () => this.#row());
    const form = h('form', { submit: (event) => this.#submitted(event) });
    form.append(h('label', { for: 'begins' }, 'Begins with'), this.#prefix, this.#cold);
    const heads = TIERS.map((tier) => h('span', { class: tier }, h('span', { class: 'dot' }), NAMES[tier]));
    const head = h('p', { class: 'heads', 'aria-hidden': 'true' }, this.#whose, ...heads);
    const list = h('ol', { class: 'rows', 'aria-label': 'Keys, and the tiers that have them', keydown: (event) => this.#rove(event) });
    list.append(...this.#rows.map(({ item }) => item));
    for (const type of ['pointerleave', 'focusout']) list.addEventListener(type, () => this.#desk.changed());
    this.element = section('places', 'What is where', [this.#note, this.#newer, this.#older], form, head, h('div', { class: 'taught' }, list, this.#teaching));
  }

  /** Shows the key as the one that was chosen. */
  choose(key: string): void {
    this.#chosen = key;
  }

  /** Looks again which keys there are, if that costs nothing and they would not run away from a pointer or the focus. */
  async refresh(): Promise<void> {
    const { subject } = this.#desk;
    const isNew = subject !== this.#subject;
    this.#subject = subject;
    if (isNew) this.#offset = 0;
    const isFree = isNew || (this.#from === 'upper' && !this.#rows.some(({ item }) => item.matches(':hover, :focus-within')));
    await (isFree ? this.#list('upper') : this.#mark());
  }

  paint(about: About | undefined): void {
    const { hot, warm, cold } = about?.tiers ?? {};
    this.#prefix.disabled = !hot && !warm && !cold;
    this.#cold.disabled = !cold;
    const { keys, isMore } = this.#listed;
    this.#newer.disabled = this.#offset === 0;
    this.#older.disabled = this.#offset + ROWS >= keys.length;
    this.#rows.forEach((row, at) => (row.key = keys[this.#offset + at]));
    const stop = this.#rows.find(({ key }) => key !== undefined && key === this.#chosen) ?? this.#rows[0];
    this.#rows.forEach((row) => this.#show(row, row === stop ? 0 : -1));
    const last = Math.min(this.#offset + ROWS, keys.length);
    write(this.#whose, this.#from === 'cold' ? 'Keys of cold' : 'Keys of hot and warm');
    const all = `${isMore ? 'more than ' : ''}${toCount(keys.length)}`;
    write(this.#note, keys.length ? `${this.#offset + 1}\u2013${last} of ${all}` : '');
    write(this.#teaching, keys.length ? '' : this.#teach(about));
  }

  #teach(about: About | undefined): string {
    if (!about) return '';
    if (!about.tiers) return 'Give the inspector the `tiers` that the storage was opened with, and it shows here which keys they hold.';
    if (this.#from === 'cold') return 'No key in cold begins like this.';
    if (this.#prefix.value) return 'No key in hot or warm begins like this. \u201cList cold\u201d asks the source of truth.';
    return 'Hot and warm are empty. Read an entry, and its copies show here; \u201cList cold\u201d shows what there is to read.';
  }

  #submitted(event: Event): void {
    event.preventDefault();
    clearTimeout(this.#typed);
    this.#offset = 0;
    void this.#list('cold');
  }

  async #list(from: 'upper' | 'cold'): Promise<void> {
    const { subject } = this.#desk;
    const prefix = this.#prefix.value;
    try {
      const listed = (await subject?.list(prefix, from)) ?? NOTHING_YET;
      if (subject !== this.#desk.subject || prefix !== this.#prefix.value) return;
      [this.#from, this.#listed] = [from, listed];
      const last = Math.max(0, listed.keys.length - 1);
      this.#offset = Math.min(this.#offset, last - (last % ROWS));
      await this.#mark();
    } catch (error) {
      this.#desk.say(why(error));
    }
  }

  async #mark(): Promise<void> {
    const { subject } = this.#desk;
    const keys = this.#listed.keys.slice(this.#offset, this.#offset + ROWS);
    const marks = (keys.length ? await subject?.mark(keys).catch(() => []) : []) ?? [];
    if (subject === this.#desk.subject) this.#marks = new Map(keys.map((key, at) => [key, marks[at] ?? {}]));
    this.#desk.repaint();
  }

  #rove(event: KeyboardEvent): void {
    rove(this.#rows.filter(({ key }) => key !== undefined).map(({ button }) => button), event);
  }

  #row(): Row {
    const name = h('bdi');
    const marks = { hot: mark('hot'), warm: mark('warm'), cold: mark('cold') };
    const button = h('button', { type: 'button' }, h('span', { class: 'key' }, name), ...TIERS.map((tier) => marks[tier]));
    const row: Row = { item: h('li', { class: 'empty' }, button), button, name, marks, key: undefined };
    button.addEventListener('click', () => row.key !== undefined && this.#pick(row.key));
    return row;
  }

  #show(row: Row, tabIndex: number): void {
    const { key } = row;
    row.item.classList.toggle('empty', key === undefined);
    if (key === undefined) return;
    write(row.name, toName(key));
    row.name.title = key;
    const marks = { ...this.#marks.get(key), ...(this.#from === 'cold' && { cold: true }) };
    for (const tier of TIERS) tell(row.marks[tier], tier, marks[tier]);
    row.button.setAttribute('aria-pressed', String(key === this.#chosen));
    row.button.tabIndex = tabIndex;
  }
}

function mark(tier: TierName): HTMLElement {
  return h('span', { class: `mark ${tier}` }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'hidden' }));
}

function tell(mark: HTMLElement, tier: TierName, hasIt: boolean | undefined): void {
  mark.classList.toggle('not', hasIt === false);
  mark.classList.toggle('unknown', hasIt === undefined);
  write(mark.lastElementChild as HTMLElement, hasIt === undefined ? `, ${tier} was not asked` : `, ${hasIt ? '' : 'not '}in ${tier}`);
}
