/** The work, in a page. */

import { type Peer, WORK } from './work.js';

export async function work(name: string, peer: Peer): Promise<void> {
  await WORK[name]?.(peer);
}
