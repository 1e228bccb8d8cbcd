/** Bodies on their way into a cache and out of it. */

import { StorageError } from '../errors.js';
import type { Pieces, Source, Stage } from '../port.js';

/** Who stages a body for longer is gone, in ms. */
const STAGING_MS = 86_400_000;

/** What a body is staged under: it starts with the time, in ms since 1970. */
export function newStage(): string {
  return `s${Date.now()}-${Math.random()}`;
}

/** Whether something was staged by somebody who is gone. */
export function isLeft(name: string): boolean {
  return name.startsWith('s') && Number.parseInt(name.slice(1), 10) < Date.now() - STAGING_MS;
}

/** Headers for what is stored for so long, in ms: workerd keeps nothing without a time. */
export function lasting(ms: number): Record<string, string> {
  const seconds = Math.min(Math.max(ms / 1000, 1), 31_536_000);
  return { 'content-type': 'application/octet-stream', 'cache-control': `max-age=${Math.ceil(seconds)}` };
}

/** What a cache threw at a write. */
export function refused(key: string, cause: unknown): unknown {
  const isFull = cause instanceof Error && cause.name === 'QuotaExceededError';
  return isFull ? new StorageError('full', 'the quota of this origin is used up', { key, cause }) : cause;
}

/** A body as it is read. */
export class CachePieces implements Pieces {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** How many bytes were given, and what of the piece that was read last was not. */
  #at = 0;
  #rest: Uint8Array | undefined;

  constructor({ body }: Response) {
    this.#reader = body?.getReader();
  }

  get at(): number {
    return this.#at;
  }

  async next(): Promise<Uint8Array | undefined> {
    const piece = this.#rest ?? (await this.#reader?.read())?.value;
    this.#rest = undefined;
    this.#at += piece?.length ?? 0;
    return piece;
  }

  /** Passes over what is before `start`, and gives what is before `end`; `undefined` if the body ends before. */
  async read(start: number, end: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(end - start);
    while (this.#at < end) {
      const from = this.#at;
      const piece = await this.next();
      if (!piece) return undefined;
      bytes.set(piece.subarray(Math.max(start - from, 0), Math.max(end - from, 0)), Math.max(from - start, 0));
      if (this.#at > end) this.#rest = piece.subarray(end - from);
      this.#at = Math.min(this.#at, end);
    }
    return bytes;
  }

  cancel(): void {
    void this.#reader?.cancel().catch(() => undefined);
  }
}

/** Brings a body into a cache under another name, since it is to be stored with what is known only at its end. */
export class CacheStage implements Stage {
  readonly #cache: Cache;
  readonly #url: string;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #put: Promise<void>;
  #size = 0;
  #isOver = false;

  constructor(cache: Cache, key: string, url: string) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#cache = cache;
    this.#url = url;
    this.#writer = writable.getWriter();
    this.#put = cache.put(url, new Response(readable, { headers: lasting(STAGING_MS) })).catch((cause: unknown) => {
      // Nobody reads what is still to be written.
      void this.#writer.abort(cause).catch(() => undefined);
      throw refused(key, cause);
    });
    this.#put.catch(() => undefined);
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#size += piece.length;
    await this.#telling(this.#writer.write(piece));
  }

  async finish(): Promise<Source> {
    await this.#telling(this.#writer.close());
    await this.#put;
    this.#isOver = true;
    return new CacheSource(this.#cache, this.#url, this.#size);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#writer.abort().catch(() => undefined);
    void this.#put.then(() => this.#cache.delete(this.#url)).catch(() => undefined);
  }

  /** What failed the stream is told by what took it. */
  async #telling(work: Promise<void>): Promise<void> {
    await work.catch(async (error: unknown) => {
      await this.#put;
      throw error;
    });
  }
}

/** A body that lies ready in a cache. */
export class CacheSource implements Source {
  readonly size: number;
  readonly #cache: Cache;
  readonly #url: string;
  /** A reading that goes on where it stopped: nothing else than the start of a body can be asked for. */
  #reading: CachePieces | undefined;

  constructor(cache: Cache, url: string, size: number) {
    this.#cache = cache;
    this.#url = url;
    this.size = size;
  }

  /** All of it. */
  async open(): Promise<Response> {
    const found = await this.#cache.match(this.#url);
    if (!found) throw new StorageError('unavailable', 'what was staged of the body is gone; write it again');
    return found;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    let reading = this.#reading;
    this.#reading = undefined;
    if (reading && reading.at > start) {
      reading.cancel();
      reading = undefined;
    }
    reading ??= new CachePieces(await this.open());
    const bytes = await reading.read(start, end);
    this.#keep(reading);
    if (!bytes) throw new StorageError('unavailable', 'what was staged of the body is gone; write it again');
    return bytes;
  }

  cancel(): void {
    this.#keep(undefined);
    void this.#cache.delete(this.#url).catch(() => undefined);
  }

  #keep(reading: CachePieces | undefined): void {
    this.#reading?.cancel();
    this.#reading = reading;
  }
}

/** What lies ready elsewhere, as a stream. */
export function streamOf(source: Source, pieceBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (at >= source.size) return controller.close();
        const end = Math.min(at + pieceBytes, source.size);
        controller.enqueue(await source.read(at, end));
        at = end;
      },
    },
    { highWaterMark: 0 },
  );
}
