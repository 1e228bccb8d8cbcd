/** The module as text, a file of its own: most entries bring it along, and Node's only if it needs it. */

import { text } from '#text';
import { gunzip } from './gunzip.js';

/** The module's bytes: decoded from base64, then unpacked. */
export async function unpacked(): Promise<ArrayBuffer | Uint8Array> {
  const packed = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  if (typeof DecompressionStream === 'undefined') return gunzip(packed);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}
