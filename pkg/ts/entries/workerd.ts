/** The entry for workerd, which compiles no text: the module is deployed beside the code. */

import module from './tiers.wasm';
import { startFrom } from './start.js';

startFrom(() => module);

export * from '../index.js';
