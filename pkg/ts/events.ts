/** Events on their way from the core. */

import type { StorageEvent, TierName } from './contract.js';
import { StorageError, invalid } from './errors.js';
import type { RawError } from './wasm.js';

/** As the core tells it: what does not belong to the type is `undefined`. */
export type RawEvent = [
  type: string,
  tier: TierName | undefined,
  key: string | undefined,
  action: string | undefined,
  error: RawError | undefined,
  count: number | undefined,
];

/** Every type of event that there is. */
const EVENTS: readonly StorageEvent['type'][] = [
  'tierFailed',
  'copyCorrupt',
  'promoted',
  'expiredRemoved',
  'accessesDropped',
  'requested',
  'fallback',
];

export function toEvent([type, tier, key, action, error, count]: RawEvent): StorageEvent {
  const event: Record<string, unknown> = { type };
  const facts = { tier, key, action, error: error && StorageError.fromRaw(error), count };
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) event[name] = value;
  return event as StorageEvent;
}

/** Has `listener` told of every event of one type, until the function that this returns is called. */
export function listen<K extends StorageEvent['type']>(
  listeners: Set<(event: StorageEvent) => void>,
  type: K,
  listener: (event: Extract<StorageEvent, { type: K }>) => void,
): () => void {
  if (!EVENTS.includes(type)) throw invalid(`a type of event is ${EVENTS.join(', ')}`);
  if (typeof listener !== 'function') throw invalid('`on` takes a type of event and a function');
  const one = (event: StorageEvent): void => {
    if (event.type === type) listener(event as Extract<StorageEvent, { type: K }>);
  };
  listeners.add(one);
  return () => listeners.delete(one);
}

/** A listener that throws must not harm the call that it hears of; the runtime reports what it threw. */
export function report<E>(listener: (event: E) => void, event: E): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
