/** Browsers that keep their profile when they are restarted, and tabs in which tests run. */

import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { callIn, launchFirefoxProfile, launchProfile, watch } from '../lib/browser.js';
import { WEB, bundleForPage } from '../lib/bundle.mjs';
import { type Answer, type Site, serve } from '../lib/serve.js';
import type * as PageModule from './page.js';

export type EngineName = 'Chromium' | 'Firefox';
type Calls = typeof PageModule;
type Result<N extends keyof Calls> = Awaited<ReturnType<Calls[N]>>;

export const EMPTY_PAGE = '<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">';

/** Kilobytes that Firefox gives all sites together; one of them gets a fifth, but 10 MiB at least. */
const FIREFOX_KB = 48 * 1024;
const LAUNCHES = {
  Chromium: (profile: string) => launchProfile(profile),
  Firefox: (profile: string) =>
    launchFirefoxProfile(profile, { 'dom.quotaManager.temporaryStorage.fixedLimit': FIREFOX_KB }),
};

/** A running browser. */
export class Engine {
  readonly name: EngineName;
  readonly #profile: string;
  #context: BrowserContext;

  private constructor(name: EngineName, profile: string, context: BrowserContext) {
    this.name = name;
    this.#profile = profile;
    this.#context = context;
  }

  static async start(name: EngineName): Promise<Engine> {
    const profile = await mkdtemp(join(tmpdir(), 'tiered-storage-profile-'));
    return new Engine(name, profile, await LAUNCHES[name](profile));
  }

  get context(): BrowserContext {
    return this.#context;
  }

  /** Ends the browser, and starts it again with what it stored. */
  async restart(): Promise<void> {
    await this.#context.close();
    this.#context = await LAUNCHES[this.name](this.#profile);
  }

  /** Kills the browser in the middle of whatever it does, and starts it again with what it stored. */
  async crash(): Promise<void> {
    const closed = new Promise((resolve) => this.#context.once('close', resolve));
    for (const id of await processesOf(this.#profile)) process.kill(id, 'SIGKILL');
    await closed;
    this.#context = await LAUNCHES[this.name](this.#profile);
  }

  async close(): Promise<void> {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  /** An origin of the test's own, which ends with it. */
  async origin(test: TestContext, also?: Answer): Promise<Origin> {
    const text = await moduleText();
    const answer: Answer = async (path, request) => {
      const served = await also?.(path, request);
      if (served !== undefined) return served;
      return path === '/' ? EMPTY_PAGE : path === '/module.js' ? text : undefined;
    };
    const origin = new Origin(this, answer, await serve(answer));
    test.after(() => origin.close());
    return origin;
  }
}

/** The processes that were started with this profile, as Linux lists them. */
async function processesOf(profile: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const words = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return ids.filter((_, at) => words[at]?.includes(`--user-data-dir=${profile}\0`)).map(Number);
}

export class Origin {
  readonly url: string;
  readonly #engine: Engine;
  readonly #answer: Answer;
  #site: Site;
  readonly #tabs = new Set<Page>();

  constructor(engine: Engine, answer: Answer, site: Site) {
    this.url = site.origin;
    this.#engine = engine;
    this.#answer = answer;
    this.#site = site;
  }

  /** Opens a tab; `first` runs in it before anything else does. */
  async tab(path = '/', first?: () => void): Promise<Tab> {
    const page = await this.#engine.context.newPage();
    this.#tabs.add(page);
    watch(page);
    if (first) await page.addInitScript(first);
    await page.goto(this.url + path);
    return new Tab(page);
  }

  /** Goes offline: nothing is served any more. */
  stop(): Promise<void> {
    return this.#site.close();
  }

  /** Is there again, at the same address. */
  async start(): Promise<void> {
    this.#site = await serve(this.#answer, this.#site.port);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#tabs].map((page) => page.close()));
    await this.#site.close();
  }
}

/** A page that has the functions of `page.ts`. */
export class Tab {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  call<N extends keyof Calls>(name: N, ...words: Parameters<Calls[N]>): Promise<Result<N>> {
    return callIn(this.page, name, words);
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

let text: Promise<string> | undefined;

function moduleText(): Promise<string> {
  return (text ??= bundleForPage(resolve(WEB, 'browsers/page.ts')));
}
