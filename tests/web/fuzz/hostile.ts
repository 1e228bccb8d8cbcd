/** Values of every type that JavaScript has, and objects that do their worst. */

import type { Random } from './random.js';

/** What hostile objects throw: whoever lets it through did not catch it. */
export class Hostile extends Error {
  override get name(): string {
    return 'Hostile';
  }
}

/** What a signal gives as its reason: a call may reject with it. */
export class Reason extends Error {
  override get name(): string {
    return 'Reason';
  }
}

export function strike(): never {
  throw new Hostile('thrown by an argument');
}

type Maker = (random: Random) => unknown;

const PRIMITIVES: Maker[] = [
  () => undefined,
  () => null,
  (random) => random.chance(0.5),
  (random) => random.pick([0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e300, 5e-324]),
  (random) => random.below(1_000),
  (random) => random.pick([0n, -1n, 2n ** 64n]),
  (random) => random.pick([Symbol('s'), Symbol.iterator, Symbol.for('tiered-storage.port')]),
  text,
];

const OBJECTS: Maker[] = [
  () => ({}),
  () => [],
  () => Object.create(null) as object,
  () => Object.freeze({ a: 1 }),
  () => new Date(0),
  () => new Date(NaN),
  () => /x/g,
  () => new Error('an error'),
  () => new Map([['a', 1]]),
  () => new Set([1]),
  () => new WeakMap(),
  () => Promise.resolve('value'),
  () => rejected(),
  () => new AbortController(),
  () => AbortSignal.abort(new Reason('of a signal')),
  () => new URL('http://127.0.0.1:9/'),
  () => function* () {},
  () => class {},
  () => () => undefined,
  () => strike,
  () => async () => strike(),
  () => Object.defineProperty(() => 1, 'length', { value: 'x' }),
  () => new Array(1_000_000),
  (random) => Array.from({ length: 3 }, () => hostile(random, 1)),
  (random) => ({ [text(random)]: hostile(random, 1), key: hostile(random, 1), length: hostile(random, 1) }),
  () => cyclic(),
  () => deep(),
  (random) => many(random.pick([100, 20_000])),
];

const BYTES: Maker[] = [
  (random) => random.bytes(random.pick([0, 1, 100, 5_000])),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => new Float64Array([1, NaN]),
  () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8), 2, 3),
  () => detached(),
  () => detached().buffer,
  () => new DataView(new ArrayBuffer(8)),
  () => shrunken(),
  () => new Uint8Array(300_000).fill(0x61),
  () => Buffer.from('node'),
  () => new Blob(['blob'], { type: 'text/plain' }),
  () => new Blob([]).stream(),
  () => new Blob(['stream']).stream(),
  () => stream(7),
  () => stream(detached()),
  () => failing(),
  () => locked(),
];

const TRAPS: Maker[] = [
  (random) => getter(random),
  () => ({ toString: strike, valueOf: strike, toJSON: strike, [Symbol.toPrimitive]: strike }),
  () => ({ then: strike }),
  () => ({ then: 1 }),
  () => ({ then: (_: unknown, fail: (error: Error) => void) => fail(new Hostile('a thenable that rejects')) }),
  () => ({ [Symbol.iterator]: strike, [Symbol.asyncIterator]: strike }),
  () => ({ aborted: false, reason: 1, addEventListener: strike, removeEventListener: strike, throwIfAborted: abort }),
  () => ({ aborted: true, addEventListener() {}, removeEventListener() {}, throwIfAborted: abort }),
  () => ({ get aborted(): boolean { return strike(); }, addEventListener() {} }),
  () => Object.defineProperty(new Uint8Array(4), 'length', { get: strike }),
  () => Object.defineProperty(new Uint8Array(4), 'slice', { value: strike }),
  () => Object.defineProperty(new Date(0), 'getTime', { value: strike }),
  () => Object.setPrototypeOf({}, Uint8Array.prototype) as object,
  () => Object.create(Date.prototype) as object,
  () => Object.create(AbortSignal.prototype) as object,
  () => proxy({}),
  () => proxy([]),
  () => proxy(() => undefined),
  () => proxy(new Uint8Array(4)),
  () => revoked(),
  () => new Proxy({}, { get: () => proxy({}), has: () => true, ownKeys: () => ['a', 'b'] }),
  () => new Proxy(new Uint8Array(4), {}),
  () => new Proxy(AbortSignal.abort(new Reason('of a proxy')), {}),
];

/** Any value. `depth` keeps objects in objects from going on for ever. */
export function hostile(random: Random, depth = 0): unknown {
  const kinds = depth > 0 ? [PRIMITIVES, BYTES, TRAPS] : [PRIMITIVES, OBJECTS, BYTES, TRAPS];
  return random.pick(random.pick(kinds))(random);
}

/** Any function. */
export function hostileFunction(random: Random): (...words: unknown[]) => unknown {
  const value = hostile(random);
  return random.pick([strike, async () => strike(), () => value, async () => value]);
}

/** Any text: odd, long, or no Unicode at all. */
export function text(random: Random): string {
  const texts = ['', ' ', 'a', 'a/b', '..', '.', '/', 'k\u0000', '\ufffe', '\ud800', 'a\udc00b', '\u{1f600}', '__proto__', 'constructor'];
  const long = () => 'x'.repeat(random.pick([1_023, 1_024, 1_025, 100_000]));
  return random.chance(0.1) ? long() : random.pick(texts);
}

function abort(): never {
  throw new Reason('of what looks like a signal');
}

function rejected(): Promise<never> {
  const promise = Promise.reject(new Hostile('a promise that was rejected'));
  promise.catch(() => undefined);
  return promise;
}

function cyclic(): object {
  const object: Record<string, unknown> = {};
  object['self'] = [object];
  return object;
}

function deep(): unknown {
  let object: unknown = 1;
  for (let at = 0; at < 20_000; at += 1) object = { object };
  return object;
}

function many(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`name ${at}`, 'text']));
}

function getter(random: Random): object {
  const names = ['tiers', 'cold', 'signal', 'ttl', 'key', 'size', 'metadata', 'version', 'then', 'limit', 'bucket', 'maxItems', 'a'];
  const name = random.pick(names);
  return Object.defineProperty({}, name, { enumerable: true, get: strike });
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** A view that reaches beyond its buffer, which has become smaller. */
function shrunken(): unknown {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Resizable(8, { maxByteLength: 16 });
  const view = new Uint8Array(buffer, 4, 4);
  buffer.resize?.(2);
  return view;
}

function stream(chunk: unknown): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  });
}

function failing(): ReadableStream {
  return new ReadableStream({ pull: strike, cancel: strike });
}

function locked(): ReadableStream {
  const stream = new Blob(['x']).stream();
  stream.getReader();
  return stream;
}

/** Throws whatever is done to it. */
function proxy<T extends object>(target: T): T {
  const names = Object.getOwnPropertyNames(Reflect) as (keyof ProxyHandler<T>)[];
  return new Proxy(target, Object.fromEntries(names.map((name) => [name, strike])) as ProxyHandler<T>);
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
