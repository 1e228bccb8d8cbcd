/** Faults by their names. */

import type { FaultName } from '../../scenarios/server.js';

/** Of the wire: answers that end too soon, or are not the server's, and what is said before it was all asked. */
export const WIRE_NAMES = [
  'cutStatus',
  'cutHead',
  'cutLate',
  'cutBody',
  'lastByte',
  'shortened',
  'flipped',
  'login',
  'unread',
  'tooEarly',
] as const;

export type WireName = (typeof WIRE_NAMES)[number];

/** Of the server, or of the wire to it. */
export type Trouble = FaultName | WireName;

export function isOfWire(fault: Trouble): fault is WireName {
  return (WIRE_NAMES as readonly string[]).includes(fault);
}
