/** Files for a page, over HTTP on loopback. */

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

/** What a path answers with: a text, bytes, or all of it. */
export type Served = string | Uint8Array | { body?: string | Uint8Array; status?: number; headers?: Record<string, string> };

/** Finds what a path (without its query) answers with; `undefined` is a 404. */
export type Answer = (path: string, request: IncomingMessage) => Served | undefined | Promise<Served | undefined>;

export interface Site extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly port: number;
  close(): Promise<void>;
}

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Serves on a free port of 127.0.0.1, or on the one that is asked for. */
export async function serve(answer: Answer, port = 0): Promise<Site> {
  const server = createServer((request, response) => {
    const path = decodeURI(new URL(request.url ?? '/', 'http://localhost').pathname);
    Promise.resolve(answer(path, request)).then(
      (served) => {
        const { body = '', status = 200, headers = {} } = whole(served);
        const type = TYPES[extname(path) || '.html'] ?? 'application/octet-stream';
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers });
        response.end(body);
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail).listen(port, '127.0.0.1', done);
  });
  const bound = (server.address() as AddressInfo).port;
  const close = () => closed(server);
  return { origin: `http://127.0.0.1:${bound}`, port: bound, close, [Symbol.asyncDispose]: close };
}

/** Answers with the files of a folder; `/` is its `index.html`. */
export function folder(root: string): Answer {
  return async (path) => {
    const name = normalize(path.endsWith('/') ? `${path}index.html` : path);
    return readFile(join(root, name)).catch(() => undefined);
  };
}

function whole(served: Served | undefined): Exclude<Served, string | Uint8Array> {
  if (served === undefined) return { status: 404, body: 'not found' };
  return typeof served === 'string' || served instanceof Uint8Array ? { body: served } : served;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((done) => server.close(() => done()));
}
