/** What the tests put into the bucket. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../lib/browser.js';
import { ROOT } from '../lib/bundle.mjs';

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

/** A film of several megabytes: longer than a player loads before it is asked to. It is made once, and kept in `target`. */
export function film(): Uint8Array {
  const folder = join(ROOT, 'target/app-media');
  const path = join(folder, 'film.webm');
  if (!existsSync(path)) {
    const ffmpeg = findProgram('ffmpeg');
    if (!ffmpeg) throw new Error('ffmpeg is not installed: on a Debian, apt-get install ffmpeg');
    mkdirSync(folder, { recursive: true });
    // Noise, so that it does not get small.
    const source = 'testsrc2=s=160x120:r=6:d=60,noise=alls=80:allf=t';
    const codec = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M', '-qmax', '20', '-g', '12'];
    const unfinished = join(folder, 'unfinished.webm');
    execFileSync(ffmpeg, ['-y', '-loglevel', 'error', '-nostdin', '-f', 'lavfi', '-i', source, ...codec, unfinished]);
    renameSync(unfinished, path);
  }
  return readFileSync(path);
}

/** A PDF of one page with a line of text. */
export function pdf(line: string): Uint8Array {
  const drawing = `BT /F1 24 Tf 72 720 Td (${line}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let file = '%PDF-1.4\n';
  const places = objects.map((object, at) => {
    const place = file.length;
    file += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(place).padStart(10, '0')} 00000 n \n`;
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.join('')}`;
  return text(`${file}${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`);
}
