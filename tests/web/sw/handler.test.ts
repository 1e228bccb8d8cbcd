/** A service worker that is played: what it answers, which requests it leaves alone, and which files it keeps. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TieredStorage } from 'tiered-storage';
import { sandboxed, serve, type ServiceWorkerOptions, type WorkerScope } from 'tiered-storage/sw';
import { bytes, fails, openMemory, plainTier } from '../storage/open.js';

const ORIGIN = 'https://app.test';

/** A service worker whose events are made by hand, and whose caches are maps. */
class Played {
  readonly caches = new Map<string, Map<string, Response>>();
  readonly fetched: string[] = [];
  claims = 0;
  skips = 0;
  /** What the network answers, by path. */
  network: Record<string, () => Response> = {};
  readonly #listeners = new Map<string, (event: never) => void>();

  start(options: ServiceWorkerOptions): this {
    serve({ ...options, scope: this.scope() });
    return this;
  }

  scope(): WorkerScope {
    const open = async (name: string): Promise<unknown> => {
      const cache = this.caches.get(name) ?? new Map<string, Response>();
      this.caches.set(name, cache);
      return {
        put: async (path: string, response: Response) => cache.set(path, response),
        match: async (path: string) => cache.get(path)?.clone(),
      };
    };
    const scope = {
      location: { origin: ORIGIN },
      clients: { claim: async () => void (this.claims += 1) },
      caches: { open, keys: async () => [...this.caches.keys()], delete: async (name: string) => this.caches.delete(name) },
      fetch: async ({ url }: Request) => {
        const { pathname } = new URL(url);
        this.fetched.push(pathname);
        const found = this.network[pathname];
        if (!found) throw new TypeError('no network');
        return found();
      },
      skipWaiting: async () => void (this.skips += 1),
      addEventListener: (type: string, listener: (event: never) => void) => this.#listeners.set(type, listener),
    };
    return scope as unknown as WorkerScope;
  }

  /** Has an event happen, and gives what it was made to wait for. */
  async tell(type: string, more: object = {}): Promise<void> {
    const works: Promise<unknown>[] = [];
    const event = { waitUntil: (work: Promise<unknown>) => void works.push(work), ...more };
    this.#listeners.get(type)?.(event as never);
    await Promise.all(works);
  }

  /** What a request is answered with; `undefined` where the worker leaves it alone. */
  async ask(path: string, init: RequestInit = {}, more: { mode?: string; destination?: string } = {}): Promise<Response | undefined> {
    const request = new Request(new URL(path, ORIGIN), init);
    for (const [name, value] of Object.entries(more)) Object.defineProperty(request, name, { value });
    let answer: Response | Promise<Response> | undefined;
    await this.tell('fetch', { request, clientId: 'tab', respondWith: (response: Promise<Response>) => (answer = response) });
    return answer;
  }
}

suite('entries', () => {
  test('are answered under the base, whole and in part, and other paths and origins are left alone', async () => {
    const { storage } = await openMemory();
    await storage.set('a b/100%.txt', bytes('0123456789'));
    const asked: string[] = [];
    const worker = new Played().start({ base: '/media/', storage: (_, clientId) => (asked.push(clientId), storage) });
    const path = `/media/${encodeURIComponent('a b')}/100%25.txt`;
    const whole = await worker.ask(path);
    assert.deepEqual([whole?.status, whole?.headers.get('cache-control'), await whole?.text()], [200, 'no-store', '0123456789']);
    const part = await worker.ask(path, { headers: { range: 'bytes=2-3' } });
    assert.deepEqual([part?.status, await part?.text()], [206, '23']);
    const status = async (path: string, init?: RequestInit): Promise<number | undefined> => (await worker.ask(path, init))?.status;
    assert.equal(await status(path, { headers: { range: 'bytes=10-' } }), 416);
    assert.equal(await status(path, { headers: { 'if-none-match': whole?.headers.get('etag') ?? '' } }), 304);
    assert.equal(await status(path, { method: 'POST' }), 405);
    for (const path of ['/media/none', '/media/', '/media/%ff', `/media/${'x'.repeat(1025)}`]) assert.equal(await status(path), 404, path);
    for (const path of ['/', '/mediaX', '/app.js', 'https://other.test/media/a']) assert.equal(await status(path), undefined, path);
    assert.ok(asked.length > 0 && asked.every((id) => id === 'tab'));
    await storage.close();
  });

  test('are found by a mapping of the app', async () => {
    const { storage } = await openMemory();
    await storage.set('kept', bytes('value'));
    const key = ({ searchParams }: URL): string | undefined => searchParams.get('key') ?? undefined;
    const worker = new Played().start({ base: '/media/', storage: () => storage, key });
    assert.equal(await (await worker.ask('/media/?key=kept'))?.text(), 'value');
    assert.equal((await worker.ask('/media/kept'))?.status, 404);
    await storage.close();
  });

  test('are found under a base that URLs write in another way', async () => {
    const { storage } = await openMemory();
    await storage.set('kept', bytes('value'));
    const worker = new Played().start({ base: '/m\u00e9dia files/', storage: () => storage });
    assert.equal(await (await worker.ask('/m\u00e9dia files/kept'))?.text(), 'value');
    await storage.close();
  });

  test('are not what an app says: what it throws is told as a failure', async () => {
    const { storage } = await openMemory();
    await storage.set('kept', bytes('value'));
    const fail = (): never => {
      throw new Error('secret: hunter2');
    };
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const reject = (): Promise<never> => Promise.reject(new Error('secret: hunter2'));
    const options: Partial<ServiceWorkerOptions>[] = [{ key: fail }, { headers: fail }, { key: reject }, { headers: reject }, { storage: fail }, { storage: () => Promise.reject(revoked.proxy) }];
    for (const one of options) {
      const answer = await new Played().start({ base: '/media/', storage: () => storage, ...one }).ask('/media/kept');
      assert.equal(answer?.status, 500);
      assert.equal(await answer?.text(), 'The storage failed.\n');
    }
    await storage.close();
  });

  test('that cannot be had are told by a status and a sentence', async () => {
    const cold = plainTier();
    const storage = await TieredStorage.open({ tiers: { cold } });
    let isDown = false;
    const worker = new Played().start({
      base: '/media/',
      storage: () => {
        if (isDown) throw new Error('secret: hunter2');
        return storage;
      },
    });
    cold.get = () => Promise.reject(new Error('secret: hunter2'));
    const away = await worker.ask('/media/a');
    assert.deepEqual([away?.status, away?.headers.get('cache-control')], [503, 'no-store']);
    assert.match((await away?.text()) ?? '', /^This entry is not on this device/);
    isDown = true;
    const failed = await worker.ask('/media/a');
    assert.equal(failed?.status, 500);
    assert.ok(!(await failed?.text())?.includes('hunter2'));
    isDown = false;
    await storage.close();
    assert.equal((await worker.ask('/media/a'))?.status, 500);
  });

  test('are no code, and run nowhere', async () => {
    const { storage } = await openMemory();
    const bodies = { 'a.js': 'text/javascript', 'a.svg': 'image/svg+xml', 'a.html': 'text/html', 'a.pdf': 'application/pdf', 'a.png': 'image/png' };
    for (const [key, mimeType] of Object.entries(bodies)) await storage.set(key, bytes('body'), { mimeType });
    const worker = new Played().start({ base: '/media/', storage: () => storage, headers: sandboxed });
    for (const destination of ['script', 'style', 'worker', 'serviceworker']) {
      assert.equal((await worker.ask('/media/a.js', {}, { destination }))?.status, 403, destination);
    }
    const headers = async (key: string): Promise<(string | null | undefined)[]> => {
      const answer = await worker.ask(`/media/${key}`);
      assert.equal(await answer?.text(), 'body');
      assert.equal(answer?.headers.get('x-content-type-options'), 'nosniff');
      return [answer?.headers.get('content-type'), /(^|; )sandbox$/.test(answer?.headers.get('content-security-policy') ?? '') ? 'sandbox' : ''];
    };
    assert.deepEqual(await headers('a.js'), ['text/plain; charset=utf-8', 'sandbox']);
    assert.deepEqual(await headers('a.svg'), ['image/svg+xml', 'sandbox']);
    assert.deepEqual(await headers('a.html'), ['text/html', 'sandbox']);
    assert.deepEqual(await headers('a.png'), ['image/png', 'sandbox']);
    assert.deepEqual(await headers('a.pdf'), ['application/pdf', '']);
    await storage.close();
  });
});

suite('the shell', () => {
  const storage = (): never => assert.fail('nothing asks for entries');
  const shell = { name: 'app', version: '2', files: ['/', '/app.js'], navigate: '/' };
  const network = { '/': () => new Response('page'), '/app.js': () => new Response('code') };

  test('is kept when the worker is installed, and answers files and navigations', async () => {
    const worker = new Played().start({ base: '/media/', storage, shell });
    Object.assign(worker.network, network);
    worker.caches.set('app@1', new Map()).set('other@1', new Map());
    await worker.tell('install');
    await worker.tell('activate');
    assert.deepEqual([...worker.caches.keys()], ['other@1', 'app@2']);
    assert.equal(worker.claims, 1);
    worker.network = {};
    assert.equal(await (await worker.ask('/app.js'))?.text(), 'code');
    assert.equal(await (await worker.ask('/some/page', {}, { mode: 'navigate' }))?.text(), 'page');
    assert.equal(await worker.ask('/some/data'), undefined);
    assert.equal(await worker.ask('/app.js', { method: 'POST' }), undefined);
    worker.caches.clear();
    const gone = await worker.ask('/', {}, { mode: 'navigate' });
    assert.equal(gone?.status, 503);
    worker.network = network;
    assert.equal(await (await worker.ask('/', {}, { mode: 'navigate' }))?.text(), 'page');
  });

  test('is found by paths that URLs write in another way', async () => {
    const files = ['/', '/caf\u00e9 menu.js'];
    const worker = new Played().start({ base: '/media/', storage, shell: { ...shell, files } });
    worker.network = { '/': network['/'], '/caf%C3%A9%20menu.js': () => new Response('code') };
    await worker.tell('install');
    worker.network = {};
    assert.equal(await (await worker.ask('/caf\u00e9 menu.js'))?.text(), 'code');
  });

  test('that the browser cannot read is asked of the network', async () => {
    const worker = new Played();
    const scope = worker.scope();
    scope.caches.open = () => Promise.reject(new Error('the disk fails'));
    serve({ base: '/media/', storage, shell, scope });
    worker.network = network;
    assert.equal(await (await worker.ask('/app.js'))?.text(), 'code');
    worker.network = {};
    assert.equal((await worker.ask('/app.js'))?.status, 503);
  });

  test('of which a file is missing is not installed', async () => {
    const worker = new Played().start({ base: '/media/', storage, shell });
    worker.network = { ...network, '/app.js': () => new Response('no', { status: 404 }) };
    await assert.rejects(worker.tell('install'), /app\.js was answered with 404/);
    assert.deepEqual([...worker.caches.keys()], []);
  });

  test('of a waiting worker takes over when a page says so', async () => {
    const worker = new Played().start({ base: '/media/', storage, shell });
    await worker.tell('message', { data: 'something else' });
    assert.equal(worker.skips, 0);
    await worker.tell('message', { data: 'tiered-storage: activate' });
    assert.equal(worker.skips, 1);
  });
});

test('options that cannot be right say so', async () => {
  const storage = (): never => assert.fail('nothing is asked');
  const wrong: [object | undefined, RegExp][] = [
    [undefined, /options with `storage` and `base`/],
    [{ storage }, /needs `storage` and `base`/],
    [{ storage, base: 'media' }, /^`base` .* must be a path with slashes/],
    [{ storage, base: '//other.test/' }, /^`base` .* must be a path with slashes/],
    [{ storage, base: '/', cacheControl: 'max-age=5\n' }, /^`cacheControl` .* printable ASCII/],
    [{ storage, base: '/', routes: [] }, /no option `routes`/],
    [{ storage, base: '/', shell: { name: 'app' } }, /`shell` needs/],
    [{ storage, base: '/', shell: { name: 'a b', version: '1', files: [] } }, /`name` in the `shell`/],
    [{ storage, base: '/', shell: { name: 'app', version: '1', files: ['//other.test/'] } }, /`files` in the `shell`/],
    [{ storage, base: '/', shell: { name: 'app', version: '1', files: ['/app.js?v=1'] } }, /`files` in the `shell` .* no query/],
    [{ storage, base: '/', shell: { name: 'app', version: '1', files: ['/'], navigate: '/x' } }, /one of the `files`/],
  ];
  for (const [options, words] of wrong) {
    await fails('invalid', async () => serve(options as ServiceWorkerOptions), words);
  }
  await fails('unsupported', async () => serve({ storage, base: '/' }), /no service worker/);
});
