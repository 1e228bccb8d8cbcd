/** A service worker with a shell, whose version the query of its URL says. */

import { IndexedDBStorageTier, TieredStorage } from 'tiered-storage';
import { sandboxed, serve } from 'tiered-storage/sw';

const version = new URLSearchParams(location.search).get('version') ?? '';
let opened: Promise<TieredStorage> | undefined;

serve({
  base: '/media/',
  storage: () => (opened ??= TieredStorage.open({ tiers: { cold: new IndexedDBStorageTier({ evictionPolicy: 'none' }) } })),
  headers: sandboxed,
  shell: { name: 'app', version, files: ['/', '/text.txt'], navigate: '/' },
});
