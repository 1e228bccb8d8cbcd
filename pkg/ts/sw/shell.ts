/** The files that an app starts from, kept in the Cache API: all of one version, or none. */

import { StorageError } from '../errors.js';
import { NAME, check, isText, type Rules } from '../options.js';
import { pathOf, refusal, type WorkerScope } from './scope.js';

/** The files that an app starts from. */
export interface ShellOptions {
  /** Whose they are. Apps of one origin have names of their own. */
  name: string;
  /** Names these contents of the files: any change to them needs another, such as a hash of all. */
  version: string;
  /** Their paths in this origin, such as `/`, `/app.js`. */
  files: readonly string[];
  /** The one of them that answers every navigation to another path. Without it, those go to the network. */
  navigate?: string | undefined;
}

const isPath = (value: unknown): boolean => isText(value) && /^\/(?![/\\])[^?#]*$/.test(value as string);
const OPTIONS: Rules = {
  name: [(value) => isText(value) && /^[\w.-]+$/.test(value as string), 'a word of letters, digits, dots and hyphens'],
  version: NAME,
  files: [(value) => Array.isArray(value) && value.every(isPath), 'a list of paths, each of which begins with a slash and has no query'],
  navigate: [isPath, 'a path that begins with a slash and has no query'],
};

export class Shell {
  readonly #scope: WorkerScope;
  readonly #prefix: string;
  readonly #cache: string;
  readonly #files: ReadonlySet<string>;
  readonly #navigate: string | undefined;

  constructor(options: ShellOptions, scope: WorkerScope) {
    const { name, version, files, navigate } = check<ShellOptions>(options, OPTIONS, 'the `shell`');
    if (name === undefined || version === undefined || files === undefined) {
      throw new StorageError('invalid', 'the `shell` needs `name`, `version` and `files`');
    }
    if (navigate !== undefined && !files.includes(navigate)) throw new StorageError('invalid', '`navigate` must be one of the `files`');
    this.#scope = scope;
    this.#prefix = `${name}@`;
    this.#cache = `${name}@${version}`;
    this.#files = new Set(files.map(pathOf));
    this.#navigate = navigate === undefined ? undefined : pathOf(navigate);
  }

  /** Fetches every file past what the browser keeps of them. If one is missing, none is kept, and this version is not installed. */
  async install(): Promise<void> {
    const { caches, location } = this.#scope;
    const cache = await caches.open(this.#cache);
    try {
      await Promise.all([...this.#files].map(async (path) => cache.put(path, await this.#load(new URL(path, location.origin)))));
    } catch (error) {
      await caches.delete(this.#cache);
      throw error;
    }
  }

  /** Removes what older versions kept. */
  async activate(): Promise<void> {
    const { caches } = this.#scope;
    const old = (await caches.keys()).filter((name) => name.startsWith(this.#prefix) && name !== this.#cache);
    await Promise.all(old.map((name) => caches.delete(name)));
  }

  /** Whether a request is for one of the files, or a navigation that one of them answers. */
  takes({ method, mode }: Request, { pathname }: URL): boolean {
    if (method !== 'GET') return false;
    return this.#files.has(pathname) || (mode === 'navigate' && this.#navigate !== undefined);
  }

  /** The file; from the network where the browser removed what was kept, or cannot read it. */
  async answer(request: Request, { pathname }: URL): Promise<Response> {
    const path = this.#files.has(pathname) ? pathname : (this.#navigate as string);
    const kept = await this.#kept(path).catch(() => undefined);
    if (kept) return kept;
    return this.#scope.fetch(request).catch(() => refusal(503, 'This app is not on this device, and there is no network.'));
  }

  async #kept(path: string): Promise<Response | undefined> {
    return (await this.#scope.caches.open(this.#cache)).match(path);
  }

  async #load(url: URL): Promise<Response> {
    const response = await this.#scope.fetch(new Request(url, { cache: 'no-cache' }));
    if (!response.ok) throw new Error(`${url.pathname} was answered with ${response.status}`);
    if (!response.redirected) return response;
    // Browsers refuse an answer that was redirected where they navigate.
    return new Response(response.body, { headers: response.headers });
  }
}
