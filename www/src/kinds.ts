/** What an entry is, as far as its name says, and so how it is shown. */

import { nameOf } from './catalog.js';

export type Kind = 'image' | 'svg' | 'video' | 'audio' | 'font' | 'pdf' | 'html' | 'text' | 'other';

const EXTENSIONS: Record<Exclude<Kind, 'other'>, string> = {
  image: 'png jpg jpeg gif webp avif bmp ico',
  svg: 'svg',
  video: 'mp4 m4v webm mov ogv mkv',
  audio: 'mp3 m4a aac ogg oga opus wav flac',
  font: 'woff woff2 ttf otf',
  pdf: 'pdf',
  html: 'html htm xhtml',
  text: 'txt md json map js mjs cjs ts tsx jsx css scss less xml yml yaml toml csv tsv log sh py rs c h java go sql ini conf license',
};
const KINDS = new Map(Object.entries(EXTENSIONS).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind as Kind])));
const PLAIN = /^(licen[cs]e|readme|changelog|copying|authors|notice|makefile|dockerfile)$/i;

const WORDS: Record<Kind, string> = {
  image: 'Image',
  svg: 'Drawing',
  video: 'Video',
  audio: 'Audio',
  font: 'Font',
  pdf: 'PDF',
  html: 'Page',
  text: 'Text',
  other: 'File',
};

export function kindOf(key: string): Kind {
  const extension = extensionOf(key);
  if (!extension) return PLAIN.test(nameOf(key)) ? 'text' : 'other';
  return KINDS.get(extension) ?? 'other';
}

/** In lower case; empty where there is none. */
export function extensionOf(key: string): string {
  return /[^/]\.([a-z\d]{1,10})$/i.exec(nameOf(key))?.[1]?.toLowerCase() ?? '';
}

const TYPES: Record<string, string> = {
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  ogg: 'audio/ogg',
  wav: 'audio/wav',
  flac: 'audio/flac',
  pdf: 'application/pdf',
  html: 'text/html',
};

/** The type of what somebody stored without one. Text is shown as text whatever it is called. */
export const typeOf = (key: string): string | undefined => TYPES[extensionOf(key)] ?? (kindOf(key) === 'text' ? 'text/plain' : undefined);

/** The kind in words. */
export const wordOf = (kind: Kind): string => WORDS[kind];

/** What most of these are; nothing, where they are of many kinds, or of none that says much. */
export function mainKindOf(keys: readonly string[]): Kind | undefined {
  const counts = new Map<Kind, number>();
  for (const key of keys) counts.set(kindOf(key), (counts.get(kindOf(key)) ?? 0) + 1);
  const [kind, count] = [...counts].reduce((most, next) => (next[1] > most[1] ? next : most), ['other', 0] as [Kind, number]);
  return kind !== 'other' && kind !== 'text' && count * 2 > keys.length ? kind : undefined;
}

/** Whether a small picture of it can be shown. */
export const isPicture = (kind: Kind): boolean => kind === 'image' || kind === 'svg';
