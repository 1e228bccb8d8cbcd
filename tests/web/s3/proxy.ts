/** What stands between a client and an S3 server: it counts, and answers in the server's place when it is told to. */

import { createServer, request as ask, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Passing {
  readonly method: string;
  /** As it came, with its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** In the server's place; without a status the connection is cut, and without an end the answer never comes. */
export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  never?: true;
}

/** An answer of the server's, with its headers as they came: names and values by turns. */
export interface Answered {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export class Proxy implements AsyncDisposable {
  readonly passed: Passing[] = [];
  /** What is said instead of passing a request on. */
  answer: (passing: Passing) => Reply | undefined = () => undefined;
  /** What a browser that asks whether it may send a request is told instead of what the server would say. */
  preflight: (passing: Passing) => Reply | undefined = () => undefined;
  /** Whose answers are lost: the server has done what was asked, and nobody is told. */
  isLost: (passing: Passing) => boolean = () => false;
  /** What becomes of the headers of the server's answers. */
  headers: (headers: IncomingHttpHeaders, passing: Passing) => IncomingHttpHeaders = (headers) => headers;
  /** What is said, before it has its body, to who asks something, and then the connection is closed. */
  early: (passing: Passing) => string | undefined = () => undefined;
  /** What leaves, byte by byte, in place of an answer of the server's to this request and body. Then the connection is closed. */
  bytes: (passing: Passing, asked: Buffer) => ((answered: Answered) => Buffer) | undefined = () => undefined;
  /** What an answer of the server's waits for. */
  hold: (passing: Passing) => Promise<void> | undefined = () => undefined;
  readonly #server = createServer((request, response) => {
    // Clients leave in the middle of what they ask for.
    this.#pass(request, response).catch(() => request.socket.destroy());
  });
  readonly #target: URL;

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((done) => proxy.#server.listen(0, '127.0.0.1', done));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers the first `times` requests that `matches` takes. */
  once(reply: Reply, matches: (passing: Passing) => boolean = () => true, times = 1): void {
    let left = times;
    this.answer = (passing) => (left > 0 && matches(passing) && left-- > 0 ? reply : undefined);
  }

  /** What was asked for since last asked, such as `GET /bucket/key`. */
  take(): string[] {
    return this.passed.splice(0).map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const passing = { method, path, headers };
    const early = method === 'OPTIONS' ? undefined : this.early(passing);
    if (early !== undefined) return close(request.socket, early);
    const asked = await gathered(request);
    if (method !== 'OPTIONS') this.passed.push(passing);
    const reply = method === 'OPTIONS' ? this.preflight(passing) : this.answer(passing);
    if (reply?.never) return;
    if (reply && reply.status === undefined) return void request.socket.destroy();
    if (reply) {
      response.writeHead(reply.status ?? 200, reply.headers).end(reply.body);
      return;
    }
    const bytes = method === 'OPTIONS' ? undefined : this.bytes(passing, asked);
    const { hostname, port } = this.#target;
    const handOn = async (answer: IncomingMessage): Promise<void> => {
      if (this.isLost(passing)) return void request.socket.destroy();
      if (bytes) {
        const answered = { status: answer.statusCode ?? 500, headers: answer.rawHeaders, body: await gathered(answer) };
        return close(request.socket, bytes(answered));
      }
      await this.hold(passing);
      response.writeHead(answer.statusCode ?? 500, this.headers(answer.headers, passing));
      answer.pipe(response);
    };
    // The host that the client wrote stays, since the signature covers it.
    const passed = ask({ hostname, port, method, path, headers }, (answer) => void handOn(answer).catch(() => request.socket.destroy()));
    passed.on('error', () => request.socket.destroy());
    passed.end(asked);
  }
}

/** Sends what is left to be said. */
function close(socket: Socket, last: string | Buffer): void {
  socket.write(last);
  socket.destroySoon();
}

async function gathered(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
