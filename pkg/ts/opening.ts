/** Opening a storage. */

import { Bridge } from './bridge.js';
import { guarded } from './calls.js';
import type { PromotionStrategy, TieredStorageConfig } from './contract.js';
import { invalid } from './errors.js';
import { Listeners, toEvent, type RawEvent } from './events.js';
import { Neighbours } from './neighbours.js';
import { toSettings } from './options.js';
import { Ports } from './ports.js';
import { wasm, type RawStorage, type Wasm } from './wasm.js';

type Config = TieredStorageConfig<PromotionStrategy>;

/** What a storage is made of. */
export interface Opened {
  readonly loaded: Wasm;
  readonly core: RawStorage;
  readonly config: Config;
  readonly listeners: Listeners;
  readonly ports: Ports;
}

/** What was opened and not given to a storage yet. */
const waiting = new WeakSet<object>();

/** Opens what a storage is made of, by a config that `checkConfig` let pass. */
export async function opened(checked: object): Promise<Opened> {
  const config = checked as Config & { flushInterval?: number };
  const loaded = await wasm();
  const listeners = new Listeners(config.onEvent);
  const limitMs = config.tierTimeout ?? 30_000;
  const ports = await Ports.open(config.tiers, limitMs, listeners.tell);
  const bridges = ports.all.map((port) => port && new Bridge(port));
  const onRaw = (raw: RawEvent): void => listeners.tell(toEvent(raw));
  const neighbours = config.tabs === undefined ? undefined : new Neighbours(config.tabs, limitMs, listeners.tell);
  ports.leave = () => neighbours?.leave();
  const opening = (): RawStorage => loaded.Storage.open(toSettings(config), bridges, config.clock, onRaw, neighbours);
  const core = await guarded(opening).catch((error: unknown) => {
    ports.end();
    throw error;
  });
  neighbours?.join(core, ports.all);
  listeners.open({ gate: core.gate, watch: () => ports.watch() });
  const made = { loaded, core, config, listeners, ports };
  waiting.add(made);
  return made;
}

/** What `opened` gave, once. */
export function claimed(made: Opened): Opened {
  if (!waiting.delete(made)) throw invalid('a storage is made by `await TieredStorage.open(config)`');
  return made;
}
