/** Browsers for the tests, as they are installed on this machine. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { Browser, BrowserContext, LaunchOptions, Page } from 'playwright-core';
import { WEB, bundleForPage } from './bundle.mjs';
import { serve, type Answer, type Site } from './serve.js';

const FIREFOXES = ['firefox-esr', 'firefox'];
const CHROMIUMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The first of these programs on the path. */
export function findProgram(...names: string[]): string | undefined {
  const folders = ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)];
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function options(): LaunchOptions {
  const executablePath = findProgram(...CHROMIUMS);
  if (!executablePath) throw new Error('Chromium is not installed: on a Debian, apt-get install chromium');
  return { executablePath, args: FLAGS, headless: true };
}

/** Chromium without a window, and the words that make it so. */
export function chromiumCommand(): [program: string, words: string[]] {
  const { executablePath = '', args = [] } = options();
  return [executablePath, [...args, '--headless', '--no-first-run']];
}

/** Starts Chromium with an empty profile. */
export async function launchChromium(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  return chromium.launch(options());
}

/** Starts Chromium with a profile that is kept in a folder, so that a test can restart it. */
export async function launchProfile(profile: string): Promise<BrowserContext> {
  const { chromium } = await import('playwright-core');
  return chromium.launchPersistentContext(profile, options());
}

/** Starts Firefox with a profile that is kept in a folder. It is driven by WebDriver BiDi, which needs no other program. */
export async function launchFirefoxProfile(
  profile: string,
  firefoxUserPrefs: Record<string, boolean | number> = {},
): Promise<BrowserContext> {
  const { firefox } = await import('playwright-core');
  const executablePath = findProgram(...FIREFOXES);
  if (!executablePath) throw new Error('Firefox is not installed: on a Debian, apt-get install firefox-esr');
  return firefox.launchPersistentContext(profile, { executablePath, channel: 'moz-firefox', headless: true, firefoxUserPrefs });
}

/**
 * What browsers say of answers that are no success, and of what could not be reached or may not be done; and Firefox, of
 * a service worker's body that a player gave up when it was made to seek.
 */
const EXPECTED = /^(Failed to load resource|Failed to load \S+ A ServiceWorker intercepted|Cross-Origin Request Blocked|Access to fetch at|Content-Security-Policy)/;

/** Has what goes wrong in a page told here. */
export function watch(page: Page): void {
  const tell = (text: string): void => {
    if (!EXPECTED.test(text)) console.error(`in the page: ${text}`);
  };
  page.on('pageerror', (error) => tell(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') tell(message.text());
  });
}

/** Calls a function that `/module.js` of the page exports; arguments and result travel as JSON. */
export function callIn<R>(page: Page, name: string, words: unknown[]): Promise<R> {
  return page.evaluate(
    async ([name, words]) => {
      const path = '/module.js';
      const module = (await import(path)) as Record<string, (...words: unknown[]) => unknown>;
      return (await module[name]?.(...words)) as never;
    },
    [name, words] as const,
  );
}

/** A page that runs one module of the tests. */
export interface Opened {
  readonly page: Page;
  readonly site: Site;
  /** Calls a function that the module exports; arguments and result travel as JSON. */
  call<R>(name: string, ...words: unknown[]): Promise<R>;
  close(): Promise<void>;
}

/** Bundles a TypeScript module (its path is relative to `tests/web`) and opens a page that has loaded it. */
export async function openModule(context: BrowserContext, file: string, also?: Answer, port = 0): Promise<Opened> {
  const text = await bundleForPage(resolve(WEB, file));
  const html = '<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">';
  const site = await serve((path, request) => {
    if (path === '/') return html;
    return path === '/module.js' ? text : also?.(path, request);
  }, port);
  const page = await context.newPage();
  watch(page);
  await page.goto(`${site.origin}/`);
  const call = <R>(name: string, ...words: unknown[]): Promise<R> => callIn(page, name, words);
  const close = async (): Promise<void> => {
    await page.close();
    await site.close();
  };
  return { page, site, call, close };
}
