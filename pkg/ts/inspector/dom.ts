/** Making elements, and how figures are written. */

type Attributes = Record<string, string | ((event: never) => void)>;

/** An element with attributes (functions are listeners) and children. Nothing is ever parsed: texts are texts. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string') element.setAttribute(name, value);
    else element.addEventListener(name, value as EventListener);
  }
  element.append(...children);
  return element;
}

/** Writes a text where another one stands. The node is a new one: a text that moves with its alignment moves nothing. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets a variable of the style sheet, if that changes it: what stays the same is not looked at again. */
export function vary(element: HTMLElement, name: string, value: number): void {
  const text = String(Math.round(value * 10_000) / 10_000);
  if (element.style.getPropertyValue(name) !== text) element.style.setProperty(name, text);
}

/** What is invisible, or turns around what stands beside it. Joiners are left, which scripts and emoji need. */
const UNSEEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const SHORT_MAX = 48;

/** A key as it is shown: what nobody would see is written out. */
export function toName(key: string): string {
  return key.replace(UNSEEN, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}

/** A key in a sentence: without its middle, if it is long, and with a direction of its own. */
export function named(key: string): HTMLElement {
  const signs = [...toName(key)];
  const half = SHORT_MAX / 2;
  const text = signs.length > SHORT_MAX ? `${signs.slice(0, half).join('')}\u2026${signs.slice(-half).join('')}` : signs.join('');
  return h('bdi', {}, text);
}

/** Moves the focus among buttons with the arrows, so that they are one stop on the way through the page. */
export function rove(buttons: readonly HTMLElement[], event: KeyboardEvent): void {
  const by = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const at = buttons.findIndex((button) => button === event.target);
  buttons[Math.min(buttons.length - 1, Math.max(0, at + by))]?.focus();
}

/** A heading with what stands beside it, over the rest of a section. */
export function section(name: string, title: string, aside: readonly Node[], ...children: readonly Node[]): HTMLElement {
  const id = `${name}-title`;
  const head = h('header', {}, h('h3', { id }, title), ...aside);
  return h('section', { class: name, 'aria-labelledby': id }, head, ...children);
}

/** A name over a figure, in a list of those. Gives the element of the figure, too. */
export function fact(name: string, title = ''): [row: HTMLElement, figure: HTMLElement] {
  const figure = h('dd', {}, NOTHING);
  return [h('div', title ? { title } : {}, h('dt', {}, name), figure), figure];
}

/** What is said of an error. */
export function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Stands where there is no figure. */
export const NOTHING = '\u2013';
export const NAMES = { hot: 'Hot', warm: 'Warm', cold: 'Cold' } as const;

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

export function toCount(count: number): string {
  return count < 1e6 ? whole.format(count) : short.format(count);
}

export function toBytes(bytes: number | undefined): string {
  if (bytes === undefined) return NOTHING;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  const value = bytes / 1024 ** at;
  return `${value.toFixed(at === 0 || value >= 100 ? 0 : 1)} ${units[at]}`;
}

export function toTime(ms: number): string {
  // Clocks of browsers are coarse on purpose.
  if (ms < 0.01) return '~0 ms';
  if (ms < 1) return `${ms < 0.1 ? Math.round(ms * 1000) : Math.round(ms * 100) * 10} \u00b5s`;
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function toDollars(dollars: number): string {
  if (dollars === 0) return '$0';
  if (dollars < 0.00001) return '<$0.00001';
  const digits = Math.min(5, Math.max(2, 1 - Math.floor(Math.log10(dollars))));
  return `$${dollars.toFixed(digits)}`;
}

export function toShare(part: number, all: number): string {
  return all ? `${((100 * part) / all).toFixed(1)} %` : NOTHING;
}

/** In the time of this place; the largest unit is the first, so that nobody mistakes a month for a day. */
export function toDate(date: Date): string {
  const day = [date.getMonth() + 1, date.getDate()].map(toTwo);
  return `${date.getFullYear()}-${day.join('-')} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(toTwo).join(':')}`;
}

export function toClock(at: number): string {
  const date = new Date(at);
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${[date.getHours(), date.getMinutes(), date.getSeconds()].map(toTwo).join(':')}.${ms}`;
}

function toTwo(value: number): string {
  return String(value).padStart(2, '0');
}
