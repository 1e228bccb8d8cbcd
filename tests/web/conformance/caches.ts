/** Caches in memory, for runtimes that have none. */

/** A cache as workerd has it: it has no `keys`. */
export class PlainCache {
  readonly held = new Map<string, { body: ArrayBuffer; headers: [string, string][] }>();
  fault: Error | undefined;

  async put(url: string, response: Response): Promise<void> {
    if (this.fault) throw this.fault;
    this.held.set(new URL(url).href, { body: await response.arrayBuffer(), headers: [...response.headers] });
  }

  async match(url: string): Promise<Response | undefined> {
    const found = this.held.get(new URL(url).href);
    return found && new Response(bitByBit(new Uint8Array(found.body)), { headers: found.headers });
  }

  async delete(url: string): Promise<boolean> {
    return this.held.delete(new URL(url).href);
  }
}

/** One as pages have it. */
export class ListedCache extends PlainCache {
  async keys(): Promise<{ url: string }[]> {
    return Array.from(this.held.keys(), (url) => ({ url }));
  }
}

/** A stream as of what lies on a disk. */
function bitByBit(body: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= body.length) controller.close();
      else controller.enqueue(body.slice(at, (at += 65_536)));
    },
  });
}
