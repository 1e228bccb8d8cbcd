/** A player that seeks, and a page that asks for ranges, both answered by a service worker. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3StorageTier } from 'tiered-storage';
import type { Engine } from './engine.js';
import { sharedCold } from './s3.js';
import { files, query, register } from './unbundled.js';

const SECONDS = 60;
const RATE = 44_100;

export function media(engine: Engine): void {
  test('a service worker answers ranges and conditions, and a player seeks in what it gives', async (t) => {
    const cold = await sharedCold();
    const { bucket, prefix, endpoint, accessKeyId, secretAccessKey } = cold;
    const body = tone();
    const now = new Date();
    const stored = { size: body.length, createdAt: now, lastAccessed: now, accessCount: 0, compressed: false, checksum: '' };
    const tier = new S3StorageTier({ bucket, prefix, endpoint, credentials: { accessKeyId, secretAccessKey } });
    await tier.set('tone.wav', body, { key: 'tone.wav', ...stored, mimeType: 'audio/wav' });

    const origin = await engine.origin(t, files({ '/sw.js': 'media-sw.ts' }));
    const { page } = await origin.tab();
    await page.evaluate(register, `/sw.js${query(cold)}`);
    const ask = (headers: Record<string, string>, method = 'GET') => page.evaluate(asked, ['/media/tone.wav', method, headers] as const);
    const last = body.length - 1;
    const [whole, , , etag] = await ask({}, 'HEAD');
    assert.deepEqual([whole, typeof etag], [200, 'string']);
    assert.deepEqual(await ask({ range: 'bytes=0-3' }), [206, `bytes 0-3/${body.length}`, '82,73,70,70', etag]);
    const end = [...body.slice(-2)].join();
    assert.deepEqual(await ask({ range: 'bytes=-2' }), [206, `bytes ${last - 1}-${last}/${body.length}`, end, etag]);
    assert.deepEqual(await ask({ range: `bytes=${body.length}-` }), [416, `bytes */${body.length}`, '', null]);
    assert.deepEqual(await ask({ 'if-none-match': etag ?? '' }), [304, null, '', etag]);

    const before = (await page.evaluate(log)).length;
    const [duration, seekable, position] = await page.evaluate(play, '/media/tone.wav');
    assert.deepEqual([duration, seekable, position], [SECONDS, SECONDS, SECONDS - 5]);
    const ranges = (await page.evaluate(log)).slice(before);
    assert.ok(ranges.length > 0 && ranges.every(([range, status]) => range !== null && status === 206), JSON.stringify(ranges));
    const seeks = ranges.filter(([range]) => Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1]) > body.length / 2);
    assert.ok(seeks.length > 0, JSON.stringify(ranges));
  });
}

/** A minute of sound, uncompressed, in stereo: more than a player loads before it is asked to. */
export function tone(): Uint8Array<ArrayBuffer> {
  const size = SECONDS * RATE * 4;
  const bytes = new Uint8Array(44 + size);
  const view = new DataView(bytes.buffer);
  const text = (at: number, word: string): void => bytes.set(new TextEncoder().encode(word), at);
  text(0, 'RIFF');
  view.setUint32(4, 36 + size, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  // PCM, two channels of 16 bits.
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 4, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, size, true);
  for (let at = 44; at < bytes.length; at += 4) {
    const sample = Math.round(8_000 * Math.sin(((at - 44) / 4 / RATE) * 440 * 2 * Math.PI));
    view.setInt16(at, sample, true);
    view.setInt16(at + 2, sample, true);
  }
  return bytes;
}

async function asked([url, method, headers]: readonly [url: string, method: string, headers: Record<string, string>]): Promise<
  [status: number, range: string | null, bytes: string, etag: string | null]
> {
  const response = await fetch(url, { method, headers });
  const bytes = [...new Uint8Array(await response.arrayBuffer())].join();
  return [response.status, response.headers.get('content-range'), bytes, response.headers.get('etag')];
}

async function log(): Promise<[range: string | null, status: number][]> {
  return (await fetch('/asked')).json() as Promise<[string | null, number][]>;
}

/** Has a player seek near to the end; gives how long it says that the sound is, how far one may seek, and where it is. */
async function play(url: string): Promise<[duration: number, seekable: number, position: number]> {
  const audio = Object.assign(new Audio(), { preload: 'metadata', src: url });
  const happened = (type: string): Promise<unknown> =>
    new Promise((done, fail) => {
      audio.addEventListener(type, done, { once: true });
      audio.addEventListener('error', () => fail(new Error(audio.error?.message)), { once: true });
    });
  await happened('loadedmetadata');
  const seeked = happened('seeked');
  audio.currentTime = audio.duration - 5;
  await seeked;
  return [audio.duration, audio.seekable.end(0), audio.currentTime];
}
