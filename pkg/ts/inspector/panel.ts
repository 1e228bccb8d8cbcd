/** What is in the panel. */

import type { TierName } from '../contract.js';
import type { TieredStorage } from '../storage.js';
import { Cards } from './cards.js';
import { h, why, write } from './dom.js';
import { Keys, type Desk } from './keys.js';
import { Log } from './log.js';
import { Model } from './model.js';
import { Places } from './places.js';
import { Reads } from './reads.js';
import type { About, Fill, Subject } from './subject.js';
import { Times } from './times.js';

/** It is painted at most this often, in ms, and while nothing changes not at all. */
const PAINT_MS = 120;
/** How full the tiers are is asked this often, if something happened meanwhile. */
const FILL_MS = 1_000;
/** How long a sentence stays. */
const SAID_MS = 15_000;

export class Panel implements Desk {
  readonly element: HTMLElement;
  subject: Subject | undefined;
  #model = new Model();
  #about: About | undefined;
  #fills: Partial<Record<TierName, Fill>> = {};
  readonly #place = h('span', { class: 'note' });
  readonly #status = h('p', { class: 'status', role: 'status' });
  readonly #cut: HTMLButtonElement;
  readonly #cards = new Cards(() => void this.#count());
  readonly #reads = new Reads(() => this.#soon(), (key) => this.#pick(key));
  readonly #times = new Times();
  readonly #log = new Log();
  readonly #keys = new Keys(this);
  readonly #places = new Places(this, (key) => this.#pick(key));
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #isDue = false;
  /** What nobody sees takes note of everything, and is painted when somebody does. */
  #isSeen = true;
  #paintedAt = 0;
  #hasNews = true;
  /** How often was looked, and which look was the last to be answered. */
  #looks = 0;
  #answered = 0;
  #source: TieredStorage | string | undefined;
  #saying: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#cut = h('button', { type: 'button', 'aria-pressed': 'false', click: () => void this.#toggle() }, 'Cut the network');
    const again = h('button', { type: 'button', click: () => this.#again() }, 'Start over');
    const title = h('div', { class: 'titles' }, h('h2', {}, 'Storage inspector'), this.#status, this.#place);
    const head = h('header', { class: 'head' }, title, this.#cut, again);
    const left = h('div', { class: 'pair' }, this.#reads.element, this.#reads.story.element);
    const right = h('div', { class: 'pair' }, this.#times.element, this.#log.element);
    this.element = h('div', { class: 'panel', lang: 'en' }, head, ...this.#cards.elements, left, right);
    this.element.append(this.#places.element, this.#keys.element);
  }

  /** Shows a storage, of this realm or published on a channel of that name, until the function that this returns is called. */
  show(subject: Subject | undefined, source: TieredStorage | string | undefined): () => void {
    this.subject = subject;
    if (source !== this.#source) {
      this.#about = undefined;
      this.#again();
    }
    this.#source = source;
    this.#hasNews = true;
    const end = subject?.listen((notes) => {
      for (const note of notes) this.#model.take(note);
      this.#hasNews = true;
      this.#soon();
    });
    const timer = subject && setInterval(() => void this.#look(), FILL_MS);
    const sight = new IntersectionObserver((changes) => {
      this.#isSeen = changes.at(-1)?.isIntersecting ?? true;
      if (this.#isSeen) void this.#look().then(() => this.#soon());
    });
    sight.observe(this.element);
    this.#tellPlace();
    void this.#look();
    return () => {
      clearInterval(timer);
      clearTimeout(this.#saying);
      sight.disconnect();
      this.subject = undefined;
      end?.();
    };
  }

  await(key: string): void {
    this.#reads.await(key, this.#model);
  }

  repaint(): void {
    this.#soon();
  }

  changed(): void {
    this.#hasNews = true;
    void this.#look();
  }

  say(...parts: readonly (Node | string)[]): void {
    clearTimeout(this.#saying);
    this.#status.replaceChildren(...parts);
    this.#saying = setTimeout(() => this.#status.replaceChildren(), SAID_MS);
  }

  /** Asks what the storage is, and how full its tiers are, if something happened. */
  async #look(): Promise<void> {
    const { subject } = this;
    if (!subject || document.hidden || !this.#isSeen || !this.#hasNews) return;
    this.#hasNews = false;
    const look = ++this.#looks;
    try {
      const about = await subject.about();
      if (subject !== this.subject) return;
      [this.#about, this.#answered] = [about, look];
      await this.#fill(subject, false);
      await this.#places.refresh();
      if (subject === this.subject) this.#tellPlace();
    } catch (error) {
      // Of what was asked of nobody, one hears long after somebody came who answers.
      if (subject !== this.subject || look < this.#answered) return;
      this.#hasNews = true;
      this.#tellPlace(error);
    }
    this.#soon();
  }

  #tellPlace(error?: unknown): void {
    const source = this.#source;
    const place = typeof source === 'string' ? `on ${source}` : source ? 'in this page' : 'no storage: set `storage` or `channel`';
    write(this.#place, error === undefined ? place : `${place}: ${why(error)}`);
    this.#place.title = this.#place.textContent ?? '';
  }

  async #fill(subject: Subject, isAll: boolean): Promise<void> {
    const fills = await subject.fill(isAll);
    if (subject === this.subject) this.#fills = { ...this.#fills, ...fills };
    this.#soon();
  }

  async #count(): Promise<void> {
    const { subject } = this;
    if (!subject) return;
    this.say('cold is being counted\u2026');
    await this.#fill(subject, true).then(
      () => this.say('cold was counted'),
      (error: unknown) => this.say(why(error)),
    );
  }

  async #toggle(): Promise<void> {
    if (this.#about?.isCut === undefined) return;
    const isCut = !this.#about.isCut;
    try {
      await this.subject?.cut(isCut);
      this.#about = { ...this.#about, isCut };
      this.say(isCut ? 'the network is cut: what is not here cannot be had' : 'the network is whole again');
    } catch (error) {
      this.say(why(error));
    }
    this.#soon();
  }

  #pick(key: string): void {
    this.#keys.pick(key);
    this.#places.choose(key);
    this.#soon();
  }

  #again(): void {
    this.#model = new Model();
    this.#fills = {};
    this.#hasNews = true;
    this.#reads.reset();
    this.#soon();
  }

  #soon(): void {
    if (this.#isDue || !this.#isSeen) return;
    this.#isDue = true;
    const wait = Math.max(0, this.#paintedAt + PAINT_MS - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.#paint()), wait);
  }

  #paint(): void {
    this.#isDue = false;
    this.#paintedAt = performance.now();
    const isCut = this.#about?.isCut;
    this.#cut.disabled = isCut === undefined;
    this.#cut.setAttribute('aria-pressed', String(isCut === true));
    this.element.classList.toggle('cut', isCut === true);
    this.#cards.paint(this.#model, this.#about, this.#fills, this.#calm.matches);
    this.#reads.paint(this.#model);
    this.#times.paint(this.#model);
    this.#log.paint(this.#model);
    this.#places.paint(this.#about);
    this.#keys.paint(this.#about);
  }
}
