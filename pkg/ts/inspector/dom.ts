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
  if (ms < 1) return `${Math.round(ms * 1000)} \u00b5s`;
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function toDollars(dollars: number): string {
  if (dollars === 0) return '$0';
  const digits = Math.min(8, Math.max(2, 1 - Math.floor(Math.log10(dollars))));
  return `$${dollars.toFixed(digits)}`;
}

export function toShare(part: number, all: number): string {
  return all ? `${((100 * part) / all).toFixed(1)} %` : NOTHING;
}

export function toDate(date: Date): string {
  return date.toLocaleString('en-GB', { dateStyle: 'short', timeStyle: 'medium' });
}

export function toClock(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}
