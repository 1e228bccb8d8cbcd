/** What an inspector makes of events: counts, times, and the stories of reads. All of it is bounded. */

import type { RequestOperation, StorageEvent, TierAnswer, TierName } from '../contract.js';
import type { S3Prices } from '../s3/store.js';
import { Latency } from './latency.js';

/** How many stories and happenings are remembered. */
const STORIES_MAX = 200;
const HAPPENINGS_MAX = 200;
/** How many answers, and how many things that followed, a story tells. */
const STEPS_MAX = 5;
const AFTER_MAX = 4;
const GIB = 2 ** 30;

export const TIERS: readonly TierName[] = ['hot', 'warm', 'cold'];

/** An event that can be sent to another realm, and when it happened (ms since 1970). */
export type Note = { at: number } & (
  | { event: SlimEvent }
  /** So many hot hits, of which nothing more is told: there were too many. */
  | { hits: number }
);

/** An event with the message of its error in place of that. */
export type SlimEvent = StorageEvent extends infer E ? (E extends { error: Error } ? Omit<E, 'error'> & { error: string } : E) : never;

/** What one tier said. */
export interface Step {
  readonly tier: TierName;
  readonly answer: TierAnswer;
  readonly ms: number;
  readonly size: number | undefined;
  readonly error: string | undefined;
}

/** A read, from the first tier that was asked to what it left behind. */
export interface Story {
  /** Grows with each read. */
  id: number;
  readonly read: number;
  readonly key: string;
  readonly action: 'read' | 'head';
  readonly at: number;
  readonly steps: Step[];
  /** What followed: copies that were made of what was found, or dropped. */
  readonly after: { type: 'promoted' | 'expiredRemoved'; tier: TierName }[];
  /** The tier that answered, as far as is known. */
  source: TierName | undefined;
  /** How many hot hits of the key in a row it stands for. */
  count: number;
}

/** Something else that happened. */
export interface Happening {
  readonly at: number;
  readonly type: Exclude<SlimEvent['type'], 'answered' | 'requested'>;
  readonly tier: TierName | undefined;
  readonly key: string | undefined;
  readonly text: string | undefined;
}

export interface Tally {
  hits: number;
  misses: number;
  promoted: number;
  evicted: number;
  readonly latency: Latency;
}

/** How a request is billed. */
type BillingClass = 'get' | 'put' | 'delete';

const CLASSES: Partial<Record<RequestOperation, BillingClass>> = {
  get: 'get',
  head: 'get',
  delete: 'delete',
  deleteMany: 'delete',
  abortUpload: 'delete',
};

export class Model {
  readonly tiers: Record<TierName, Tally> = { hot: tally(), warm: tally(), cold: tally() };
  /** Reads that no tier could answer. */
  absent = 0;
  /** Requests that were sent, each attempt of them, and the bytes of their bodies. */
  readonly requests = { get: 0, put: 0, delete: 0, bytesSent: 0, bytesReceived: 0 };
  /** Bytes that cold would have had to send for the reads that hot and warm answered. */
  sparedBytes = 0;
  /** The newest is the first. */
  readonly stories: Story[] = [];
  readonly happenings: Happening[] = [];
  /** The stories by their reads; hot hits have none. */
  readonly #reads = new Map<number, Story>();
  #last = 0;
  #failure: { tier: TierName; key: string | undefined; error: string } | undefined;

  take(note: Note): void {
    if ('hits' in note) {
      this.tiers.hot.hits += note.hits;
      return;
    }
    const { event, at } = note;
    if (event.type === 'answered') this.#answered(event, at);
    else if (event.type === 'requested') this.#requested(event);
    else this.#happened(event, at);
  }

  /** Reads that hot and warm answered: each would have been a request. */
  get spared(): number {
    return this.tiers.hot.hits + this.tiers.warm.hits;
  }

  /** Reads that had an answer, or that nobody could answer. */
  get reads(): number {
    return this.spared + this.tiers.cold.hits + this.absent;
  }

  /** What the requests may cost and what those that were spared would have cost, in dollars. */
  dollars(prices: S3Prices): { spent: number; spared: number } {
    const { getPer1000 = 0.0004, putPer1000 = 0.005, deletePer1000 = 0, outPerGiB = 0.09, inPerGiB = 0 } = prices;
    const { get, put, delete: deleted, bytesSent, bytesReceived } = this.requests;
    const requests = (get * getPer1000 + put * putPer1000 + deleted * deletePer1000) / 1_000;
    const spent = requests + (bytesReceived * outPerGiB + bytesSent * inPerGiB) / GIB;
    return { spent, spared: (this.spared * getPer1000) / 1_000 + (this.sparedBytes * outPerGiB) / GIB };
  }

  #answered(event: Extract<SlimEvent, { type: 'answered' }>, at: number): void {
    const { tier, key, action, answer, read, size, elapsedMs: ms } = event;
    const failure = answer === 'failed' && this.#failure?.tier === tier && this.#failure.key === key ? this.#failure : undefined;
    const step: Step = { tier, answer, ms, size, error: failure?.error };
    this.#failure = undefined;
    this.tiers[tier].latency.add(ms);
    const story = this.#story(read, key, action, at);
    if (story.steps.length < STEPS_MAX) story.steps.push(step);
    this.#count(story, step);
  }

  /** Counts an answer. A later answer of the same read is the one that holds. */
  #count(story: Story, { tier, answer, size = 0 }: Step): void {
    const isFound = answer === 'found' || answer === 'suspect';
    if (isFound) {
      const bytes = story.action === 'read' ? size : 0;
      if (story.source) this.tiers[story.source].hits -= 1;
      if (story.source && story.source !== 'cold') this.sparedBytes -= bytes;
      if (tier !== 'cold') this.sparedBytes += bytes;
      this.tiers[tier].hits += 1;
      story.source = tier;
    } else if (answer !== 'unchanged') {
      this.tiers[tier].misses += 1;
      if (tier === 'cold' && answer !== 'failed' && answer !== 'corrupt') this.absent += 1;
    }
  }

  /** The story that an answer belongs to; hot hits of one key in a row are one story. */
  #story(read: number, key: string, action: Story['action'], at: number): Story {
    const known = this.#reads.get(read);
    if (known) return known;
    const [newest] = this.stories;
    if (!read && newest?.read === 0 && newest.key === key) {
      newest.id = ++this.#last;
      newest.count += 1;
      newest.steps.length = 0;
      newest.source = undefined;
      return newest;
    }
    const story: Story = { id: ++this.#last, read, key, action, at, steps: [], after: [], source: undefined, count: 1 };
    if (read) this.#reads.set(read, story);
    const forgotten = push(this.stories, story, STORIES_MAX);
    if (forgotten) this.#reads.delete(forgotten.read);
    return story;
  }

  #requested({ operation, attempts, bytesSent, bytesReceived }: Extract<SlimEvent, { type: 'requested' }>): void {
    const { requests } = this;
    requests[CLASSES[operation] ?? 'put'] += attempts;
    requests.bytesSent += bytesSent;
    requests.bytesReceived += bytesReceived;
  }

  #happened(event: Exclude<SlimEvent, { type: 'answered' | 'requested' }>, at: number): void {
    const tier = 'tier' in event ? event.tier : event.type === 'expiredRemoved' ? 'cold' : undefined;
    const prefix = 'prefix' in event && event.prefix !== undefined ? `${event.prefix}\u2026` : undefined;
    const key = 'key' in event && event.key !== undefined ? event.key : prefix;
    const text = 'error' in event ? event.error : 'count' in event ? String(event.count) : undefined;
    if (event.type === 'tierFailed') this.#failure = { tier: event.tier, key, error: event.error };
    if (event.type === 'promoted') this.tiers[event.tier].promoted += 1;
    if (event.type === 'evicted') this.tiers[event.tier].evicted += 1;
    if (tier && (event.type === 'promoted' || event.type === 'expiredRemoved')) {
      const story = this.stories.find((story) => story.key === key && story.read);
      if (story && story.after.length < AFTER_MAX) story.after.push({ type: event.type, tier });
    }
    push(this.happenings, { at, type: event.type, tier, key, text }, HAPPENINGS_MAX);
  }
}

function tally(): Tally {
  return { hits: 0, misses: 0, promoted: 0, evicted: 0, latency: new Latency() };
}

/** Puts the newest first; gives the oldest, if that is forgotten for it. */
function push<T>(list: T[], item: T, max: number): T | undefined {
  list.unshift(item);
  return list.length > max ? list.pop() : undefined;
}

/** What can be sent to another realm of an event. */
export function slim(event: StorageEvent): SlimEvent {
  return 'error' in event ? { ...event, error: event.error.message } : event;
}
