/** A tier in memory that hands bodies out in pieces, takes them in pieces, and goes wrong on demand. */

import { MemoryStorageTier, StorageError, TieredStorage, type ErrorKind, type StorageEvent, type StorageTier } from 'tiered-storage';
import type { Pieces, Port, ReadyEntry, Source, Stage } from '../../../pkg/ts/port.js';
import { PORT } from '../conformance/subject.js';

export const MIB = 2 ** 20;
/** How long a piece is, in bytes. */
export const PIECE_BYTES = 256 * 1024;

type Config = Parameters<typeof TieredStorage.open>[0];

/** What a tier did, and what it is to do. */
export class PieceTier {
  /** Makes the tiers that hold what is written. */
  static make: () => StorageTier = () => new MemoryStorageTier({ durable: true, maxSizeBytes: 512 * MIB });

  readonly tier: StorageTier;
  /** How often a body was opened, read whole, read in part, and written that had not been staged here. */
  opens = 0;
  reads = 0;
  ranges = 0;
  writes = 0;
  /** How many pieces were handed out, of all bodies. */
  pieces = 0;
  /** How many staged bodies and begun readings there are. */
  staged = 0;
  reading = 0;
  /** Which piece of the next body breaks off, and how. */
  breaks: [at: number, kind: ErrorKind] | undefined;
  /** Whether the next body has a bit flipped in its last byte. */
  damages = false;
  /** How many bytes a staged body may have. */
  roomBytes = Infinity;

  constructor(make: () => StorageTier = PieceTier.make) {
    const tier = make();
    const own = Reflect.get(tier, PORT) as (notices: object) => Promise<Port>;
    let port: Promise<Port> | undefined;
    const opened = (): Promise<Port> => (port ??= (async () => this.#port(await own.call(tier, {})))());
    this.tier = Object.defineProperty(tier, PORT, { value: opened });
  }

  forget(): void {
    this.opens = this.reads = this.ranges = this.writes = this.pieces = 0;
  }

  #port(inner: Port): Port {
    const port: Partial<Port> = {
      traits: inner.traits,
      read: (key, unless) => {
        this.reads += 1;
        return inner.read(key, unless);
      },
      readPieces: async (key, unless) => {
        this.opens += 1;
        const found = await (inner.readPieces ?? inner.read).call(inner, key, unless);
        if (!found || found === true) return found;
        if ('pieces' in found) return { pieces: this.#pieces(found.pieces), line: found.line };
        return found.body.length > MIB ? { pieces: this.#pieces(cut(found.body)), line: found.line } : found;
      },
      readRange: (key, range, unless) => {
        this.ranges += 1;
        return inner.readRange?.(key, range, unless);
      },
      writePart: (key, part, facts) => inner.writePart?.(key, part, facts),
      stage: async (key) => this.#stage((await inner.stage?.(key)) as Stage),
      store: (key, { body, line }: ReadyEntry, facts, condition) => {
        const mine = body instanceof Staged ? body.inner : undefined;
        if (!mine) this.writes += 1;
        return inner.store?.(key, { body: mine ?? body, line }, facts, condition);
      },
    };
    const rest = ['head', 'write', 'patch', 'remove', 'removeVersion', 'list', 'usage', 'clear', 'announce', 'accesses', 'close'];
    for (const name of rest) {
      const method = Reflect.get(inner, name) as (...words: unknown[]) => unknown;
      Object.assign(port, { [name]: (...words: unknown[]) => method.apply(inner, words) });
    }
    return port as Port;
  }

  #pieces(inner: Pieces): Pieces {
    const { breaks, damages } = this;
    [this.damages, this.breaks] = [false, undefined];
    this.reading += 1;
    let at = 0;
    let ahead: Uint8Array | undefined;
    return {
      next: async () => {
        if (breaks && at / PIECE_BYTES >= breaks[0]) throw new StorageError(breaks[1], 'the body was told to break off');
        let piece = ahead ?? (await inner.next());
        // Which piece is the last one shows when there is none behind it.
        ahead = damages ? await inner.next() : undefined;
        if (!piece) return undefined;
        if (damages && !ahead) piece = piece.map((byte, at, { length }) => (at === length - 1 ? byte ^ 1 : byte));
        this.pieces += 1;
        at += piece.length;
        return piece;
      },
      cancel: once(() => {
        inner.cancel();
        this.reading -= 1;
      }),
    };
  }

  #stage(inner: Stage): Stage {
    this.staged += 1;
    const room = this.roomBytes;
    let size = 0;
    let isOver = false;
    const cancel = once(() => {
      inner.cancel();
      if (!isOver) this.staged -= 1;
    });
    return {
      write: async (piece) => {
        size += piece.length;
        if (size > room) throw new StorageError('full', 'there is no room');
        await inner.write(piece);
      },
      finish: async () => {
        const source = await inner.finish();
        isOver = true;
        return new Staged(source, once(() => (this.staged -= 1)));
      },
      cancel,
    };
  }
}

/** A body in pieces. */
function cut(body: Uint8Array): Pieces {
  const bytes = body.slice();
  let at = 0;
  return {
    next: async () => (at < bytes.length ? bytes.slice(at, (at += PIECE_BYTES)) : undefined),
    cancel: () => void (at = bytes.length),
  };
}

/** What lies ready in a tier. */
class Staged implements Source {
  readonly inner: Source;
  readonly #end: () => void;

  constructor(inner: Source, end: () => void) {
    this.inner = inner;
    this.#end = end;
  }

  get size(): number {
    return this.inner.size;
  }

  read(start: number, end: number): Uint8Array | Promise<Uint8Array> {
    return this.inner.read(start, end);
  }

  cancel(): void {
    this.inner.cancel();
    this.#end();
  }
}

/** Fails if it is done twice. */
function once(work: () => unknown): () => void {
  let isDone = false;
  return () => {
    if (isDone) throw new Error('it was cancelled twice');
    isDone = true;
    work();
  };
}

/** Hot, and warm and cold that take and give bodies in pieces. */
export class World {
  readonly warm = new PieceTier();
  readonly cold = new PieceTier();
  readonly events: StorageEvent[] = [];
  storage!: TieredStorage<unknown>;

  static async open(config: Partial<Config> = {}): Promise<World> {
    const world = new World();
    const tiers = { hot: new MemoryStorageTier({ maxSizeBytes: MIB }), warm: world.warm.tier, cold: world.cold.tier };
    const onEvent = (event: StorageEvent): void => void world.events.push(event);
    world.storage = await TieredStorage.open({ tiers, onEvent, promotionStrategy: 'eager', ...config });
    return world;
  }

  /** Cold alone has `body` under `key`. */
  async hold(key: string, body: Uint8Array): Promise<void> {
    await this.storage.set(key, body);
    await this.storage.invalidateUpperCaches('');
    this.warm.forget();
    this.cold.forget();
  }

  /** What is left of what was not stored, or not read to its end. */
  get traces(): number {
    return this.warm.staged + this.cold.staged + this.warm.reading + this.cold.reading;
  }

  hears(type: StorageEvent['type'], tier: string): boolean {
    return this.events.some((event) => event.type === type && 'tier' in event && event.tier === tier);
  }
}

/** Waits for nobody that is behind. What is further off than a second does not come. */
export const HASTY = {
  now: () => Date.now(),
  sleep: (ms: number) => new Promise<void>((done) => void (ms < 1_000 && setTimeout(done, 0))),
};

/** Bytes of which no two KiB are alike. */
export function long(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Prose of this many bytes, of which gzip makes a tenth. */
export function prose(size: number): Uint8Array<ArrayBuffer> {
  const line = new TextEncoder().encode('to be or not to be, that is the question: ');
  return Uint8Array.from({ length: size }, (_, at) => line[at % line.length] as number);
}

/** A stream of `body` that counts what is asked of it, and breaks off with `error` at its end where there is one. */
export function counted(body: Uint8Array, error?: Error): { stream: ReadableStream<Uint8Array>; pulls: () => number; isCancelled: () => boolean } {
  let [at, pulls, isCancelled] = [0, 0, false];
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls += 1;
        if (at < body.length) controller.enqueue(body.slice(at, (at += 100_000)));
        else if (error) controller.error(error);
        else controller.close();
      },
      cancel() {
        isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, pulls: () => pulls, isCancelled: () => isCancelled };
}

/** All that a stream gives. */
export async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concatenated(pieces);
    pieces.push(value);
  }
}

export function concatenated(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
