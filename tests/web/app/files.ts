/** What the tests put into the bucket. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../lib/browser.js';

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Two by two pixels. */
export const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNkYPjPwMDAxMDAwMDAAAANHgEDw4FDZwAAAABJRU5ErkJggg==',
  'base64',
);

export const FILM = 'films/film.webm';
export const filmType = 'video/webm';

/** So many bytes that differ. */
export function tone(size: number): Uint8Array {
  let state = size;
  return Uint8Array.from({ length: size }, () => (state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff) >>> 16);
}

let made: Uint8Array | undefined;

/** A film of several megabytes: longer than a player loads before it is asked to. */
export function film(): Uint8Array {
  if (made) return made;
  const ffmpeg = findProgram('ffmpeg');
  if (!ffmpeg) throw new Error('ffmpeg is not installed: on a Debian, apt-get install ffmpeg');
  const folder = mkdtempSync(join(tmpdir(), 'tiered-storage-film-'));
  const path = join(folder, 'film.webm');
  // Noise, so that it does not get small.
  const source = 'testsrc2=s=320x240:r=12:d=60,noise=alls=60:allf=t';
  const words = ['-loglevel', 'error', '-nostdin', '-f', 'lavfi', '-i', source, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'];
  execFileSync(ffmpeg, [...words, '-b:v', '2M', '-g', '24', path]);
  made = readFileSync(path);
  rmSync(folder, { recursive: true });
  return made;
}
