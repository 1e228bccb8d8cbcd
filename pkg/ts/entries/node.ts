/** The entry for Node and Bun. */

import { readFile } from 'node:fs/promises';
import { startFrom } from './start.js';

startFrom(async () => {
  try {
    return await readFile(new URL('./tiers.wasm', import.meta.url));
  } catch {
    // A bundler moved this code away from the file, but took the text along.
    return (await import('./text.js')).unpacked();
  }
});

export * from '../index.js';
export type { DiskOptions } from '../disk.js';
export { DiskStorageTier } from '../disk.js';
