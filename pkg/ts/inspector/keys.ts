/** One key: where it has copies, and what can be done to them. */

import type { TierName } from '../contract.js';
import { NAMES, NOTHING, h, section, toBytes, toCount, toDate, write } from './dom.js';
import { TIERS } from './model.js';
import type { About, Copy, Subject } from './subject.js';

/** How long a button that removes everywhere waits for the second press. */
const ARMED_MS = 4_000;
const SUGGEST_MS = 150;
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
  /** Where what `say` says is shown. */
  readonly status: HTMLElement;
  /** The next read of this key is the one to be shown. */
  await(key: string): void;
  /** Has a sentence shown, and read out. */
  say(text: string): void;
}

export class Keys {
  readonly element: HTMLElement;
  readonly #desk: Desk;
  readonly #input: HTMLInputElement;
  readonly #prefix: HTMLInputElement;
  readonly #where = h('select', { 'aria-label': 'Where from' }, h('option', { value: 'upper' }, 'from hot and warm'), h('option', { value: 'all' }, 'from every tier, cold too'));
  readonly #suggestions = h('datalist', { id: 'keys' });
  readonly #rows: Record<TierName, Row>;
  readonly #invalidate: HTMLButtonElement;
  #armed: ReturnType<typeof setTimeout> | undefined;
  #typed: ReturnType<typeof setTimeout> | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
    const free = { type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' };
    this.#input = h('input', { ...free, id: 'key', list: 'keys', placeholder: 'site/index.html', input: () => this.#suggest() });
    this.#prefix = h('input', { ...free, id: 'prefix', placeholder: 'site/' });
    const look = h('button', { type: 'submit' }, 'Look');
    const read = this.#button('Read', () => this.#read());
    const find = h('form', { submit: (event: Event) => this.#submitted(event, () => this.look()) });
    find.append(h('label', { for: 'key' }, 'Key'), this.#input, this.#suggestions, look, read);
    this.#rows = { hot: this.#row('hot'), warm: this.#row('warm'), cold: this.#row('cold') };
    const head = h('tr', {}, ...['Tier', ...COLUMNS].map((name) => h('th', { scope: 'col' }, name)));
    head.append(h('th', { scope: 'col' }, h('span', { class: 'hidden' }, 'What can be done')));
    const copies = h('table', {}, h('thead', {}, head), h('tbody', {}, ...TIERS.map((tier) => this.#rows[tier].element)));
    this.#invalidate = h('button', { type: 'submit', class: 'arming' }, 'Invalidate');
    this.#where.addEventListener('change', () => this.#disarm());
    const fence = h('form', { submit: (event: Event) => this.#submitted(event, () => this.#remove()) });
    fence.append(h('label', { for: 'prefix' }, 'Keys from'), this.#prefix, this.#where, this.#invalidate);
    this.element = section('keys', 'One key, and what begins like it', [], find, copies, fence, desk.status);
  }

  /** What cannot be done with this storage is not offered. */
  paint(about: About | undefined): void {
    for (const tier of TIERS) {
      const isKnown = about?.tiers?.[tier] !== undefined;
      this.#rows[tier].buttons.forEach((button) => (button.disabled = !isKnown));
      this.#rows[tier].element.classList.toggle('absent', !isKnown);
    }
  }

  /** Takes a key that was chosen elsewhere, and shows where it has copies. */
  pick(key: string): void {
    this.#input.value = key;
    this.#run(async () => void (await this.#find(key)));
  }

  /** Shows where the key has copies, and says so. */
  async look(): Promise<void> {
    const key = this.#input.value;
    const copies = await this.#find(key);
    if (!copies) return;
    const found = TIERS.filter((tier) => copies[tier] && typeof copies[tier] === 'object').map((tier) => NAMES[tier]);
    const isAsked = TIERS.some((tier) => copies[tier] !== undefined);
    if (isAsked) this.#desk.say(found.length ? `${key} is in ${found.join(', ')}` : `${key} is nowhere`);
    else this.#desk.say('the inspector was not given the tiers, so copies cannot be looked up');
  }

  async #find(key: string): Promise<Partial<Record<TierName, Copy>> | undefined> {
    const copies = key ? await this.#desk.subject?.look(key) : undefined;
    if (copies && key === this.#input.value) for (const tier of TIERS) this.#show(tier, copies[tier]);
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
    const named = (text: string, work: (key: string) => Promise<void>): void => {
      const button = this.#button(text, work);
      button.setAttribute('aria-label', `${text} the copy in ${tier}`);
      buttons.push(button);
    };
    if (tier !== 'cold') named('Evict', (key) => this.#evict(tier, key));
    if (tier === 'warm') named('Damage', (key) => this.#damage(key));
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
    this.#desk.say(source ? `${key} came from ${source}` : `${key} is nowhere`);
  }

  async #evict(tier: 'hot' | 'warm', key: string): Promise<void> {
    await this.#desk.subject?.evict(tier, key);
    await this.#find(key);
    this.#desk.say(`the copy of ${key} in ${tier} is gone`);
  }

  async #damage(key: string): Promise<void> {
    await this.#desk.subject?.damage(key);
    const source = await this.#readOut(key);
    this.#desk.say(`a byte of ${key} was turned around in warm; the read noticed, and was answered by ${source ?? 'nobody'}`);
  }

  /** What removes from cold too is asked for twice. */
  async #remove(): Promise<void> {
    const isEverywhere = this.#where.value === 'all';
    if (isEverywhere && this.#armed === undefined) {
      write(this.#invalidate, 'Really?');
      this.#armed = setTimeout(() => this.#disarm(), ARMED_MS);
      this.#desk.say('this also removes from cold: press once more to do it');
      return;
    }
    this.#disarm();
    const prefix = this.#prefix.value;
    const count = await this.#desk.subject?.invalidate(prefix, isEverywhere);
    await this.#find(this.#input.value);
    this.#desk.say(`${toCount(count ?? 0)} keys that begin with "${prefix}" are gone ${isEverywhere ? 'from every tier' : 'from hot and warm'}`);
  }

  #disarm(): void {
    clearTimeout(this.#armed);
    this.#armed = undefined;
    write(this.#invalidate, 'Invalidate');
  }

  #suggest(): void {
    clearTimeout(this.#typed);
    this.#typed = setTimeout(() => {
      const prefix = this.#input.value;
      const found = this.#desk.subject?.suggest(prefix) ?? Promise.resolve([]);
      found.then((keys) => this.#suggestions.replaceChildren(...keys.map((key) => h('option', { value: key }))), () => undefined);
    }, SUGGEST_MS);
  }

  #submitted(event: Event, work: () => Promise<void>): void {
    event.preventDefault();
    this.#run(work);
  }

  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#desk.say(error instanceof Error ? error.message : String(error)));
  }
}
