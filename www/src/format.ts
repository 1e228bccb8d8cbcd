/** Numbers as people read them. */

const NUMBERS = new Intl.NumberFormat('en');
const DATES = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const TIMES = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `12,345`. */
export const count = (number: number): string => NUMBERS.format(number);

/** `1 item`, `2 items`. */
export const counted = (number: number, noun: string): string => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

/** `12.3 MB`. */
export function bytes(size: number): string {
  let scaled = size;
  let unit = 0;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  if (unit === 0) return counted(size, 'byte');
  return `${scaled >= 99.95 ? Math.round(scaled) : scaled.toFixed(1)} ${UNITS[unit]}`;
}

export const day = (date: Date): string => DATES.format(date);
export const moment = (date: Date): string => TIMES.format(date);
