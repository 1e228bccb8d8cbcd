/** What there is in a service worker, as far as it is used: the types of the DOM have it only apart from those of pages. */

/** The global of a service worker. */
export interface WorkerScope {
  readonly location: { readonly origin: string };
  readonly clients: { claim(): Promise<void> };
  readonly caches: CacheStorage;
  fetch(request: Request): Promise<Response>;
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: WorkerEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEventLike) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEventLike) => void): void;
}

/** An event that can keep the worker from being stopped. */
export interface WorkerEvent {
  waitUntil(work: Promise<unknown>): void;
}

export interface MessageEventLike extends WorkerEvent {
  readonly data: unknown;
}

export interface FetchEventLike extends WorkerEvent {
  readonly request: Request;
  readonly clientId: string;
  respondWith(response: Response | Promise<Response>): void;
}

/** A path as URLs have it: with what is no ASCII, and blanks, encoded. */
export function pathOf(path: string): string {
  return new URL(path, 'https://origin').pathname;
}

/** An answer in plain words. */
export function refusal(status: number, sentence: string): Response {
  return new Response(`${sentence}\n`, {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  });
}
