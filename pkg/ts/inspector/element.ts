/** The element that other apps mount. */

import type { TieredStorage } from '../storage.js';
import { Remote } from './channel.js';
import { Panel } from './panel.js';
import { STYLE } from './style.js';
import { Local, type InspectorOptions, type Subject } from './subject.js';

const PROPERTIES = ['storage', 'channel', 'tiers', 'limits', 'prices', 'network'] as const;

// In a service worker, which only publishes, there are no elements.
const Base = (globalThis.HTMLElement ?? Object) as typeof HTMLElement;

/**
 * A panel that shows a storage at work. Give it a `storage` of this page, or the name of a `channel` (a property or an
 * attribute) on which `publishTo` publishes one. The attribute `theme` (`light` or `dark`) stands in for what the system
 * prefers.
 *
 * While it is in a document it listens to every read, which costs each some microseconds; what it remembers is bounded. It
 * paints when something happened, at most eight times a second, and not at all while nobody sees it. Taken out of the document it
 * lets go of the storage; put back, it goes on with what it had. Other `tiers`, `limits`, `prices` or `network` change
 * what it can do and leave its counts; another storage or channel begins anew.
 */
export class TieredStorageInspector extends Base implements InspectorOptions {
  static readonly observedAttributes = ['channel'];
  #storage: TieredStorage | undefined;
  #channel: string | undefined;
  #options: InspectorOptions = {};
  #end: (() => void) | undefined;
  #isDue = false;
  #panel: Panel | undefined;

  /** The storage to show, of this realm. */
  get storage(): TieredStorage | undefined {
    return this.#storage;
  }

  set storage(storage: TieredStorage | undefined) {
    if (storage === this.#storage) return;
    this.#storage = storage;
    this.#later();
  }

  /** Where another realm publishes a storage; used where there is no `storage`. */
  get channel(): string | undefined {
    return this.#channel;
  }

  set channel(channel: string | undefined) {
    if (channel === this.#channel) return;
    this.#channel = channel;
    this.#later();
  }

  get tiers(): InspectorOptions['tiers'] {
    return this.#options.tiers;
  }

  set tiers(tiers: InspectorOptions['tiers']) {
    this.#set('tiers', tiers);
  }

  get limits(): InspectorOptions['limits'] {
    return this.#options.limits;
  }

  set limits(limits: InspectorOptions['limits']) {
    this.#set('limits', limits);
  }

  get prices(): InspectorOptions['prices'] {
    return this.#options.prices;
  }

  set prices(prices: InspectorOptions['prices']) {
    this.#set('prices', prices);
  }

  get network(): InspectorOptions['network'] {
    return this.#options.network;
  }

  set network(network: InspectorOptions['network']) {
    this.#set('network', network);
  }

  connectedCallback(): void {
    this.#takeOver();
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

  attributeChangedCallback(_name: string, _old: string | null, channel: string | null): void {
    this.channel = channel ?? undefined;
  }

  /** What was set before the element was defined hides its setters. */
  #takeOver(): void {
    for (const name of PROPERTIES) {
      const found = Object.getOwnPropertyDescriptor(this, name);
      if (!found || !Reflect.deleteProperty(this, name)) continue;
      Reflect.set(this, name, found.value);
    }
  }

  #set<K extends keyof InspectorOptions>(name: K, value: InspectorOptions[K]): void {
    if (value === this.#options[name]) return;
    this.#options = { ...this.#options, [name]: value };
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
    this.#end = this.#panel.show(this.#subject(), this.#storage ?? this.#channel);
  }

  #subject(): Subject | undefined {
    if (this.#storage) return new Local(this.#storage, this.#options);
    return this.#channel === undefined ? undefined : Remote.open(this.#channel);
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
