/** What workerd has its caches behind: entries come as answers of HTTP, written out. */
const held = new Map();

export default {
  async fetch(request) {
    const { method, url } = request;
    if (method === 'PURGE') return new Response(null, { status: held.delete(url) ? 200 : 404 });
    if (method === 'PUT') {
      const bytes = new Uint8Array(await request.arrayBuffer());
      const end = new TextDecoder('latin1').decode(bytes.subarray(0, 8192)).indexOf('\r\n\r\n');
      held.set(url, [new TextDecoder().decode(bytes.subarray(0, end)), bytes.slice(end + 4)]);
      return new Response(null, { status: 204 });
    }
    const [head, body] = held.get(url) ?? [];
    if (!body) return new Response(null, { status: 504, headers: { 'cf-cache-status': 'MISS' } });
    const lines = head.split('\r\n').slice(1).filter((line) => !/^(content-length|transfer-encoding):/i.test(line));
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
    return new Response(body, { headers: [...headers, ['cf-cache-status', 'HIT']] });
  },
};
