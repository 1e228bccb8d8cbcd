/** S3 for the tests, and what its CORS rules do to a page. */

import type { TestContext } from 'node:test';
import type { CorsRule } from 'tiered-storage';
import { type RunningServer, startServer } from '../scenarios/server.js';
import { Proxy } from '../s3/proxy.js';
import { applyRules } from '../s3/rules.js';
import type { Setup } from './page.js';

export type Cold = NonNullable<Setup['cold']>;

const BUCKET = 'bucket';
/** An origin that no page has. */
const NOBODY = 'https://nobody.invalid';

let shared: Promise<RunningServer> | undefined;
let closed: Promise<RunningServer> | undefined;
let prefixes = 0;

/** A server for every origin, which all tests share; each has a prefix of its own. */
export async function sharedCold(): Promise<Cold> {
  return coldOf((await (shared ??= startServer([BUCKET], '*'))).place);
}

/** A server that lets no page in. */
export async function closedCold(): Promise<Cold> {
  return coldOf((await (closed ??= startServer([BUCKET], NOBODY))).place);
}

export async function stopServers(): Promise<void> {
  await Promise.all([shared, closed].map(async (server) => (await server)?.close()));
}

/** A server that can be stopped; a new one starts empty. */
export async function ownCold(test: TestContext): Promise<{ cold: Cold; stop(): Promise<void>; restart(): Promise<void> }> {
  let server = await startServer([BUCKET], '*');
  test.after(() => server.close());
  const cold = coldOf(server.place);
  const restart = async (): Promise<void> => {
    server = await startServer([BUCKET], '*', ['--port', new URL(cold.endpoint).port]);
  };
  return { cold, stop: () => server.close(), restart };
}

function coldOf(place: RunningServer['place']): Cold {
  prefixes += 1;
  return { ...place, bucket: BUCKET, prefix: `test-${prefixes}` };
}

/** S3 as a page sees it through these CORS rules, which are applied as S3 does it. */
export async function coldWith(test: TestContext, rules: CorsRule[]): Promise<Cold> {
  const cold = await closedCold();
  const proxy = await Proxy.start(cold.endpoint);
  test.after(() => proxy[Symbol.asyncDispose]());
  applyRules(proxy, rules);
  return { ...cold, endpoint: proxy.endpoint };
}
