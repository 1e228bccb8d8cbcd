/** A body that comes in pieces, and what a storage gives of it. */

/** Sixteen pieces of 300,000 bytes, each of another kind. */
export async function* body() {
  for (let at = 0; at < 16; at++) yield new Uint8Array(300_000).fill(at);
}

/** The body, cut off at its end. */
export async function* broken() {
  yield* body();
  throw new Error('torn');
}

/** Which tier gives it, how long it is, and the sum of its bytes. */
export async function read(storage) {
  const { stream, source } = await storage.getStream('film');
  let [size, sum] = [0, 0];
  for await (const piece of stream) {
    size += piece.length;
    for (const byte of piece) sum += byte;
  }
  return [source, size, sum];
}
