/** Whether the bucket can be reached, as its answers say; what browsers say of it is a hint. */

import { switchable, type SwitchableFetch } from 'tiered-storage/inspector';
import { Cell } from './cell.js';
import { upload } from './upload.js';

export type Reach = 'unknown' | 'online' | 'offline';

/** Of bodies of this many bytes, it is told how much has left. */
const LARGE_BYTES = 128 * 1024;
/** How long a failure stands for the next attempts, so that what is on this device does not wait for each of them. */
const REST_MS = 2_000;

export class Network {
  readonly reach = new Cell<Reach>('unknown');
  /** How many bytes of large bodies have left so far; those of requests that failed are taken off again. */
  readonly sent = new Cell(0);
  readonly #isLocked: boolean;
  #failedAt = -Infinity;

  /** `fetch`, that keeps note, and that an inspector can cut. */
  readonly fetch: SwitchableFetch;

  /** `locked`: nothing is asked, as without a network. */
  constructor(state: 'open' | 'locked') {
    this.#isLocked = state === 'locked';
    const cable = switchable((url, init) => (isLarge(init) ? this.#upload(url, init) : fetch(url, init)));
    const noted = (url: string, init: RequestInit = {}): Promise<Response> => this.#send(cable, url, init);
    this.fetch = Object.defineProperty(noted, 'isCut', {
      get: () => cable.isCut,
      set: (isCut: boolean) => {
        cable.isCut = isCut;
        this.retry();
      },
    }) as SwitchableFetch;
  }

  async #send(cable: SwitchableFetch, url: string, init: RequestInit): Promise<Response> {
    if (this.#isLocked || performance.now() - this.#failedAt < REST_MS || navigator.onLine === false) {
      this.reach.value = 'offline';
      throw new TypeError('there is no network');
    }
    try {
      const response = await cable(url, init);
      this.#failedAt = -Infinity;
      this.reach.value = 'online';
      return response;
    } catch (error) {
      // Who gave a request up says nothing about the network.
      if (!init.signal?.aborted) {
        this.#failedAt = performance.now();
        this.reach.value = 'offline';
      }
      throw error;
    }
  }

  async #upload(url: string, init: RequestInit): Promise<Response> {
    let before = 0;
    const count = (bytes: number): void => {
      this.sent.value += bytes - before;
      before = bytes;
    };
    try {
      const response = await upload(url, init, count);
      if (!response.ok) count(0);
      return response;
    } catch (error) {
      count(0);
      throw error;
    }
  }

  /** Lets the next request through. */
  retry(): void {
    this.#failedAt = -Infinity;
  }
}

/** Whether it takes a while to send; workers cannot say how far they are. */
function isLarge({ method, body }: RequestInit): boolean {
  return method === 'PUT' && body instanceof Blob && body.size >= LARGE_BYTES && 'XMLHttpRequest' in globalThis;
}
