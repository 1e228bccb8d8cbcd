/** The faults, how an operation may end by each of them, and all cells of the matrix. */

import type { RequestKind } from '../../scenarios/server.js';
import type { Cell, Ending, Often } from './cell.js';
import { type Trouble, isOfWire } from './names.js';
import { type At, BROKEN_OFF, OPERATIONS, type Operation, STAGED, STREAMED, UNTRIED } from './steps.js';
import type { Layout } from './world.js';

/** How an operation ends by a fault that comes once, and by one that stays. Answers to `HEAD` have no body to say more. */
interface Ends {
  readonly once: string;
  readonly always: string;
  readonly head?: { readonly once: string; readonly always: string };
}

const PASSING: Ends = { once: 'ok', always: 'unavailable' };

const FAULTS: Partial<Record<Trouble, Ends>> = {
  slowDown: PASSING,
  internalError: PASSING,
  errorIn200: PASSING,
  truncate: PASSING,
  hang: PASSING,
  dropBefore: PASSING,
  dropAfter: PASSING,
  conflict: { once: 'ok', always: 'conflict', head: { once: 'invalid', always: 'invalid' } },
  requestTimeout: { once: 'ok', always: 'unavailable', head: { once: 'ok', always: 'invalid' } },
  expiredToken: { once: 'ok', always: 'denied', head: { once: 'ok', always: 'invalid' } },
  accessDenied: { once: 'denied', always: 'denied', head: { once: 'ok', always: 'denied' } },
  notImplemented: { once: 'invalid', always: 'invalid', head: { once: 'unavailable', always: 'unavailable' } },
  redirect: { once: 'invalid', always: 'invalid', head: { once: 'ok', always: 'invalid' } },
  keyDenied: { once: 'denied', always: 'denied' },
  keyBusy: PASSING,
  cutStatus: PASSING,
  cutHead: PASSING,
  cutLate: PASSING,
  cutBody: PASSING,
  lastByte: PASSING,
  shortened: PASSING,
  flipped: { once: 'corrupt', always: 'corrupt' },
  login: PASSING,
  unread: PASSING,
  tooEarly: PASSING,
};

const NAMES = Object.keys(FAULTS) as Trouble[];
/** Of the server. */
export const FAULT_NAMES = NAMES.filter((name) => !isOfWire(name));

/** Answers to these have no body that could be cut. */
const BODILESS: readonly RequestKind[] = ['head', 'put', 'delete', 'uploadPart', 'abort'];

/** Answers to these name a version, which rules of CORS may hide from a page. */
const NAMING: readonly RequestKind[] = ['get', 'head', 'put', 'uploadPart'];

/** These end an answer in its body. */
const ENDING: readonly Trouble[] = ['truncate', 'cutBody', 'lastByte', 'shortened'];

/** How the cell must end; in a page, which is not told all that Node is. */
export function expected({ operation, at: [kind, which], fault, often }: Cell, isPage: boolean): string {
  // It looks like an object whose ETag the rules of CORS hide; and where a redirect leads, a page is never told.
  if (isPage && ((fault === 'errorIn200' && kind === 'get') || (UNEXPLAINED.includes(fault) && kind === 'head'))) return 'invalid';
  if (isPage && fault === 'login' && NAMING.includes(kind)) return 'invalid';
  // What there is of a head says that it is done, which is all there is to know.
  if (isPage && fault === 'cutLate' && kind !== 'head' && BODILESS.includes(kind)) return 'ok';
  if (operation === 'setStream, given up') return 'denied';
  // It breaks off twice without much progress in between, which is one time too many.
  if (operation === BROKEN_OFF && fault === 'truncate') return 'unavailable';
  // Trying out a condition is refused, and that is told in a body.
  if (operation === UNTRIED && ENDING.includes(fault) && fault !== 'shortened' && often === 'always' && kind === 'put') return 'unavailable';
  if (which === 'untold' || (ENDING.includes(fault) && BODILESS.includes(kind))) return 'ok';
  // It is what it says that it is, and not what was written; an answer that is S3's own document is no whole one.
  if (fault === 'shortened' && kind === 'get') return operation === 'getRange' ? 'unavailable' : 'corrupt';
  // What was touched is another version meanwhile, which keeps its own expiry.
  if (kind === 'copy' && operation === 'touch' && fault === 'conflict') return 'ok';
  // Where keys cannot be removed together, they are removed one by one.
  if (kind === 'deleteObjects' && fault === 'notImplemented') return 'ok';
  const ends = FAULTS[fault];
  return (kind === 'head' && ends?.head ? ends.head : ends)?.[often === 'always' ? often : 'once'] ?? 'none';
}

/** What Node can look into further, and a page cannot. */
const UNEXPLAINED: readonly Trouble[] = ['errorIn200', 'redirect'];

/** The rounds of `update`, and what each of them takes. */
const UPDATE_REQUESTS = 32 * 4;

/** How many requests it may send: each of them twice, one more to see what became of it, and a removal of what is left. */
export function requestsMax({ requests, name }: Operation, { fault }: Cell): number {
  return name === 'update' && fault === 'conflict' ? UPDATE_REQUESTS : 2 * requests + 3;
}

/** The faults that come once, once at each of the requests, and always. */
type Chosen = Readonly<Partial<Record<Often, readonly Trouble[]>>>;

/** Which faults operations meet: those whose bodies come and go in several requests take a while, and meet fewer. */
export interface Selection {
  readonly small: Chosen;
  readonly staged: Chosen;
  readonly parted: Chosen;
}

/** The cells of a selection, fault by fault. Faults that come once meet all tiers, and those that stay cold alone. */
export function cellsOf({ small, staged, parted }: Selection): Map<Trouble, Cell[]> {
  const layouts: [Often, Layout][] = [
    ['once', 'three'],
    ['each', 'three'],
    ['always', 'cold'],
  ];
  const takes = ({ fault, often, at: [kind] }: Cell, { size = 0, name }: Operation): boolean => {
    const isOfKeys = fault === 'keyDenied' || fault === 'keyBusy';
    const chosen = size <= STREAMED ? small : size <= STAGED ? staged : parted;
    const isMet = kind === 'deleteObjects' || !isOfKeys;
    return chosen[often]?.includes(fault) === true && isMet && canMeet(fault, kind, name);
  };
  const ofFault = (fault: Trouble): Cell[] =>
    OPERATIONS.flatMap((operation) => {
      const { name, layout } = operation;
      const at = (at: At): Cell[] => layouts.map(([often, usual]) => ({ operation: name, at, fault, often, layout: layout ?? usual }));
      const isFirst = ({ at, often }: Cell): boolean => often !== 'each' || at === operation.at[0];
      return operation.at.flatMap(at).filter((cell) => isFirst(cell) && takes(cell, operation));
    });
  return new Map(NAMES.map((fault) => [fault, ofFault(fault)]));
}

/** Whether a fault of the wire can be told there: a part of a body has no checksum, few requests have a body, and what is
 * broken off already cannot be broken off otherwise. */
function canMeet(fault: Trouble, kind: RequestKind, name: string): boolean {
  if (!isOfWire(fault)) return true;
  if (name === BROKEN_OFF) return false;
  if (fault === 'flipped') return kind === 'get' && name !== 'getRange';
  return !(fault === 'unread' || fault === 'tooEarly') || kind === 'put' || kind === 'uploadPart';
}

/** What is wrong with how a cell ended, in a line. */
export function complaint(cell: Cell, { ending, sent, problem }: Ending, isPage = false): string | undefined {
  const operation = OPERATIONS.find(({ name }) => name === cell.operation);
  const max = operation ? requestsMax(operation, cell) : 0;
  const wanted = expected(cell, isPage);
  const wrong = problem ?? (ending !== wanted ? `it must end as ${wanted}` : sent > max ? `it may take ${max}` : undefined);
  const { at, fault, often, layout } = cell;
  return wrong && `${cell.operation}, ${fault} ${often} at ${at.join(' of ')}, ${layout}: ${ending} after ${sent} requests: ${wrong}`;
}
