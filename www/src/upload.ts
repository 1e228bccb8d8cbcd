/** Requests that bring bytes to the bucket, with how many of them have left: `fetch` does not say. */

/** Statuses whose answers have no body. */
const EMPTY = [101, 103, 204, 205, 304];

/**
 * Sends a request as `fetch` does; `onSent` is told how many bytes of its body have left so far.
 *
 * It cannot be told to follow no redirect. Where one was followed, the bytes have been wherever the bucket sent them, without
 * the key: browsers take the signature off on the way to another origin. Whoever answers there is not believed.
 */
export function upload(url: string, init: RequestInit, onSent: (bytes: number) => void): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { signal } = init;
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(init.method ?? 'PUT', url);
    request.responseType = 'arraybuffer';
    new Headers(init.headers).forEach((value, name) => request.setRequestHeader(name, value));
    const abort = (): void => request.abort();
    signal?.addEventListener('abort', abort);
    request.upload.addEventListener('progress', ({ loaded }) => onSent(loaded));
    request.addEventListener('load', () => resolve(request.responseURL === new URL(url).href ? answer(request) : redirected()));
    request.addEventListener('error', () => reject(new TypeError('there is no network')));
    request.addEventListener('abort', () => reject(signal?.reason as Error));
    request.addEventListener('loadend', () => signal?.removeEventListener('abort', abort));
    request.send(init.body as XMLHttpRequestBodyInit);
  });
}

/** What `fetch` gives of a redirect that it does not follow. */
const redirected = (): Response => Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' });

function answer(request: XMLHttpRequest): Response {
  const { status, statusText, response } = request;
  const lines = request.getAllResponseHeaders().trim().split(/\r?\n/);
  const headers = lines.filter(Boolean).map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return new Response(EMPTY.includes(status) ? null : (response as ArrayBuffer), { status, statusText, headers });
}
