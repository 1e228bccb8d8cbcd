/** A page of Chromium without a debugger: one that watches keeps copies of what the page sends and is sent. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { chromiumCommand } from '../lib/browser.js';
import { WEB, bundleForPage } from '../lib/bundle.mjs';
import { serve, type Site } from '../lib/serve.js';
import type * as PageModule from './page.js';

type Calls = typeof PageModule;
type Result<N extends keyof Calls> = Awaited<ReturnType<Calls[N]>>;

/** Asks what to call, and tells what came of it. */
const SCRIPT = `
  import * as module from '/module.js';
  for (let value; ; ) {
    const [name, ...words] = await (await fetch('/next', { method: 'POST', body: JSON.stringify(value) })).json();
    value = await (name === 'collect' ? gc() : module[name](...words));
  }`;
const HTML = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">${SCRIPT}</script>`;

/** The page has answered, and waits to be told what to call. */
type Turn = [value: unknown, call: (words: unknown[]) => void];

export class LonePage {
  readonly #browser: ChildProcess;
  readonly #site: Site;
  readonly #profile: string;
  readonly #turns: AsyncIterator<Turn>;
  #call: Turn[1] = () => undefined;
  #processes: string[] = [];

  private constructor(browser: ChildProcess, site: Site, profile: string, turns: AsyncIterator<Turn>) {
    this.#browser = browser;
    this.#site = site;
    this.#profile = profile;
    this.#turns = turns;
  }

  static async open(): Promise<LonePage> {
    const module = await bundleForPage(resolve(WEB, 'browsers/page.ts'));
    const turns = new TransformStream<Turn, Turn>();
    const writer = turns.writable.getWriter();
    const site = await serve(async (path, request) => {
      if (path !== '/next') return path === '/' ? HTML : path === '/module.js' ? module : undefined;
      const said = await text(request);
      return new Promise((done) => {
        void writer.write([said && JSON.parse(said), (words) => done(JSON.stringify(words))]);
      });
    });
    const profile = await mkdtemp(join(tmpdir(), 'tiered-storage-alone-'));
    const [program, words] = chromiumCommand();
    const browser = spawn(program, [...words, '--js-flags=--expose-gc', `--user-data-dir=${profile}`, site.origin], { stdio: 'ignore' });
    await once(browser, 'spawn');
    const page = new LonePage(browser, site, profile, turns.readable[Symbol.asyncIterator]());
    await page.#turn();
    return page;
  }

  async call<N extends keyof Calls>(name: N, ...words: Parameters<Calls[N]>): Promise<Result<N>> {
    this.#call([name, ...words]);
    return (await this.#turn()) as Result<N>;
  }

  /** Has the page give back what it does not need, and looks which processes there are. */
  async collect(): Promise<void> {
    this.#call(['collect']);
    await this.#turn();
    this.#processes = await descendants(String(this.#browser.pid));
  }

  /** The browser's share of the machine's memory, of all its processes, in bytes: what is in no file, as programs are. */
  async bytes(): Promise<number> {
    const sizes = this.#processes.map(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      const shares = rollup.matchAll(/^Pss_(?:Anon|Shmem):\s+(\d+) kB/gm);
      return [...shares].reduce((sum, [, kb]) => sum + Number(kb) * 1024, 0);
    });
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    const ended = once(this.#browser, 'exit');
    this.#browser.kill();
    await ended;
    await this.#site.close();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #turn(): Promise<unknown> {
    const { value } = (await this.#turns.next()) as IteratorYieldResult<Turn>;
    this.#call = value[1];
    return value[0];
  }
}

/** A process and all that it started. */
async function descendants(root: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = new Map<string, string | undefined>();
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    parents.set(pid, /^PPid:\s+(\d+)/m.exec(status)?.[1]);
  }
  const isOf = (pid: string | undefined): boolean => pid === root || (pid !== undefined && isOf(parents.get(pid)));
  return pids.filter(isOf);
}
