/** The module as text, a file of its own: most entries bring it along, and Node's only if it needs it. */

import { text } from '#text';
import { gunzip } from './gunzip.js';
import { join } from './join.js';

/** The module's bytes: decoded from base64, unpacked, and put together. */
export async function unpacked(): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  if (typeof DecompressionStream === 'undefined') return join(gunzip(packed));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return join(new Uint8Array(await new Response(stream).arrayBuffer()));
}
