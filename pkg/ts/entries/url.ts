/** The entry that compiles the module while it is downloaded, from the file beside this one. */

import { startFrom } from './start.js';

startFrom(() => new URL('./tiers.wasm', import.meta.url));

export * from '../index.js';
