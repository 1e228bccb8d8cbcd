/** What is shown, as the part of the URL behind `#`: it can be linked to, and the back button works. */

import { folderOf } from './catalog.js';
import { Cell } from './cell.js';

export type Route =
  | { readonly page: 'folder'; readonly prefix: string }
  | { readonly page: 'entry'; readonly key: string }
  | { readonly page: 'inside' };

const encode = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

export const INSIDE_LINK = '#/inside';
export const folderLink = (prefix: string): string => `#/browse/${encode(prefix)}`;
export const entryLink = (key: string): string => `#/view/${encode(key)}`;

export function parseRoute(hash: string): Route {
  if (hash === INSIDE_LINK) return { page: 'inside' };
  const [, page, path = ''] = /^#\/(browse|view)\/(.*)$/s.exec(hash) ?? [];
  try {
    const name = path.split('/').map(decodeURIComponent).join('/');
    if (page === 'view' && name) return { page: 'entry', key: name };
    return { page: 'folder', prefix: page === 'browse' ? name : '' };
  } catch {
    return { page: 'folder', prefix: '' };
  }
}

/** The folder that a route is in. */
export const prefixOf = (route: Route): string => (route.page === 'folder' ? route.prefix : route.page === 'entry' ? folderOf(route.key) : '');

export const route = new Cell<Route>(parseRoute(location.hash));
addEventListener('hashchange', () => (route.value = parseRoute(location.hash)));
