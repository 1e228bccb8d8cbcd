/** Drawings of our own, 24 by 24, of lines. They say nothing to a screen reader: the words beside them do. */

import type { JSX } from 'preact';
import type { Kind } from '../kinds.js';

const PATHS = {
  folder: 'M3.5 7.5a2 2 0 0 1 2-2h3.6l2 2.2h7.4a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z',
  image: 'M5.5 4.5h13a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM4.5 16l4-4 3.2 3.2 3-3 4.8 4.6M15.6 8.6h.01',
  video: 'M4.5 5.5h15a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1zM10 9v6l5-3z',
  audio: 'M9 17.5V6l10-2v11.5M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 15.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z',
  font: 'M4 19 9.5 5h1L16 19M6 14.5h8M15.5 19h4.5M18 12v7',
  text: 'M6.5 3.5h7l4 4v13h-11zM13.5 3.5v4h4M9 12h6M9 15h6M9 18h3.5',
  file: 'M6.5 3.5h7l4 4v13h-11zM13.5 3.5v4h4',
  search: 'M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l5 5',
  settings: 'M4 7h9M17 7h3M4 12h3M11 12h9M4 17h11M19 17h1M15 5v4M9 10v4M17 15v4',
  upload: 'M12 15.5V4.5M7.5 8.5 12 4l4.5 4.5M4.5 15v3.5a1 1 0 0 0 1 1h13a1 1 0 0 0 1-1V15',
  download: 'M12 4.5v11M7.5 11.5 12 16l4.5-4.5M4.5 19.5h15',
  trash: 'M4.5 6.5h15M9.5 6.5v-2h5v2M6.5 6.5l.8 13h9.4l.8-13M10 10.5v5.5M14 10.5v5.5',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1',
  pin: 'M12 3.500v10M8 9.500l4 4 4-4M4 15.500v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3',
  device: 'M8 2.500h8a1.500 1.500 0 0 1 1.500 1.500v16a1.500 1.500 0 0 1-1.500 1.500H8A1.500 1.500 0 0 1 6.500 20V4A1.500 1.500 0 0 1 8 2.500zM10.500 18.500h3',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  close: 'M6 6l12 12M18 6 6 18',
  back: 'M14.500 5.500 8 12l6.500 6.500',
  next: 'M9.500 5.500 16 12l-6.500 6.500',
  grid: 'M4.500 4.500h6v6h-6zM13.500 4.500h6v6h-6zM4.500 13.500h6v6h-6zM13.500 13.500h6v6h-6z',
  list: 'M8.500 6.500H20M8.500 12H20M8.500 17.500H20M4 6.500h.01M4 12h.01M4 17.500h.01',
  cloud: 'M7 18.500a4 4 0 0 1-.600-7.950A5.500 5.500 0 0 1 17 9.500a4.500 4.500 0 0 1 .500 9z',
  refresh: 'M19.500 12a7.500 7.500 0 1 1-2.300-5.400M19.500 3.500v4h-4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

const BY_KIND: Record<Kind, IconName> = {
  image: 'image',
  svg: 'image',
  video: 'video',
  audio: 'audio',
  font: 'font',
  pdf: 'text',
  html: 'text',
  text: 'text',
  other: 'file',
};

export const iconOf = (kind: Kind): IconName => BY_KIND[kind];

/** Three layers: memory, this device, the bucket. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" width="26" height="26" viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <path class="mark-top" d="M32 8 56 20 32 32 8 20z" />
      <path class="mark-middle" d="m8 32 24 12 24-12" />
      <path class="mark-bottom" d="m8 44 24 12 24-12" />
    </svg>
  );
}
