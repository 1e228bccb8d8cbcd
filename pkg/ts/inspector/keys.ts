/** One key: where it has copies, and what can be done to them. */

import type { TierName } from '../contract.js';
import { NAMES, NOTHING, h, named, section, toBytes, toCount, toDate, why, write } from './dom.js';
import { TIERS } from './model.js';
import type { About, Copy, Subject } from './subject.js';

/** How long a button that removes everywhere waits for the second press. */
const ARMED_MS = 4_000;
/** How long what a read leaves to the background may take before it is looked at once more. */
const SETTLED_MS = 400;
const COLUMNS = ['Copy', 'Written', 'Expires', 'Reads', 'SHA-256'];

interface Row {
  readonly element: HTMLElement;
  readonly cells: readonly HTMLElement[];
  readonly buttons: readonly HTMLButtonElement[];
}

/** What the rest of the panel does for these commands. */
export interface Desk {
  readonly subject: Subject | undefined;
  /** The next read of this key is the one to be shown. */
  await(key: string): void;
  /** Has what is known painted soon. */
  repaint(): void;
  /** Has it looked up which copies there are now. */
  changed(): void;
  /** Has a sentence shown, and read out. */
  say(...parts: readonly (Node | string)[]): void;
}

export class Keys {
  readonly element: HTMLElement;
  readonly #desk: Desk;
  readonly #input: HTMLInputElement;
  readonly #prefix: HTMLInputElement;
  readonly #where = h('select', { 'aria-label': 'Where from' }, h('option', { value: 'upper' }, 'from hot and warm'), h('option', { value: 'all' }, 'from every tier, cold too'));
  readonly #rows: Record<TierName, Row>;
  readonly #invalidate: HTMLButtonElement;
  /** What can be used where there is a storage. */
  readonly #controls: readonly (HTMLButtonElement | HTMLInputElement | HTMLSelectElement)[];
  readonly #note = h('span', { class: 'note' });
  #armed: ReturnType<typeof setTimeout> | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
    const free = { type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' };
    this.#input = h('input', { ...free, id: 'key', placeholder: 'site/index.html' });
    this.#prefix = h('input', { ...free, id: 'prefix', placeholder: 'site/', input: () => this.#disarm() });
    const look = h('button', { type: 'submit' }, 'Look');
    const read = this.#button('Read', () => this.#read());
    const find = h('form', { submit: (event: Event) => this.#submitted(event, () => this.look()) });
    find.append(h('label', { for: 'key' }, 'Key'), this.#input, look, read);
    this.#rows = { hot: this.#row('hot'), warm: this.#row('warm'), cold: this.#row('cold') };
    const head = h('tr', {}, ...['Tier', ...COLUMNS].map((name) => h('th', { scope: 'col' }, name)));
    head.append(h('th', { scope: 'col' }, h('span', { class: 'hidden' }, 'What can be done')));
    const copies = h('table', {}, h('thead', {}, head), h('tbody', {}, ...TIERS.map((tier) => this.#rows[tier].element)));
    this.#invalidate = h('button', { type: 'submit', class: 'arming' }, 'Invalidate');
    this.#where.addEventListener('change', () => this.#disarm());
    this.#controls = [this.#input, look, read, this.#prefix, this.#where, this.#invalidate];
    const fence = h('form', { submit: (event: Event) => this.#submitted(event, () => this.#remove()) });
    fence.append(h('label', { for: 'prefix' }, 'Keys from'), this.#prefix, this.#where, this.#invalidate);
    this.element = section('keys', 'One key, and what begins like it', [this.#note], find, copies, fence);
  }

  /** What cannot be done with this storage is not offered. */
  paint(about: About | undefined): void {
    this.#controls.forEach((control) => (control.disabled = !about));
    write(this.#note, about && !about.tiers ? 'give the inspector the `tiers` to look into them' : '');
    for (const tier of TIERS) {
      const isKnown = about?.tiers?.[tier] !== undefined;
      this.#rows[tier].buttons.forEach((button) => (button.disabled = !isKnown));
      this.#rows[tier].element.classList.toggle('absent', !isKnown);
    }
  }

  /** Takes a key that was chosen elsewhere, and shows where it has copies. */
  pick(key: string): void {
    if (this.#desk.subject) this.#input.value = key;
    this.#run(async () => void (await this.#find(key)));
  }

  /** Shows where the key has copies, and says so. */
  async look(): Promise<void> {
    const key = this.#input.value;
    const copies = await this.#find(key);
    if (!copies) return;
    const found = TIERS.filter((tier) => copies[tier] && typeof copies[tier] === 'object').map((tier) => NAMES[tier]);
    const isAsked = TIERS.some((tier) => copies[tier] !== undefined);
    if (isAsked) this.#desk.say(named(key), found.length ? ` is in ${found.join(', ')}` : ' is nowhere');
    else this.#desk.say('the inspector was not given the tiers, so copies cannot be looked up');
  }

  async #find(key: string): Promise<Partial<Record<TierName, Copy>> | undefined> {
    const copies = key ? await this.#desk.subject?.look(key) : undefined;
    if (copies && key === this.#input.value) for (const tier of TIERS) this.#show(tier, copies[tier]);
    this.#desk.changed();
    return copies;
  }

  /** Reads the key, has that story shown, and where the key has copies: now, and when what was found may have been copied. */
  async #readOut(key: string): Promise<TierName | undefined> {
    this.#desk.await(key);
    try {
      return await this.#desk.subject?.read(key);
    } finally {
      await this.#find(key);
      setTimeout(() => this.#run(async () => void (await this.#find(key))), SETTLED_MS);
    }
  }

  #show(tier: TierName, copy: Copy | undefined): void {
    const { cells, element } = this.#rows[tier];
    element.classList.toggle('none', copy === null);
    const texts = COLUMNS.map(() => '');
    if (copy === null) texts[0] = 'none';
    else if (typeof copy === 'string') texts[0] = copy;
    else if (copy === undefined) texts[0] = NOTHING;
    else {
      const { size, createdAt, ttl, accessCount, checksum } = copy;
      texts.splice(0, 5, toBytes(size), toDate(createdAt), ttl ? toDate(ttl) : 'never', toCount(accessCount), checksum.slice(0, 12) || NOTHING);
    }
    texts.forEach((text, at) => {
      const cell = cells[at];
      if (!cell) return;
      write(cell, text);
      cell.title = text;
    });
  }

  #row(tier: TierName): Row {
    const cells = COLUMNS.map(() => h('td', {}, ''));
    const buttons: HTMLButtonElement[] = [];
    const does = (text: string, work: (key: string) => Promise<void>): void => {
      const button = this.#button(text, work);
      button.setAttribute('aria-label', `${text} the copy in ${tier}`);
      buttons.push(button);
    };
    if (tier !== 'cold') does('Evict', (key) => this.#evict(tier, key));
    if (tier === 'warm') does('Damage', (key) => this.#damage(key));
    const name = h('th', { scope: 'row' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), NAMES[tier]);
    return { element: h('tr', { class: tier }, name, ...cells, h('td', { class: 'do' }, ...buttons)), cells, buttons };
  }

  #button(text: string, work: (key: string) => Promise<void>): HTMLButtonElement {
    const click = (): void => {
      const key = this.#input.value;
      if (key) this.#run(() => work(key));
      else this.#desk.say('first say which key');
    };
    return h('button', { type: 'button', click }, text);
  }

  async #read(): Promise<void> {
    const key = this.#input.value;
    const source = await this.#readOut(key);
    this.#desk.say(named(key), source ? ` came from ${source}` : ' is nowhere');
  }

  async #evict(tier: 'hot' | 'warm', key: string): Promise<void> {
    const hadIt = await this.#desk.subject?.evict(tier, key);
    await this.#find(key);
    if (hadIt) this.#desk.say('the copy of ', named(key), ` in ${tier} is gone`);
    else this.#desk.say(`${tier} has no copy of `, named(key));
  }

  async #damage(key: string): Promise<void> {
    await this.#desk.subject?.damage(key);
    const what = ['a byte of ', named(key), ' was turned around in warm'];
    try {
      const source = await this.#readOut(key);
      if (source === 'warm') this.#desk.say(...what, ', and the read did not notice: this storage does not verify');
      else this.#desk.say(...what, `; the read noticed, and was answered by ${source ?? 'nobody'}`);
    } catch (error) {
      this.#desk.say(...what, `; the read noticed, and found no other copy: ${why(error)}`);
    }
  }

  /** What removes from cold too is asked for twice. */
  async #remove(): Promise<void> {
    const isEverywhere = this.#where.value === 'all';
    if (isEverywhere && this.#armed === undefined) {
      write(this.#invalidate, 'Really?');
      this.#armed = setTimeout(() => this.#disarm(), ARMED_MS);
      const what = this.#prefix.value ? ['all keys that begin with \u201c', named(this.#prefix.value), '\u201d'] : ['every key there is'];
      this.#desk.say('this removes ', ...what, ' from cold, too: press once more to do it');
      return;
    }
    this.#disarm();
    const prefix = this.#prefix.value;
    const count = await this.#desk.subject?.invalidate(prefix, isEverywhere);
    await this.#find(this.#input.value);
    const from = isEverywhere ? 'from every tier' : 'from hot and warm';
    this.#desk.say(`${toCount(count ?? 0)} keys that begin with \u201c`, named(prefix), `\u201d are gone ${from}`);
  }

  #disarm(): void {
    clearTimeout(this.#armed);
    this.#armed = undefined;
    write(this.#invalidate, 'Invalidate');
  }

  #submitted(event: Event, work: () => Promise<void>): void {
    event.preventDefault();
    this.#run(work);
  }

  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#desk.say(why(error)));
  }
}
