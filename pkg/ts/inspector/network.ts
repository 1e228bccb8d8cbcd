/** A network that can be cut. */

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A `fetch` with a switch: see `switchable`. */
export interface SwitchableFetch {
  (url: string, init?: RequestInit): Promise<Response>;
  /** Whether it is cut now. To set it to `true` also breaks off what is under way, as a cable does. */
  isCut: boolean;
}

/**
 * Puts a switch before a `fetch`, by which an inspector can cut the network of what uses it:
 *
 * ```ts
 * const network = switchable(fetch);
 * const cold = new S3StorageTier({ bucket: 'assets', fetch: network });
 * ```
 */
export function switchable(fetch: Fetch): SwitchableFetch {
  let cable: AbortController | undefined = new AbortController();
  const reason = (): TypeError => new TypeError('the network is cut');
  const send = async (url: string, init: RequestInit = {}): Promise<Response> => {
    if (!cable) throw reason();
    const signals = init.signal ? [cable.signal, init.signal] : [cable.signal];
    return fetch(url, { ...init, signal: AbortSignal.any(signals) });
  };
  return Object.defineProperty(send, 'isCut', {
    get: () => cable === undefined,
    set: (isCut: boolean) => {
      if (isCut === !cable) return;
      cable?.abort(reason());
      cable = isCut ? undefined : new AbortController();
    },
  }) as SwitchableFetch;
}
