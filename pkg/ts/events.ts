/** Events on their way from the core, and who is told. */

import type { StorageEvent, TierName } from './contract.js';
import { StorageError, invalid, report } from './errors.js';
import type { RawError } from './wasm.js';

/** As the core tells it: what does not belong to the type is `undefined`. */
export type RawEvent =
  | [
      type: string,
      tier: TierName | undefined,
      key: string | undefined,
      action: string | undefined,
      error: RawError | undefined,
      count: number | undefined,
    ]
  | RawAnswer;

type Answered = Extract<StorageEvent, { type: 'answered' }>;
type RawAnswer = [
  type: 'answered',
  tier: TierName,
  key: string,
  action: Answered['action'],
  answer: Answered['answer'],
  read: number,
  size: number | undefined,
  elapsedUs: number,
];

type Listener = (event: StorageEvent) => void;

/** Every type of event that there is. */
const EVENTS: readonly StorageEvent['type'][] = [
  'tierFailed',
  'copyCorrupt',
  'promoted',
  'expiredRemoved',
  'accessesDropped',
  'requested',
  'answered',
  'evicted',
  'fallback',
  'changedElsewhere',
  'claimTimedOut',
];

export function toEvent(raw: RawEvent): StorageEvent {
  if (isAnswer(raw)) {
    const [type, tier, key, action, answer, read, size, elapsedUs] = raw;
    return { type, tier, key, action, answer, read, ...(size === undefined ? {} : { size }), elapsedMs: elapsedUs / 1_000 };
  }
  const [type, tier, key, action, error, count] = raw;
  const event: Record<string, unknown> = { type };
  const facts = { tier, key, action, error: error && StorageError.fromRaw(error), count };
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) event[name] = value;
  return event as StorageEvent;
}

function isAnswer(raw: RawEvent): raw is RawAnswer {
  return raw[0] === 'answered';
}

/** What listeners need of a storage once it is open. */
interface Heard {
  /** The second byte is 1 while somebody listens for answers. */
  readonly gate: Uint8Array;
  /** Has tiers tell of what the core does not know. */
  watch(): void;
}

/** All who are told. */
export class Listeners {
  readonly #all = new Set<Listener>();
  #heard: Heard | undefined;
  /** How many listen for answers. */
  #answers = 0;

  constructor(onEvent: Listener | undefined) {
    if (onEvent) this.#all.add((event) => event.type === 'answered' || onEvent(event));
  }

  /** Begins to listen, once there is a storage. */
  open(heard: Heard): void {
    this.#heard = heard;
    if (this.#all.size) heard.watch();
  }

  readonly tell = (event: StorageEvent): void => this.#all.forEach((listener) => report(listener, event));

  /** Has `listener` told of every event of one type, until the function that this returns is called. */
  add<K extends StorageEvent['type']>(type: K, listener: (event: Extract<StorageEvent, { type: K }>) => void): () => void {
    if (!EVENTS.includes(type)) throw invalid(`a type of event is ${EVENTS.join(', ')}`);
    if (typeof listener !== 'function') throw invalid('`on` takes a type of event and a function');
    const one = (event: StorageEvent): void => {
      if (event.type === type) listener(event as Extract<StorageEvent, { type: K }>);
    };
    this.#all.add(one);
    if (type === 'requested' || type === 'evicted') this.#heard?.watch();
    const count = type === 'answered' ? 1 : 0;
    this.#hearAnswers(count);
    return () => {
      if (this.#all.delete(one)) this.#hearAnswers(-count);
    };
  }

  #hearAnswers(more: number): void {
    this.#answers += more;
    if (this.#heard) this.#heard.gate[1] = this.#answers ? 1 : 0;
  }
}
