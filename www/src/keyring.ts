/** Keys that are not kept, handed from tab to tab: in memory alone, and gone with the last of them. */

import type { Access, Place } from './place.js';

type Word = { readonly type: 'who knows'; readonly place: Place } | { readonly type: 'known'; readonly access: Access };

export class Keyring {
  readonly #channel = new BroadcastChannel('library-keys');
  readonly #own: () => Access | undefined;

  /** `own` is what this tab has open; `onKnown` is called where that is locked and another tab has its key. */
  constructor(own: () => Access | undefined, onKnown: (access: Access) => void) {
    this.#own = own;
    this.#channel.onmessage = ({ data }: MessageEvent<Word>) => {
      const mine = own();
      if (!mine) return;
      if (data.type === 'who knows') {
        if (isSame(data.place, mine.place)) this.tell();
      } else if (mine.isLocked && isSame(data.access.place, mine.place)) onKnown(data.access);
    };
  }

  /** Asks the other tabs for the key of a place. */
  ask(place: Place): void {
    this.#say({ type: 'who knows', place });
  }

  /** Tells other tabs the key, if there is one. */
  tell(): void {
    const access = this.#own();
    if (access?.credentials) this.#say({ type: 'known', access });
  }

  #say(word: Word): void {
    this.#channel.postMessage(word);
  }
}

const isSame = (one: Place, other: Place): boolean =>
  one.endpoint === other.endpoint && one.region === other.region && one.bucket === other.bucket && one.prefix === other.prefix;
