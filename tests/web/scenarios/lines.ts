/** Lines of metadata: what a tier stores beside a body, written and read by the core itself. */

import { StorageError } from 'tiered-storage';
import start, { describe as rawDescribe, factsOf as rawFactsOf, inscribe as rawInscribe } from '#glue';
import { linesOf } from '../../../pkg/ts/lines.js';
import type { Facts } from '../../../pkg/ts/port.js';
import type { RawError, RawMetadata } from '../../../pkg/ts/wasm.js';

const core = linesOf({ describe: rawDescribe, factsOf: rawFactsOf, inscribe: rawInscribe });

/** Loads a core beside the one of the package. These three functions keep nothing. */
export async function loadLines(module: BufferSource | string): Promise<void> {
  await start({ module_or_path: module });
}

/** What a line says; times in ms since 1970. */
export function describe(key: string, line: string): RawMetadata {
  return raised(() => core.describe(key, line));
}

/** The line of what is bytes. */
export function inscribe(key: string, metadata: RawMetadata): string {
  return raised(() => core.inscribe(key, metadata).line);
}

export function factsOf(key: string, line: string): Facts {
  return raised(() => core.factsOf(key, line));
}

/** What the body of a line's entry is: 0 bytes, 1 JSON, 2 of a user's own serializer. */
export function contentOf(line: string): 0 | 1 | 2 {
  const content = /;k=([jc])(?:;|$)/.exec(line)?.[1];
  return content === 'j' ? 1 : content === 'c' ? 2 : 0;
}

/** A line of bytes, for what is JSON: the contract's metadata does not say which it is. */
export function withContent(line: string, content: 0 | 1): string {
  return content === 1 ? `${line};k=j` : line;
}

function raised<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!Array.isArray(error)) throw error;
    const [kind, message, , key] = error as RawError;
    throw new StorageError(kind as StorageError['kind'], message, { key });
  }
}
