/** The entry for edge runtimes that take modules by the suffix `?module`. */

import module from './tiers.wasm?module';
import { startFrom } from './start.js';

startFrom(() => module);

export * from '../index.js';
