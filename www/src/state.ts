/** What the app itself remembers, in a database of its own: kept by the same library, without a bucket. */

import { IndexedDBStorageTier, TieredStorage, type S3Credentials } from 'tiered-storage';
import type { Place } from './place.js';

/** A folder that is to be on this device. */
export interface Pin {
  prefix: string;
  /** Whether it goes on by itself when the app is opened again. */
  isWanted: boolean;
}

/** The place that was chosen, and its credentials if the user had them kept. */
export interface Chosen {
  place: Place;
  credentials: S3Credentials | null;
  /** Whether it takes credentials, kept or not. */
  isSigned?: boolean;
  isOwn: boolean;
}

interface Values {
  chosen: Chosen;
  /** The names that a place had when it was last looked at. */
  keys: string[];
  pins: Pin[];
  view: 'grid' | 'list';
}

export class State {
  readonly #storage: TieredStorage;

  private constructor(storage: TieredStorage) {
    this.#storage = storage;
  }

  static async open(): Promise<State> {
    const cold = new IndexedDBStorageTier({ name: 'library', evictionPolicy: 'none' });
    return new State(await TieredStorage.open({ tiers: { cold }, compression: true }));
  }

  /** What was remembered; of a place, where it is named. */
  async get<N extends keyof Values>(name: N, place = ''): Promise<Values[N] | undefined> {
    return ((await this.#storage.get(`${place}/${name}`)) ?? undefined) as Values[N] | undefined;
  }

  async set<N extends keyof Values>(name: N, value: Values[N], place = ''): Promise<void> {
    await this.#storage.set(`${place}/${name}`, value);
  }
}
