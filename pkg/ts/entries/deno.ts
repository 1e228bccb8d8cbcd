/** The entry for Deno, where reading the module's file would need a permission. */

import { startFrom } from './start.js';
import { unpacked } from './text.js';

startFrom(unpacked);

export * from '../index.js';
export type { DiskOptions } from '../disk.js';
export { DiskStorageTier } from '../disk.js';
