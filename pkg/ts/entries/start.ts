/** Starts the module, once an entry has said where it is. */

import start, { Policy, S3, Storage, describe, factsOf, inscribe, order } from '#glue';
import { StorageError } from '../errors.js';
import { linesOf } from '../lines.js';
import { useLoader } from '../wasm.js';

/** The module: compiled, as bytes, as a response that carries it, or the URL of one. */
export type ModuleSource = WebAssembly.Module | ArrayBuffer | ArrayBufferView | Response | URL;

/** Has the module started from what `find` gives, when it is first needed. What failed is tried again by the next caller. */
export function startFrom(find: () => ModuleSource | Promise<ModuleSource>): void {
  useLoader(async () => {
    try {
      await start({ module_or_path: await find() });
    } catch (error) {
      throw StorageError.from(error, 'the WebAssembly module cannot be started');
    }
    return { Policy, S3, Storage, order, ...linesOf({ describe, factsOf, inscribe }) };
  });
}
