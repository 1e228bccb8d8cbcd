/** What a storage does on a server that others wrote, in any runtime. */

import { MemoryStorageTier, S3StorageTier, TieredStorage, type S3Options } from 'tiered-storage';
import { check, fails, same, sameBytes } from '../../conformance/check.js';
import { rest } from '../../pieces/tier.js';

export type PeerName = 'rclone' | 'ministack';

/** Where it is, and its bucket. */
export interface Peer {
  name: PeerName;
  endpoint: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** What all names start with. */
  folder: string;
}

const KEYS = ['plain', 'a b/c+d%25 \u00e9', "it's (1)!*", '&<>"=#?', '\u65e5\u672c/\u8a9e \u{1f600}'];
const MIB = 1 << 20;
/** More than a part is staged in the bucket; more than two go in parts from warm. */
const [STAGED, PARTED] = [8 * MIB + 4_096, 16 * MIB + 4_096];

let folders = 0;

export const WORK: Record<string, (peer: Peer) => Promise<void>> = {
  'entries survive, with their metadata': async (peer) => {
    const storage = await TieredStorage.open<string>({ tiers: { cold: tierOf(peer) }, compression: true });
    for (const key of KEYS) {
      const value = key.repeat(100);
      await storage.set(key, value, { mimeType: 'text/x-odd', metadata: { where: 'Z\u00fcrich' } });
      const read = await storage.getWithMetadata(key);
      same([read?.data, read?.metadata.mimeType, read?.metadata.customMetadata], [value, 'text/x-odd', { where: 'Z\u00fcrich' }], key);
    }
    const keys: string[] = [];
    for await (const key of storage.listKeys()) keys.push(key);
    same(keys.sort(), [...KEYS].sort(), 'the keys');
    same((await storage.getStats()).cold.items, KEYS.length, 'how many there are');
    await storage.touch('plain', 3_600_000);
    check((await storage.getMetadata('plain'))?.ttl !== undefined, 'it has an expiry');
    same(await storage.get('plain'), 'plain'.repeat(100), 'it keeps its bytes');
    await storage.delete('plain');
    same(await storage.get('plain'), null, 'what was removed');
    same(await storage.invalidate(''), KEYS.length - 1, 'how many went');
    await storage.close();
  },

  'a large body goes and comes in parts, in pieces and in ranges': async (peer) => {
    const cold = tierOf(peer);
    const upper = { warm: new MemoryStorageTier({ durable: true }) };
    const [plain, staged] = [await TieredStorage.open<Uint8Array>({ tiers: { cold } }), await TieredStorage.open({ tiers: { ...upper, cold } })];
    for (const [storage, size] of [[plain, STAGED], [staged, PARTED]] as const) {
      const body = bytes(size);
      await storage.setStream('large', new Blob([body]), { metadata: { size: `${size}` } });
      await storage.invalidateUpperCaches('');
      const found = await storage.getStream('large');
      check(found !== null, 'it is there');
      same([found.source, found.metadata.customMetadata], ['cold', { size: `${size}` }], 'what is told of it');
      sameBytes(await rest(found.stream.getReader()), body, 'all of it');
      sameBytes((await plain.get('large')) ?? undefined, body, 'all of it, in parts');
      for (const [start, end] of [[0, 10], [size - 10, size], [MIB, 2 * MIB]] as const) {
        sameBytes((await storage.getRange('large', { start, end }))?.data, body.subarray(start, end), `from ${start} to ${end}`);
      }
      sameBytes((await storage.getRange('large', { last: 5 }))?.data, body.subarray(-5), 'the end');
    }
    same(await plain.invalidate(''), 1, 'nothing else is left');
    await Promise.all([plain.close(), staged.close()]);
  },

  'a write on a condition is heeded, or refused': async (peer) => {
    const storage = await TieredStorage.open<number>({ tiers: { cold: tierOf(peer) } });
    if (peer.name === 'rclone') {
      await fails('unsupported', () => storage.set('count', 1, { ifAbsent: true }), 'it would be passed over');
      same(await storage.get('count'), null, 'nothing is written');
    } else {
      await storage.set('count', 1, { ifAbsent: true });
      await fails('conflict', () => storage.set('count', 2, { ifAbsent: true }), 'it is there');
      const version = (await storage.getMetadata('count'))?.version;
      check(version !== undefined, 'it has a version');
      await storage.set('count', 2, { ifMatch: version });
      await fails('conflict', () => storage.set('count', 3, { ifMatch: version }), 'it is another');
      await storage.update('count', (count) => (count ?? 0) + 1);
      same(await storage.get('count'), 3, 'the count');
    }
    await storage.close();
  },

  'what is signed with another secret is refused': async (peer) => {
    const error = await fails('denied', () => tierOf(peer, { secretAccessKey: 'wrong' }).get('plain'), 'a stranger');
    check(/signature|not allow/i.test(error.message), error.message);
  },
};

function tierOf({ endpoint, bucket, accessKeyId, secretAccessKey, folder }: Peer, wrong: { secretAccessKey?: string } = {}): S3StorageTier {
  folders += 1;
  const options: S3Options = { endpoint, bucket, prefix: `${folder}-${folders}`, credentials: { accessKeyId, secretAccessKey, ...wrong } };
  return new S3StorageTier(options);
}

/** Of which each tells where it is. */
function bytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 1) bytes[at] = at ^ (at >> 8) ^ (at >> 16);
  return bytes;
}
