/** Parts of a body. */

import type { ByteRange } from './contract.js';

/** As the core has a range: where it starts and ends; without a start, of how many bytes at the end. */
export function toBounds(range: ByteRange): [start: number | undefined, end: number | undefined] {
  return 'last' in range ? [undefined, range.last] : [range.start, range.end];
}

/** What `toBounds` was given. */
export function toRange(start: number | undefined, end: number | undefined): ByteRange {
  return start === undefined ? { last: end ?? 0 } : { start, end };
}

/** The bytes that these are of a body of `size`; from 0 to 0 if there are none. */
export function extentOf(range: ByteRange, size: number): [start: number, end: number] {
  const [from, to = size] = toBounds(range);
  const start = from ?? Math.max(0, size - to);
  const end = from === undefined ? size : Math.min(to, size);
  return start < end ? [start, end] : [0, 0];
}
