/** Bodies in pieces: from what JavaScript knows as such, and to it. */

import { StorageError, attempt, invalid, said } from './errors.js';
import type { Pieces } from './port.js';

/** Larger values are written piece by piece. */
const WHOLE_BYTES_MAX = 2 ** 20;
/** How much of a `Blob` is read at once. */
const PIECE_BYTES = 2 ** 20;

const encoder = new TextEncoder();

/** What a stream, an iterator or a blob gives. */
interface Chunks {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  end(): unknown;
}

/** A stream, or more bytes than are written at once, in pieces; `undefined` for any other value. */
export function largePieces(value: unknown, key: string): Pieces | undefined {
  const isLarge = (): boolean => isStream(value) || (isBlob(value) && value.size > WHOLE_BYTES_MAX);
  return attempt(isLarge, 'the value cannot be stored', key) ? toPieces(value, key) : undefined;
}

/**
 * The bytes of a stream, an async iterable or a `Blob`, in pieces that nobody else has. Fails as `invalid` for anything
 * else, and for chunks that are not bytes or text; as `unavailable` where the stream does.
 */
export function toPieces(body: unknown, key?: string): Pieces {
  const chunks = attempt(() => chunksOf(body), 'the stream cannot be read', key);
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    // What comes of it is its owner's.
    void new Promise((done) => done(chunks.end())).catch(() => undefined);
  };
  return {
    async next() {
      for (;;) {
        const { done, value } = await chunks.next().catch((cause: unknown) => {
          throw new StorageError('unavailable', `the stream that was to be stored failed, and nothing was written${said(cause)}`, { key, cause });
        });
        if (done) {
          isOver = true;
          return undefined;
        }
        const piece = attempt(() => toPiece(value), 'the stream cannot be read', key);
        if (!piece) throw invalid('a stream of bytes is needed; this one has a chunk of something else', key);
        if (piece.length) return piece;
      }
    },
    cancel: end,
  };
}

/** The bytes of pieces, as one. */
export async function gathered(pieces: Pieces): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  try {
    for (let piece = await pieces.next(); piece; piece = await pieces.next()) all.push(piece);
  } finally {
    pieces.cancel();
  }
  return joined(all);
}

/** Pieces as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A body that is there already, as pieces. */
export function atOnce(body: Uint8Array): Pieces {
  let left: Uint8Array | undefined = body;
  const cancel = (): void => void (left = undefined);
  return {
    next() {
      const piece = left;
      cancel();
      return piece;
    },
    cancel,
  };
}

/** A stream of copies of pieces, each asked for when it is read. The signal of `call` ends it by its reason; it holds `call`. */
export function toReadable(pieces: Pieces, call: { readonly signal?: AbortSignal | undefined }): ReadableStream<Uint8Array> {
  let release = (): void => pieces.cancel();
  const source = {
    start(controller: ReadableStreamDefaultController | ReadableByteStreamController): void {
      const { signal } = call;
      if (!signal) return;
      const stop = (): void => {
        release();
        controller.error(signal.reason);
      };
      const cancel = release;
      release = () => {
        call.signal?.removeEventListener('abort', stop);
        cancel();
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop);
    },
    async pull(controller: ReadableStreamDefaultController | ReadableByteStreamController): Promise<void> {
      try {
        let piece = await pieces.next();
        while (piece && !piece.length) piece = await pieces.next();
        if (piece) {
          controller.enqueue(piece.slice());
          return;
        }
      } catch (error) {
        release();
        // An error that the signal brought is there first, and stays.
        throw StorageError.from(error, 'the read failed', undefined, 'internal');
      }
      release();
      controller.close();
      // Who lent a buffer has it back.
      if ('byobRequest' in controller) controller.byobRequest?.respond(0);
    },
    cancel: () => release(),
  };
  try {
    return new ReadableStream({ ...source, type: 'bytes' } as UnderlyingByteSource);
  } catch {
    // Not every runtime has streams that fill the reader's buffer.
    return new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
  }
}

function chunksOf(body: unknown): Chunks {
  if (isBlob(body)) return chunksOfBlob(body);
  if (isStream(body)) {
    const reader = body.getReader();
    return { next: () => reader.read(), end: () => reader.cancel() };
  }
  const iterate = (body as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator];
  if (typeof iterate !== 'function') throw invalid('a stream of bytes is needed: a ReadableStream, an async iterable or a Blob');
  const iterator = iterate.call(body as AsyncIterable<unknown>);
  return { next: async () => iterator.next(), end: () => iterator.return?.() };
}

function chunksOfBlob(blob: Blob): Chunks {
  let at = 0;
  return {
    async next() {
      if (at >= blob.size) return { done: true };
      const chunk = blob.slice(at, at + PIECE_BYTES);
      at += PIECE_BYTES;
      return { value: new Uint8Array(await chunk.arrayBuffer()) };
    },
    end() {},
  };
}

/** A chunk as bytes of our own: a stream may use its buffer again. */
function toPiece(chunk: unknown): Uint8Array | undefined {
  return typeof chunk === 'string' ? encoder.encode(chunk) : copyOf(chunk);
}

/** The bytes of a view or a buffer; `undefined` for any other value. */
export function copyOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice();
  }
  const isBuffer = value instanceof ArrayBuffer;
  const isShared = typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer;
  return isBuffer || isShared ? new Uint8Array(value).slice() : undefined;
}

export function isBlob(value: unknown): value is Blob {
  return typeof Blob === 'function' && value instanceof Blob;
}

export function isStream(value: unknown): value is ReadableStream<unknown> {
  return typeof ReadableStream === 'function' && value instanceof ReadableStream;
}
