/** The module as text, a file of its own: most entries bring it along, and Node's only if it needs it. */

import { text } from '#text';
import { unpack } from './unpack.js';

/** The module's bytes: decoded from base64, then unpacked. */
export function unpacked(): Uint8Array<ArrayBuffer> {
  return unpack(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}
