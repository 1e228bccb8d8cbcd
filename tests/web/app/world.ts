/** The web app as it is built, over an S3 server of its own, in a browser that can be restarted. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { S3StorageTier } from 'tiered-storage';
import type { Engine, Origin } from '../browsers/engine.js';
import { ROOT } from '../lib/bundle.mjs';
import { folder, type Answer } from '../lib/serve.js';
import { Proxy, type Reply } from '../s3/proxy.js';
import { type RunningServer, startServer } from '../scenarios/server.js';

const BUILT = join(ROOT, 'www/dist');
const SCREENSHOTS = join(ROOT, 'target/screenshots');
const BUCKET = 'library';

/** Files by their keys: bytes, and a type where the name does not say it. */
export type Files = Record<string, Uint8Array | { bytes: Uint8Array; mimeType: string }>;

export interface World {
  readonly origin: Origin;
  readonly cold: S3StorageTier;
  /** What the server of the app suggests. */
  readonly config: { endpoint: string; accessKeyId: string; secretAccessKey: string };
  /** What the bucket was asked since the last time, such as `GET /library/key`. */
  asked(): string[];
  /** Which paths the server of the app was asked for since the last time. */
  served(): string[];
  put(files: Files): Promise<void>;
  /** Lets requests wait that `matches` takes, for good, until what it gives is called: those that come then are answered. */
  hold(matches: (line: string) => boolean): () => void;
  /** Has the bucket refuse requests that `matches` takes. */
  refuse(matches: (line: string) => boolean): void;
  /** Has the bucket send requests elsewhere that `matches` takes, until what it gives is called. */
  redirect(to: string, matches: (line: string) => boolean): () => void;
  /** Takes the bucket away from the browser, until what it gives is called. */
  cut(): () => void;
  /** Opens the app in a tab, and waits until it has listed the bucket. */
  open(hash?: string): Promise<Page>;
  /** As `open`, where the site may store no more than so many bytes: told to Chromium before anything is stored. */
  openIn(quotaSize: number, hash?: string): Promise<Page>;
  /** Ends the process of the bucket, and the server of the app. */
  stop(): Promise<void>;
  /** What the app is built from, changed before it is served. */
  change(path: string, edit: (text: string) => string): void;
}

/** Serves the app and a bucket with these files, until the test ends. To read a `public` one, the app needs no key, and is given none. */
export async function world(test: TestContext, engine: Engine, files: Files = {}, kind: 'private' | 'public' = 'private'): Promise<World> {
  if (!existsSync(join(BUILT, 'index.html'))) throw new Error('the app is not built: run `cargo verify package app` first');
  const server: RunningServer = await (kind === 'public' ? startServer([], '*', ['--public-bucket', BUCKET]) : startServer([BUCKET], '*'));
  test.after(() => server.close());
  const proxy = await Proxy.start(server.place.endpoint);
  test.after(() => proxy[Symbol.asyncDispose]());
  const { accessKeyId, secretAccessKey, region } = server.place;
  const credentials = { accessKeyId, secretAccessKey };
  const { endpoint } = proxy;
  const config = { endpoint, region, bucket: BUCKET, ...credentials };
  const edits = new Map<string, (text: string) => string>();
  const paths: string[] = [];
  const answer = await app(kind === 'public' ? { endpoint, region, bucket: BUCKET } : config, edits);
  const origin = await engine.origin(test, (path, request) => {
    paths.push(path);
    return answer(path, request);
  });
  const cold = new S3StorageTier({ bucket: BUCKET, endpoint: server.place.endpoint, region, credentials });
  const put = async (files: Files): Promise<void> => {
    const all = Object.entries(files).values();
    const worker = async (): Promise<void> => {
      for (const [key, file] of all) {
        const { bytes, mimeType } = file instanceof Uint8Array ? { bytes: file, mimeType: undefined } : file;
        const now = new Date();
        const checksum = createHash('sha256').update(bytes).digest('hex');
        const stored = { key, size: bytes.length, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum };
        await cold.set(key, bytes, mimeType === undefined ? stored : { ...stored, mimeType });
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
  };
  await put(files);
  return {
    origin,
    cold,
    config,
    put,
    asked: () => proxy.take(),
    served: () => paths.splice(0),
    ...obstacles(proxy),
    open: async (hash = '') => {
      const { page } = await origin.tab(`/${hash}`);
      page.setDefaultTimeout(15_000);
      await listed(page);
      return page;
    },
    openIn: async (quotaSize, hash = '') => {
      // A page of the same origin without the app, whose databases would know of more room.
      const { page } = await origin.tab('/icon.svg');
      const session = await engine.context.newCDPSession(page);
      await session.send('Storage.overrideQuotaForOrigin', { origin: origin.url, quotaSize });
      page.setDefaultTimeout(30_000);
      await page.goto(`${origin.url}/${hash}`);
      await listed(page);
      return page;
    },
    stop: async () => {
      await Promise.all([server.close(), proxy[Symbol.asyncDispose](), origin.stop()]);
    },
    change: (path, edit) => void edits.set(path, edit),
  };
}

/** What is put between the bucket and the browser. */
function obstacles(proxy: Proxy): Pick<World, 'hold' | 'refuse' | 'redirect' | 'cut'> {
  const allowed = { 'access-control-allow-origin': '*' };
  const clear = (): void => void (proxy.answer = () => undefined);
  const put = (matches: (line: string) => boolean, reply: (path: string) => Reply): void => {
    proxy.answer = ({ method, path }) => (matches(`${method} ${path}`) ? reply(path) : undefined);
  };
  return {
    hold: (matches) => {
      put(matches, () => ({ never: true }));
      return clear;
    },
    refuse: (matches) => put(matches, () => ({ status: 403, headers: allowed })),
    redirect: (to, matches) => {
      put(matches, (path) => ({ status: 307, headers: { ...allowed, location: to + path } }));
      return clear;
    },
    cut: () => {
      put(() => true, () => ({}));
      return clear;
    },
  };
}

/** Waits until the app shows what the bucket has, and entries can be shown. */
export async function listed(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.getByTestId('reach').getByText('Online').waitFor();
}

/** Keeps a picture of the page. */
export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** The files of the app, with the headers that its server gives. */
async function app(config: object, edits: ReadonlyMap<string, (text: string) => string>): Promise<Answer> {
  const headers = JSON.parse(await readFile(join(ROOT, 'www/headers.json'), 'utf8')) as Record<string, string>;
  const types: Record<string, string> = { '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json', '.png': 'image/png' };
  const built = folder(BUILT);
  return async (path, request) => {
    if (path === '/config.json') return { body: JSON.stringify(config), headers };
    const body = (await built(path, request)) as Uint8Array | undefined;
    if (!body) return undefined;
    const type = types[/\.\w+$/.exec(path)?.[0] ?? ''];
    const edit = edits.get(path);
    const served = edit ? edit(Buffer.from(body).toString()) : body;
    return { body: served, headers: { ...headers, 'cache-control': 'no-cache', ...(type && { 'content-type': type }) } };
  };
}
