/** CORS rules, which are applied as S3 does it, for servers that have none. */

import type { CorsRule } from 'tiered-storage';
import type { Passing, Proxy, Reply } from './proxy.js';

/** Has a proxy let pages in as the rules say. */
export function applyRules(proxy: Proxy, rules: CorsRule[]): void {
  proxy.preflight = (passing) => preflight(rules, passing);
  proxy.headers = (headers, { headers: asked, method }) => {
    const rule = findRule(rules, asked.origin, method);
    return rule ? { ...headers, ...shown(rule, asked.origin) } : headers;
  };
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
