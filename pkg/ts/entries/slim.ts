/** The entry without a module: the program hands one in. */

import { StorageError } from '../errors.js';
import { useLoader, wasm } from '../wasm.js';
import { startFrom, type ModuleSource } from './start.js';

useLoader(() => {
  throw new StorageError('invalid', 'call init() with the WebAssembly module before anything else');
});

/**
 * Starts the package with its module, `tiered-storage/tiers.wasm`. Once it has started, further calls do nothing.
 *
 * @throws StorageError (`unavailable`) if the module cannot be compiled or is not the one of this version.
 */
export async function init(source: ModuleSource | Promise<ModuleSource>): Promise<void> {
  startFrom(() => source);
  await wasm();
}

export type { ModuleSource };
export * from '../index.js';
