/** Which bucket the library is over, and how it is let in. */

import { S3StorageTier, type S3Credentials } from 'tiered-storage';

/** Where the entries are. Nothing of it is secret. */
export interface Place {
  endpoint: string;
  region: string;
  bucket: string;
  /** What the names of all objects start with, or nothing. */
  prefix: string;
}

/** A place and how to get in: `undefined` asks unsigned. */
export interface Access {
  place: Place;
  credentials: S3Credentials | undefined;
  /** It takes a key that nobody here knows any more: nothing is asked of it. */
  isLocked?: true;
}

/** Names a place in URLs and databases; two places have one name if they are the same. */
export async function idOf(place: Place): Promise<string> {
  const text = JSON.stringify([place.endpoint, place.bucket, place.prefix]);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(hash.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether a key is in one of these folders. */
export const isUnder = (prefixes: readonly string[], key: string): boolean => prefixes.some((prefix) => key.startsWith(prefix));

/** The database with the copies of a place's entries. */
export const databaseOf = (id: string): string => `library-${id}`;

/** Where the service worker lets pages look at its storage of a place. */
export const channelOf = (id: string): string => `library-${id}`;

/** The URL under which the service worker answers with an entry. `version` tells browsers apart what was overwritten. */
export function mediaUrl(id: string, key: string, version = 0): string {
  return `/media/${id}/?key=${encodeURIComponent(key)}${version ? `&v=${version}` : ''}`;
}

/** The tier of a place. Fails as `invalid` for what cannot be one. */
export function coldOf({ place, credentials }: Access, fetch: (url: string, init: RequestInit) => Promise<Response>): S3StorageTier {
  const { endpoint, region, bucket, prefix } = place;
  return new S3StorageTier({
    bucket,
    fetch,
    prices: {},
    ...(endpoint && { endpoint }),
    ...(region && { region }),
    ...(prefix && { prefix }),
    credentials: credentials ?? 'anonymous',
  });
}

/** What the server of this app suggests, if it does and can be reached. */
export async function suggested(): Promise<Access | undefined> {
  const response = await fetch('/config.json', { cache: 'no-store' }).catch(() => undefined);
  if (!response?.ok || !/json/.test(response.headers.get('content-type') ?? '')) return undefined;
  const { accessKeyId, secretAccessKey, ...place } = (await response.json()) as Partial<Place & S3Credentials>;
  const { endpoint = '', region = '', bucket = '', prefix = '' } = place;
  if (!bucket) return undefined;
  const credentials = accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
  return { place: { endpoint, region, bucket, prefix }, credentials };
}
