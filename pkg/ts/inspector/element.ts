/** The panel. */

import type { TierName } from '../contract.js';
import type { TieredStorage } from '../storage.js';
import { Cards } from './cards.js';
import { Remote } from './channel.js';
import { h, write } from './dom.js';
import { Keys, type Desk } from './keys.js';
import { Log } from './log.js';
import { Model } from './model.js';
import { Reads } from './reads.js';
import { STYLE } from './style.js';
import { Local, type About, type Fill, type InspectorOptions, type Subject } from './subject.js';
import { Times } from './times.js';

/** It is painted at most this often, in ms, and while nothing changes not at all. */
const PAINT_MS = 120;
/** How full the tiers are is asked this often, if something happened meanwhile. */
const FILL_MS = 1_000;

// In a service worker, which only publishes, there are no elements.
const Base = (globalThis.HTMLElement ?? Object) as typeof HTMLElement;

/**
 * A panel that shows a storage at work. Give it a `storage` of this page, or the name of a `channel` on which `publishTo`
 * publishes one. The attribute `theme` (`light` or `dark`) stands in for what the system prefers.
 *
 * While it is in a document it listens to every read, which costs each some microseconds; what it remembers is bounded.
 */
export class TieredStorageInspector extends Base implements InspectorOptions {
  #storage: TieredStorage | undefined;
  #channel: string | undefined;
  #options: InspectorOptions = {};
  #subject: Subject | undefined;
  #end: (() => void) | undefined;
  #isDue = false;
  #panel: Panel | undefined;

  /** The storage to show, of this realm. */
  get storage(): TieredStorage | undefined {
    return this.#storage;
  }

  set storage(storage: TieredStorage | undefined) {
    this.#storage = storage;
    this.#later();
  }

  /** Where another realm publishes a storage; used where there is no `storage`. */
  get channel(): string | undefined {
    return this.#channel;
  }

  set channel(channel: string | undefined) {
    this.#channel = channel;
    this.#later();
  }

  get tiers(): InspectorOptions['tiers'] {
    return this.#options.tiers;
  }

  set tiers(tiers: InspectorOptions['tiers']) {
    this.#set({ tiers });
  }

  get limits(): InspectorOptions['limits'] {
    return this.#options.limits;
  }

  set limits(limits: InspectorOptions['limits']) {
    this.#set({ limits });
  }

  get prices(): InspectorOptions['prices'] {
    return this.#options.prices;
  }

  set prices(prices: InspectorOptions['prices']) {
    this.#set({ prices });
  }

  get network(): InspectorOptions['network'] {
    return this.#options.network;
  }

  set network(network: InspectorOptions['network']) {
    this.#set({ network });
  }

  connectedCallback(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    if (!this.#panel) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      this.#panel = new Panel();
      root.append(this.#panel.element);
    }
    this.#later();
  }

  disconnectedCallback(): void {
    this.#later();
  }

  #set(options: InspectorOptions): void {
    this.#options = { ...this.#options, ...options };
    this.#later();
  }

  /** What is set one after the other is taken in together. */
  #later(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#connect();
    });
  }

  #connect(): void {
    this.#end?.();
    this.#end = undefined;
    if (!this.isConnected || !this.#panel) return;
    if (this.#storage) this.#subject = new Local(this.#storage, this.#options);
    else this.#subject = this.#channel === undefined ? undefined : Remote.open(this.#channel);
    const place = this.#storage ? 'in this page' : this.#channel === undefined ? 'no storage' : `on ${this.#channel}`;
    this.#end = this.#panel.show(this.#subject, place);
  }
}

/** What is in the panel. */
class Panel implements Desk {
  readonly element: HTMLElement;
  subject: Subject | undefined;
  #model = new Model();
  #about: About | undefined;
  #fills: Partial<Record<TierName, Fill>> = {};
  readonly #place = h('span', { class: 'note' });
  readonly status = h('p', { class: 'status', role: 'status' });
  readonly #cut: HTMLButtonElement;
  readonly #cards = new Cards(() => void this.#fill(true));
  readonly #reads = new Reads(() => this.#soon(), (key) => this.#keys.pick(key));
  readonly #times = new Times();
  readonly #log = new Log();
  readonly #keys = new Keys(this);
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #isDue = false;
  /** What nobody sees takes note of everything, and is painted when somebody does. */
  #isSeen = true;
  #paintedAt = 0;
  #hasNews = true;
  #where = '';

  constructor() {
    this.#cut = h('button', { type: 'button', 'aria-pressed': 'false', click: () => void this.#toggle() }, 'Cut the network');
    const again = h('button', { type: 'button', click: () => this.#again() }, 'Start over');
    const head = h('header', { class: 'head' }, h('h2', {}, 'Storage inspector'), this.#place, this.#cut, again);
    const left = h('div', { class: 'pair' }, this.#reads.element, this.#reads.story.element);
    const right = h('div', { class: 'pair' }, this.#times.element, this.#log.element);
    this.element = h('div', { class: 'panel' }, head, ...this.#cards.elements, left, right, this.#keys.element);
    new IntersectionObserver((changes) => {
      this.#isSeen = changes.at(-1)?.isIntersecting ?? true;
      if (this.#isSeen) void this.#look().then(() => this.#soon());
    }).observe(this.element);
  }

  /** Shows a storage until the function that this returns is called. */
  show(subject: Subject | undefined, place: string): () => void {
    this.subject = subject;
    this.#about = undefined;
    this.#where = place;
    write(this.#place, place);
    this.#again();
    const end = subject?.listen((notes) => {
      for (const note of notes) this.#model.take(note);
      this.#hasNews = true;
      this.#soon();
    });
    const look = (): void => void this.#look();
    const timer = subject && setInterval(look, FILL_MS);
    look();
    return () => {
      clearInterval(timer);
      this.subject = undefined;
      end?.();
    };
  }

  await(key: string): void {
    this.#reads.await(key, this.#model);
  }

  say(text: string): void {
    write(this.status, text);
  }

  /** Asks what the storage is, and how full its tiers are, if something happened. */
  async #look(): Promise<void> {
    const { subject } = this;
    if (!subject || document.hidden || !this.#isSeen) return;
    try {
      if (this.#about && !this.#hasNews) return;
      const about = await subject.about();
      if (subject !== this.subject) return;
      this.#about = about;
      await this.#fill(false);
      write(this.#place, this.#where);
    } catch (error) {
      if (subject === this.subject) write(this.#place, `${this.#where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #fill(isAll: boolean): Promise<void> {
    const { subject } = this;
    this.#hasNews = false;
    try {
      const fills = (await subject?.fill(isAll)) ?? {};
      if (subject === this.subject) this.#fills = { ...this.#fills, ...fills };
      if (isAll) this.say('cold was counted');
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error));
    }
    this.#soon();
  }

  async #toggle(): Promise<void> {
    if (this.#about?.isCut === undefined) return;
    const isCut = !this.#about.isCut;
    await this.subject?.cut(isCut);
    this.#about = { ...this.#about, isCut };
    this.say(isCut ? 'the network is cut: what is not here cannot be had' : 'the network is whole again');
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
    this.#keys.paint(this.#about);
  }
}

/**
 * Makes `<tiered-storage-inspector>` known, or an element of another name. To import the module alone changes nothing, and
 * where there are no elements, as on a server, neither does this.
 *
 * ```ts
 * defineInspector();
 * const inspector = document.createElement('tiered-storage-inspector');
 * Object.assign(inspector, { storage, tiers: { hot, warm, cold } });
 * document.body.append(inspector);
 * ```
 */
export function defineInspector(name = 'tiered-storage-inspector'): void {
  // A program that also runs on a server calls this there, too.
  const elements = (globalThis as { customElements?: CustomElementRegistry }).customElements;
  if (elements && !elements.get(name)) elements.define(name, name === 'tiered-storage-inspector' ? TieredStorageInspector : class extends TieredStorageInspector {});
}

declare global {
  interface HTMLElementTagNameMap {
    'tiered-storage-inspector': TieredStorageInspector;
  }
}
