/** The S3 tier over the `fetch` of Node, against a server that others wrote. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { S3StorageTier, TieredStorage } from 'tiered-storage';
import { builtProgram } from '../scenarios/server.js';
import { fails } from '../storage/open.js';

interface Place {
  endpoint: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Why there is none. */
  missing?: string;
}

const KEYS = ['plain', 'a b/c+d%25 \u00e9', "it's (1)!*", '&<>"=#?', '\u65e5\u672c/\u8a9e \u{1f600}'];

let child: ChildProcess;
let place: Place;

before(async () => {
  child = spawn(await builtProgram('s3-rclone'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout ?? assert.fail('a pipe') });
  const [line] = (await once(lines, 'line')) as [string];
  place = JSON.parse(line) as Place;
});

after(async () => {
  const ended = child.exitCode === null ? once(child, 'exit') : undefined;
  child.stdin?.end();
  await ended;
});

function tierOf({ accessKeyId, secretAccessKey }: Pick<Place, 'accessKeyId' | 'secretAccessKey'>): S3StorageTier {
  const { endpoint, bucket } = place;
  return new S3StorageTier({ endpoint, bucket, provider: { conditionalWrites: 'unsupported' }, credentials: { accessKeyId, secretAccessKey } });
}

suite('rclone', () => {
  test('entries survive, with their metadata', async (context) => {
    if (place.missing) return context.skip(place.missing);
    const storage = await TieredStorage.open<string>({ tiers: { cold: tierOf(place) }, compression: true });
    for (const key of KEYS) {
      const value = key.repeat(100);
      await storage.set(key, value, { mimeType: 'text/x-odd', metadata: { where: 'Z\u00fcrich' } });
      const read = await storage.getWithMetadata(key);
      assert.equal(read?.data, value);
      assert.equal(read.metadata.mimeType, 'text/x-odd');
      assert.deepEqual(read.metadata.customMetadata, { where: 'Z\u00fcrich' });
    }
    const keys: string[] = [];
    for await (const key of storage.listKeys()) keys.push(key);
    assert.deepEqual(keys.sort(), [...KEYS].sort());
    assert.equal(await storage.invalidate(''), KEYS.length);
    assert.equal(await storage.get('plain'), null);
    await storage.close();
  });

  test('what is signed with another secret is refused', async (context) => {
    if (place.missing) return context.skip(place.missing);
    await fails('denied', () => tierOf({ ...place, secretAccessKey: 'wrong' }).get('plain'), /signature|not allow/i);
  });
});
