/** The module as text, a file of its own: most entries bring it along, and Node's only if it needs it. */

import { text } from '#text';
import { join } from './join.js';
import { unpack } from './unpack.js';

/** The module's bytes: decoded from base64, unpacked, and put together. */
export function unpacked(): Uint8Array<ArrayBuffer> {
  return join(unpack(Uint8Array.from(atob(text), (char) => char.charCodeAt(0))));
}
