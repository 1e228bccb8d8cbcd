/** A storage of another realm: a service worker's, another tab's. What is said travels over a `BroadcastChannel`. */

import type { TieredStorage } from '../storage.js';
import { why } from './dom.js';
import type { Note } from './model.js';
import { Local, type Calls, type InspectorOptions, type Subject } from './subject.js';

/** What an inspector says. `from` is its own name. */
type Said =
  | { kind: 'hello' | 'bye'; from: string }
  | { kind: 'ask'; from: string; id: number; call: keyof Calls; args: unknown[] };
/** What the other end says. */
type Told =
  | { kind: 'notes'; notes: Note[] }
  | { kind: 'ready' }
  | { kind: 'answer'; to: string; id: number; value?: unknown; error?: string };

/** Events are sent together, this often and at most so many. Of more than that, hot hits are only counted. */
const FLUSH_MS = 100;
const NOTES_MAX = 1_000;
/** An inspector that was not heard of for longer is gone. One in a hidden tab may say something once a minute. */
const GONE_MS = 150_000;
const HELLO_MS = 5_000;
const ANSWER_MS = 10_000;
const NAMES: readonly (keyof Calls)[] = ['about', 'fill', 'look', 'list', 'mark', 'read', 'evict', 'invalidate', 'damage', 'cut'];

/**
 * Lets inspectors in other tabs and workers of this origin look at a storage, and do to it what they offer, until the
 * function that this returns is called. Where none is open, it costs nothing.
 *
 * ```ts
 * publishTo(storage, 'my-app', { tiers }); // in the service worker
 * inspector.channel = 'my-app';            // in a page
 * ```
 */
export function publishTo(storage: TieredStorage, channel: string, options: InspectorOptions = {}): () => void {
  return new Publisher(new Local(storage, options), channel).close;
}

class Publisher {
  readonly #subject: Subject;
  readonly #channel: BroadcastChannel;
  readonly #heard = new Map<string, number>();
  #notes: Note[] = [];
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: (() => void) | undefined;

  constructor(subject: Subject, channel: string) {
    this.#subject = subject;
    this.#channel = new BroadcastChannel(channel);
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => this.#hear(data);
    // Node would not end before it is closed.
    (this.#channel as { unref?: () => void }).unref?.();
    this.#tell({ kind: 'ready' });
  }

  readonly close = (): void => {
    this.#end?.();
    this.#end = undefined;
    clearTimeout(this.#timer);
    this.#channel.onmessage = null;
    this.#channel.close();
  };

  #hear(said: Said): void {
    if (said.kind === 'bye') this.#heard.delete(said.from);
    else if (said.kind === 'hello' || said.kind === 'ask') this.#heard.set(said.from, Date.now());
    if (said.kind === 'hello') this.#end ??= this.#subject.listen((notes) => this.#note(notes));
    if (said.kind === 'ask') void this.#answer(said);
    if (!this.#heard.size) this.#rest();
  }

  async #answer({ from, id, call, args }: Extract<Said, { kind: 'ask' }>): Promise<void> {
    if (!NAMES.includes(call)) return;
    try {
      const value = await (this.#subject[call] as (...args: unknown[]) => Promise<unknown>)(...args);
      this.#tell({ kind: 'answer', to: from, id, value });
    } catch (error) {
      this.#tell({ kind: 'answer', to: from, id, error: why(error) });
    }
  }

  #note(notes: readonly Note[]): void {
    for (const note of notes) {
      if (this.#notes.length < NOTES_MAX) this.#notes.push(note);
      else if ('event' in note && note.event.type === 'answered' && note.event.read === 0) this.#dropped += 1;
    }
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    const now = Date.now();
    if (this.#dropped) this.#notes.push({ at: now, hits: this.#dropped });
    this.#tell({ kind: 'notes', notes: this.#notes });
    [this.#notes, this.#dropped] = [[], 0];
    for (const [name, at] of this.#heard) if (now - at > GONE_MS) this.#heard.delete(name);
    if (!this.#heard.size) this.#rest();
  }

  #rest(): void {
    this.#end?.();
    this.#end = undefined;
  }

  #tell(told: Told): void {
    // What comes after `close` is for nobody.
    if (this.#channel.onmessage) this.#channel.postMessage(told);
  }
}

/** A storage that is published on a channel. */
export class Remote {
  readonly #channel: BroadcastChannel;
  readonly #name = `${Date.now()}-${Math.random()}`;
  readonly #waiting = new Map<number, (told: Extract<Told, { kind: 'answer' }>) => void>();
  #last = 0;

  private constructor(channel: string) {
    this.#channel = new BroadcastChannel(channel);
  }

  static open(channel: string): Subject {
    const remote = new Remote(channel);
    const calls = NAMES.map((call) => [call, (...args: unknown[]) => remote.#ask(call, args)] as const);
    const listen: Subject['listen'] = (told) => remote.#listen(told);
    return { ...(Object.fromEntries(calls) as unknown as Calls), listen };
  }

  #listen(told: (notes: readonly Note[]) => void): () => void {
    const hello = (): void => this.#say({ kind: 'hello', from: this.#name });
    this.#channel.onmessage = ({ data }: MessageEvent<Told>) => {
      if (data.kind === 'notes') told(data.notes);
      else if (data.kind === 'ready') {
        // Whoever publishes may begin after this, or once more: what was asked before was asked of nobody.
        hello();
        told([]);
      } else if (data.kind === 'answer' && data.to === this.#name) this.#waiting.get(data.id)?.(data);
    };
    hello();
    const timer = setInterval(hello, HELLO_MS);
    return () => {
      clearInterval(timer);
      this.#say({ kind: 'bye', from: this.#name });
      this.#channel.close();
    };
  }

  #ask(call: keyof Calls, args: unknown[]): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((done, fail) => {
      const timer = setTimeout(() => end(() => fail(new Error(`nobody answers on the channel ${this.#channel.name}`))), ANSWER_MS);
      const end = (how: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        how();
      };
      this.#waiting.set(id, ({ value, error }) => end(() => (error === undefined ? done(value) : fail(new Error(error)))));
      this.#say({ kind: 'ask', from: this.#name, id, call, args });
    });
  }

  #say(said: Said): void {
    this.#channel.postMessage(said);
  }
}
