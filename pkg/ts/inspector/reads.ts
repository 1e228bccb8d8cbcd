/** The reads, newest first, and the story of one of them. */

import type { TierName } from '../contract.js';
import { NAMES, h, rove, section, toBytes, toClock, toCount, toName, toTime, vary, write } from './dom.js';
import { TIERS, type Model, type Step, type Story } from './model.js';

/** How many reads are shown at once. */
const ROWS = 10;
/** How many lines a story has: its answers, the tiers that were not asked, and what followed. */
const LINES = 7;

const ANSWERS: Record<Step['answer'], string> = {
  found: 'has it',
  suspect: 'has it, perhaps old',
  unchanged: 'same version',
  missing: 'not there',
  expired: 'expired',
  corrupt: 'damaged',
  failed: 'no answer',
};
const SENTENCES: Record<Step['answer'], string> = {
  found: 'had it',
  suspect: 'had it, but could not vouch for it',
  unchanged: 'said that this is still the version',
  missing: 'did not have it',
  expired: 'had it, but it had expired',
  corrupt: 'had a damaged copy, which was dropped',
  failed: 'did not answer',
};
const BAD = new Set<Step['answer']>(['corrupt', 'failed']);

interface Row {
  readonly item: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly cells: readonly HTMLElement[];
  story: Story | undefined;
}

export class Reads {
  readonly element: HTMLElement;
  readonly story = new Telling();
  readonly #rows: readonly Row[];
  readonly #note = h('span', { class: 'note' });
  readonly #teaching = h('p', { class: 'teaching' });
  readonly #isBrief = h('input', { type: 'checkbox' });
  readonly #older: HTMLButtonElement;
  readonly #newer: HTMLButtonElement;
  readonly #repaint: () => void;
  readonly #pick: (key: string) => void;
  #offset = 0;
  /** What is shown while somebody looks: rows do not run away from a pointer, or from the focus. */
  #held: readonly Story[] | undefined;
  #shown: readonly Story[] = [];
  #chosen: Story | undefined;
  /** A read of this key, to come, is to be chosen. */
  #awaited: { key: string; after: number } | undefined;

  /** `pick` is told the key of a read that was chosen. */
  constructor(repaint: () => void, pick: (key: string) => void) {
    [this.#repaint, this.#pick] = [repaint, pick];
    this.#rows = Array.from({ length: ROWS }, () => this.#row());
    const page = (by: number) => (): void => {
      this.#offset = Math.max(0, this.#offset + by);
      // Older ones stand still, too.
      this.#held ??= this.#shown;
      this.#let();
    };
    this.#newer = h('button', { type: 'button', click: page(-ROWS) }, 'Newer');
    this.#older = h('button', { type: 'button', click: page(ROWS) }, 'Older');
    this.#isBrief.addEventListener('change', () => {
      this.#offset = 0;
      this.#let();
    });
    const brief = h('label', {}, this.#isBrief, 'Hide hot hits');
    const list = h('ol', { class: 'rows', 'aria-label': 'Reads, newest first', keydown: (event) => this.#rove(event) });
    list.append(...this.#rows.map(({ item }) => item));
    for (const type of ['pointerenter', 'focusin']) list.addEventListener(type, () => (this.#held ??= this.#shown));
    for (const type of ['pointerleave', 'focusout']) list.addEventListener(type, () => this.#let());
    this.element = section('reads', 'Reads', [this.#note, brief, this.#newer, this.#older], h('div', { class: 'taught' }, list, this.#teaching));
  }

  /** Shows the next read of this key when it comes. */
  await(key: string, { stories: [newest] }: Model): void {
    this.#awaited = { key, after: newest?.id ?? 0 };
  }

  /** Begins with nothing. */
  reset(): void {
    [this.#held, this.#chosen, this.#awaited, this.#offset] = [undefined, undefined, undefined, 0];
  }

  paint({ stories }: Model): void {
    const awaited = this.#awaited;
    const found = awaited && stories.find(({ id, key }) => id > awaited.after && key === awaited.key);
    if (found) [this.#chosen, this.#awaited] = [found, undefined];
    const all = this.#held ?? stories.filter((story) => !this.#isBrief.checked || story.read !== 0);
    this.#shown = all;
    this.#offset = Math.min(this.#offset, Math.max(0, all.length - ROWS));
    this.#rows.forEach((row, at) => (row.story = all[this.#offset + at]));
    const stop = this.#rows.find(({ story }) => story && story === this.#chosen) ?? this.#rows[0];
    this.#rows.forEach((row) => this.#show(row, row === stop ? 0 : -1));
    write(this.#teaching, all.length ? '' : 'Each read becomes a line here: its key, the tier that answered, and how long it took. Choose one to see its story.');
    this.#newer.disabled = this.#offset === 0;
    this.#older.disabled = this.#offset + ROWS >= all.length;
    write(this.#note, this.#held ? 'held while you look' : '');
    this.story.paint(this.#chosen ?? stories.find(({ read }) => read !== 0) ?? stories[0], this.#chosen !== undefined);
  }

  #let(): void {
    if (this.#offset === 0) this.#held = undefined;
    this.#repaint();
  }

  #rove(event: KeyboardEvent): void {
    rove(this.#rows.filter(({ story }) => story).map(({ button }) => button), event);
  }

  #row(): Row {
    const boxes = ['time', 'key', 'count', 'source', 'took'].map((name) => h('span', { class: name }, h('bdi')));
    const cells = boxes.map((box) => box.firstElementChild as HTMLElement);
    const button = h('button', { type: 'button', tabindex: '-1' }, ...boxes);
    const row: Row = { item: h('li', {}, button), button, cells, story: undefined };
    button.addEventListener('click', () => {
      this.#chosen = this.#chosen === row.story ? undefined : row.story;
      if (this.#chosen) this.#pick(this.#chosen.key);
      this.#repaint();
    });
    return row;
  }

  #show(row: Row, tabIndex: number): void {
    const { story } = row;
    row.item.classList.toggle('empty', !story);
    if (!story) return;
    const source = story.source ? NAMES[story.source] : 'Nobody';
    const texts = [toClock(story.at), toName(story.key), story.count > 1 ? `\u00d7${toCount(story.count)}` : '', source, toTime(sum(story))];
    texts.forEach((text, at) => row.cells[at] && write(row.cells[at], text));
    row.item.dataset['tier'] = story.source ?? (story.steps.some(({ answer }) => BAD.has(answer)) ? 'bad' : 'nobody');
    row.button.setAttribute('aria-pressed', String(story === this.#chosen));
    row.button.tabIndex = tabIndex;
  }
}

/** The story of a read: who was asked, what they said, how long they took, what it left behind. */
class Telling {
  readonly element: HTMLElement;
  readonly #key = h('p', { class: 'key' }, h('bdi'));
  readonly #sentence = h('p', { class: 'sentence' });
  readonly #facts = h('span', { class: 'note' });
  readonly #lines: readonly Line[];

  constructor() {
    this.#lines = Array.from({ length: LINES }, () => {
      const [name, said, took] = ['name', 'said', 'took'].map((name) => h('span', { class: name })) as [HTMLElement, HTMLElement, HTMLElement];
      const bar = h('i');
      const item = h('li', {}, name, h('span', { class: 'track', 'aria-hidden': 'true' }, bar), said, took);
      return { item, name, bar, said, took };
    });
    const list = h('ol', { class: 'steps', 'aria-label': 'The tiers, as they were asked, and what followed' });
    list.append(...this.#lines.map(({ item }) => item));
    this.element = section('story', 'The story of one read', [this.#facts], this.#key, this.#sentence, list);
  }

  paint(story: Story | undefined, isChosen: boolean): void {
    const all = story ? sum(story) : 0;
    write(this.#key.firstElementChild as HTMLElement, story ? toName(story.key) : '');
    write(this.#sentence, story ? tell(story) : 'When the storage is read, it shows here which tier was asked, what it said and how long that took.');
    const what = story?.action === 'head' ? 'read of metadata' : 'read';
    write(this.#facts, story ? `the ${isChosen ? 'chosen' : 'last'} ${what}, ${toTime(all)}` : '');
    const told = story ? linesOf(story) : [];
    this.#lines.forEach((line, at) => show(line, told[at]));
  }
}

interface Line {
  readonly item: HTMLElement;
  readonly name: HTMLElement;
  readonly bar: HTMLElement;
  readonly said: HTMLElement;
  readonly took: HTMLElement;
}

/** A line of a story: who, what, and which part of the time. */
interface Told {
  readonly tier: TierName;
  readonly kind: 'step' | 'bad' | 'unasked' | 'after';
  readonly said: string;
  readonly took: string;
  readonly from: number;
  readonly share: number;
}

function linesOf(story: Story): Told[] {
  const all = sum(story);
  let from = 0;
  const steps = story.steps.map(({ tier, answer, ms }): Told => {
    const start = from;
    from += ms;
    const kind = BAD.has(answer) ? 'bad' : 'step';
    return { tier, kind, said: ANSWERS[answer], took: toTime(ms), from: all ? start / all : 0, share: all ? ms / all : 0 };
  });
  const others = TIERS.filter((tier) => !steps.some((step) => step.tier === tier));
  const line = (tier: TierName, kind: Told['kind'], said: string): Told => ({ tier, kind, said, took: '', from: 0, share: 0 });
  const after = story.after.map(({ tier, type }) => line(tier, 'after', type === 'promoted' ? 'then got a copy' : 'then removed what had expired'));
  return [...steps, ...others.map((tier) => line(tier, 'unasked', 'not asked')), ...after];
}

function show({ item, name, bar, said, took }: Line, told: Told | undefined): void {
  item.className = told?.kind ?? 'empty';
  if (!told) return;
  item.dataset['tier'] = told.tier;
  write(name, NAMES[told.tier]);
  write(said, told.said);
  write(took, told.took);
  vary(bar, '--from', told.from);
  vary(bar, '--share', told.share);
}

function sum({ steps }: Story): number {
  return steps.reduce((sum, { ms }) => sum + ms, 0);
}

function tell({ steps, count }: Story): string {
  const told = steps.map(({ tier, answer, size, error }) => {
    const more = size === undefined ? error && `: ${error}` : `, ${toBytes(size)}`;
    return `${NAMES[tier]} ${SENTENCES[answer]}${more ?? ''}.`;
  });
  if (count > 1) told.push(`The same ${toCount(count)} times in a row.`);
  return told.join(' ');
}
