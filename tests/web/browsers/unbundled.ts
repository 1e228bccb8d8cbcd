/** The built package as it is, for pages that import it without a bundler. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { DIST, WEB } from '../lib/bundle.mjs';
import { type Answer, folder } from '../lib/serve.js';
import type { Cold } from './s3.js';

const built = folder(DIST);

/** Answers with the package under `/pkg/`, and with these files of this folder. */
export function files(names: Record<string, string>): Answer {
  return async (path, request) => {
    if (path.startsWith('/pkg/')) return built(path.slice('/pkg'.length), request);
    const name = names[path];
    if (name === undefined) return undefined;
    const text = await readFile(join(WEB, 'browsers', name), 'utf8');
    return name.endsWith('.ts') ? compile(text) : text;
  };
}

/** The script, with imports of the package made imports of its built entries. */
async function compile(text: string): Promise<string> {
  const { code } = await transform(text, { loader: 'ts', target: 'es2022' });
  return code.replace(/from "tiered-storage(?:\/(\w+))?"/g, (_, name: string = 'inline') => `from "/pkg/${name}.js"`);
}

/** Where S3 is, as a query. */
export function query({ bucket, prefix, endpoint, accessKeyId, secretAccessKey }: Cold): string {
  return `?${new URLSearchParams({ bucket, prefix, endpoint, accessKeyId, secretAccessKey })}`;
}

/** Registers a worker, in a page, and waits until it answers for that page. */
export async function register(url: string): Promise<void> {
  const { serviceWorker } = navigator;
  const controlled = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve));
  await serviceWorker.register(url, { type: 'module' });
  if (!serviceWorker.controller) await controlled;
}
