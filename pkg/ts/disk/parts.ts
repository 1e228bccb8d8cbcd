/** Parts of bodies in a file with holes in it, which becomes that of an entry when all parts are there. */

import type { ByteRange } from '../contract.js';
import { Partial, type Run } from '../parts.js';
import type { Facts, StoredPart } from '../port.js';
import { extentOf } from '../ranges.js';
import { OpenFile } from './files.js';
import { HEADS_BYTES } from './record.js';

/** What there is of an entry. That is known here alone, so that nothing of it outlasts the process. */
export class DiskPartial extends Partial {
  readonly path: string;

  constructor(facts: Facts, line: string, path: string) {
    super(facts, line, HEADS_BYTES);
    this.path = path;
  }

  /** Writes what is lacking of a part. */
  async write({ body, start }: StoredPart, lacking: readonly Run[]): Promise<void> {
    const file = await OpenFile.make(this.path);
    try {
      for (const [from, to] of lacking) await file.write(body.subarray(from - start, to - start), HEADS_BYTES + from);
    } finally {
      file.giveUp();
    }
  }

  /** A range; `null` if it is not there as a whole, `undefined` if there is no such file any more. */
  async read(range: ByteRange): Promise<StoredPart | null | undefined> {
    const [start, end] = extentOf(range, this.size);
    const { line } = this;
    if (!this.has(start, end)) return null;
    const file = await OpenFile.open(this.path, 'r');
    try {
      const body = await file?.read(HEADS_BYTES + start, HEADS_BYTES + end);
      return body && { body, line, start };
    } finally {
      file?.giveUp();
    }
  }
}
