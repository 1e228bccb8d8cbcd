/** A browser with a page that has an inspector, and the S3 that its storage is over. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { callIn, launchChromium, watch } from '../lib/browser.js';
import { WEB, bundleForPage } from '../lib/bundle.mjs';
import { serve, type Site } from '../lib/serve.js';
import { type RunningServer, startServer } from '../scenarios/server.js';
import type * as module from './page.js';

type Module = typeof module;
type Calls = { [K in keyof Module]: (...words: Parameters<Module[K]>) => Promise<Awaited<ReturnType<Module[K]>>> };

/** Where what the pages look like is kept, for whoever wants to see. */
const SHOTS = join(WEB, '.out/inspector');

/** A page; its functions are those of `page.ts`. */
export interface Seat {
  readonly page: Page;
  readonly call: Calls;
  shot(name: string): Promise<void>;
}

/** What all tests share. */
export class Stage {
  readonly server: RunningServer;
  readonly #browser: Browser;
  readonly #site: Site;

  private constructor(browser: Browser, site: Site, server: RunningServer) {
    this.#browser = browser;
    this.#site = site;
    this.server = server;
  }

  static async open(): Promise<Stage> {
    const bundle = (name: string): Promise<string> => bundleForPage(join(WEB, `inspector/${name}.ts`));
    const [browser, text, worker] = await Promise.all([launchChromium(), bundle('page'), bundle('worker')]);
    let policy = '';
    const site = await serve((path) => {
      if (path === '/module.js') return text;
      if (path === '/worker.js') return worker;
      return path === '/' ? { body: PAGE, headers: { 'content-security-policy': policy } } : undefined;
    });
    const server = await startServer(['bucket'], site.origin);
    policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src ${server.place.endpoint}; img-src data:`;
    mkdirSync(SHOTS, { recursive: true });
    return new Stage(browser, site, server);
  }

  /** A page with a storage of its own, and whatever more of the same origin, whose databases they share. */
  async seats(count = 1, options: BrowserContextOptions = {}): Promise<Seat[]> {
    const context = await this.#browser.newContext({ viewport: { width: 1200, height: 1500 }, ...options });
    return Promise.all(Array.from({ length: count }, () => this.#seat(context)));
  }

  async seat(options: BrowserContextOptions = {}): Promise<Seat> {
    const [seat] = await this.seats(1, options);
    await (seat as Seat).call.open(this.server.place);
    return seat as Seat;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#site.close();
    await this.server.close();
  }

  async #seat(context: Awaited<ReturnType<Browser['newContext']>>): Promise<Seat> {
    const page = await context.newPage();
    watch(page);
    await page.goto(`${this.#site.origin}/`);
    const call = new Proxy({}, { get: (_, name: string) => (...words: unknown[]) => callIn(page, name, words) }) as Calls;
    const shot = async (name: string): Promise<void> => {
      await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    };
    return { page, call, shot };
  }
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Inspector</title><link rel="icon" href="data:,"><main><h1>A page</h1></main></html>`;
