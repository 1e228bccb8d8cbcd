/** S3 for the tests, and what its CORS rules do to a page. */

import type { TestContext } from 'node:test';
import type { CorsRule } from 'tiered-storage';
import { type RunningServer, startServer } from '../scenarios/server.js';
import { Proxy, type Passing, type Reply } from '../s3/proxy.js';
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
  proxy.preflight = (passing) => preflight(rules, passing);
  proxy.headers = (headers, { headers: asked, method }) => {
    const rule = findRule(rules, asked.origin, method);
    return rule ? { ...headers, ...shown(rule, asked.origin) } : headers;
  };
  return { ...cold, endpoint: proxy.endpoint };
}

function preflight(rules: CorsRule[], { headers }: Passing): Reply {
  const { origin, 'access-control-request-method': method, 'access-control-request-headers': names } = headers;
  const rule = findRule(rules, origin, method);
  const wanted = names?.split(',').map((name) => name.trim()) ?? [];
  const isAllowed = (name: string): boolean => rule?.AllowedHeaders.some((one) => one === '*' || one.toLowerCase() === name) ?? false;
  if (!rule || !wanted.every(isAllowed)) return { status: 403, body: 'CORSResponse: This CORS request is not allowed.' };
  const allowed = { 'access-control-allow-methods': rule.AllowedMethods.join(', '), 'access-control-allow-headers': wanted.join(', ') };
  return { status: 200, headers: { ...shown(rule, origin), ...allowed, 'access-control-max-age': `${rule.MaxAgeSeconds}` } };
}

function findRule(rules: CorsRule[], origin: string | undefined, method: string | undefined): CorsRule | undefined {
  const isOf = ({ AllowedOrigins, AllowedMethods }: CorsRule): boolean =>
    AllowedOrigins.some((one) => one === '*' || one === origin) && AllowedMethods.some((one) => one === method);
  return rules.find(isOf);
}

function shown({ ExposeHeaders }: CorsRule, origin = ''): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    vary: 'Origin',
    ...(ExposeHeaders.length && { 'access-control-expose-headers': ExposeHeaders.join(', ') }),
  };
}
