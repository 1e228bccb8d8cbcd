/** What goes wrong between a client and a server that is right: answers end too soon, are others, or come too early. */

import type { Obey, Order, Place, RequestKind, RunningServer, Shown } from '../../scenarios/server.js';
import { type Answered, type Passing, Proxy } from '../proxy.js';
import type { WireName } from './names.js';

/** An order that the wire itself obeys; any request of a kind that names a text; without `times`, always. */
export interface WireOrder {
  order: 'wire';
  fault: WireName;
  on: RequestKind;
  naming: string;
  times?: number;
}

/** What becomes of an answer: which bytes of it, or others. */
type Change = (head: string, body: Buffer) => Buffer;

/** The page on which a network asks who is there: it lets in pages of any origin, and shows them its headers. */
const LOGIN = '<!doctype html><title>Log in</title>';
const LOGIN_HEAD = [
  'HTTP/1.1 200 OK',
  'access-control-allow-origin: *',
  'access-control-expose-headers: *',
  `date: ${new Date(0).toUTCString()}`,
  'content-type: text/html',
  'connection: close',
  `content-length: ${LOGIN.length}`,
  '',
  '',
].join('\r\n');

const CHANGES: Partial<Record<WireName, Change>> = {
  cutStatus: (head) => Buffer.from(head.slice(0, 'HTTP/1'.length)),
  /** In the first header. */
  cutHead: (head) => Buffer.from(head.slice(0, head.indexOf('\r\n') + 8)),
  /** Without the last two headers: how long the body is, and what the library says of it. */
  cutLate: (head) => Buffer.from(head.split('\r\n').slice(0, -4).join('\r\n') + '\r\n'),
  cutBody: (head) => Buffer.from(head),
  lastByte: (head, body) => Buffer.concat([Buffer.from(head), body.subarray(0, -1)]),
  /** As if that were all of it. */
  shortened: (head, body) => {
    const half = body.subarray(0, Math.floor(body.length / 2));
    return Buffer.concat([Buffer.from(head.replace(/^(content-length): \d+/im, `$1: ${half.length}`)), half]);
  },
  flipped: (head, body) => {
    const flipped = Buffer.from(body);
    const at = body.length >> 1;
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    return Buffer.concat([Buffer.from(head), flipped]);
  },
  login: () => Buffer.from(LOGIN_HEAD + LOGIN),
};

/** What is said before the body of a request has come. */
const EARLY: Partial<Record<WireName, string>> = {
  unread: '',
  tooEarly: 'HTTP/1.1 503 Slow Down\r\naccess-control-allow-origin: *\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
};

interface Rule extends WireOrder {
  left: number;
}

/** The wire to a server: what is told to it, and the rest to the server. */
export class Wire implements AsyncDisposable {
  readonly place: Place;
  readonly #proxy: Proxy;
  readonly #server: RunningServer;
  #rules: Rule[] = [];
  #fired: string[] = [];

  private constructor(server: RunningServer, proxy: Proxy) {
    this.#server = server;
    this.#proxy = proxy;
    this.place = { ...server.place, endpoint: proxy.endpoint };
    proxy.early = (passing) => {
      const rule = this.#take(passing, '', (fault) => fault in EARLY);
      return rule && EARLY[rule];
    };
    proxy.bytes = (passing, asked) => {
      const rule = this.#take(passing, asked.toString('latin1'), (fault) => fault in CHANGES);
      const change = rule && CHANGES[rule];
      return change && ((answered) => change(headOf(answered), answered.body));
    };
  }

  static async start(server: RunningServer): Promise<Wire> {
    return new Wire(server, await Proxy.start(server.place.endpoint));
  }

  readonly obey: Obey<WireOrder> = async <R>(order: Order | WireOrder): Promise<R> => {
    if (order.order === 'wire') {
      this.#rules.push({ ...order, left: order.times ?? Infinity });
      return null as R;
    }
    const answer = await this.#server.obey<R>(order);
    if (order.order === 'clear') this.#rules = this.#rules.filter(({ naming }) => !naming.startsWith(order.naming));
    if (order.order !== 'show') return answer;
    const shown = answer as Shown;
    const fired = this.#fired.filter((naming) => naming.startsWith(order.prefix)).length;
    return { ...shown, fired: shown.fired + fired, firedInAll: shown.firedInAll + this.#fired.length } as R;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
  }

  /** What befalls a request, by the first rule for it. */
  #take(passing: Passing, body: string, isWanted: (fault: WireName) => boolean): WireName | undefined {
    const [kind, target] = [kindOf(passing), targetOf(passing, body)];
    const rule = this.#rules.find(({ fault, on, naming, left }) => left > 0 && on === kind && isWanted(fault) && target.includes(naming));
    if (!rule) return undefined;
    rule.left -= 1;
    this.#fired.push(rule.naming);
    return rule.fault;
  }
}

/** The head of an answer, with what a page needs first, and last what its body is. */
function headOf({ status, headers }: Answered): string {
  const lines: [rank: number, line: string][] = [[1, 'connection: close']];
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    const rank = /^(content-length|x-amz-meta-tiered-storage)$/i.test(name) ? 2 : /^(access-control-|etag|date)/i.test(name) ? 0 : 1;
    lines.push([rank, `${name}: ${value}`]);
  }
  lines.sort(([left], [right]) => left - right);
  return [`HTTP/1.1 ${status} OK`, ...lines.map(([, line]) => line), '', ''].join('\r\n');
}

function kindOf({ method, path, headers }: Passing): RequestKind {
  const query = new URL(path, 'http://localhost').searchParams;
  const isCopy = headers['x-amz-copy-source'] !== undefined;
  switch (method) {
    case 'GET':
      return query.has('list-type') ? 'list' : 'get';
    case 'PUT':
      return query.has('partNumber') ? (isCopy ? 'copyPart' : 'uploadPart') : isCopy ? 'copy' : 'put';
    case 'POST':
      return query.has('delete') ? 'deleteObjects' : query.has('uploads') ? 'createMultipart' : 'complete';
    case 'DELETE':
      return query.has('uploadId') ? 'abort' : 'delete';
    default:
      return 'head';
  }
}

/** Where a rule's text is looked for, as the server does it: in the key; on a bucket, in the query and the body. */
function targetOf({ path }: Passing, body: string): string {
  const { pathname, search } = new URL(path, 'http://localhost');
  const isOfBucket = pathname.split('/').filter((part) => part).length < 2;
  return isOfBucket ? decodeURIComponent(search.replaceAll('+', ' ')) + body : decodeURIComponent(pathname);
}
