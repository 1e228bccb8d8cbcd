/** What the tests do in a page. */

import { S3StorageTier, StorageError, TieredStorage, type S3Options } from 'tiered-storage';

/** What came of a call: a value, or an error's kind and sentence. */
export type Told = { value: unknown } | { kind: string; message: string };

async function tell(work: () => Promise<unknown>): Promise<Told> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { kind: error.kind, message: error.message };
  }
}

/** Stores a value, compressed, in a storage that has cold alone. */
export function store(options: S3Options, key: string, value: unknown): Promise<Told> {
  return tell(async () => {
    const storage = await TieredStorage.open({ tiers: { cold: new S3StorageTier(options) }, compression: true });
    return (await storage.set(key, value)).metadata.compressed;
  });
}

export function load(options: S3Options, key: string): Promise<Told> {
  return tell(async () => {
    const storage = await TieredStorage.open({ tiers: { cold: new S3StorageTier(options) } });
    return storage.get(key);
  });
}

/** What the tier says of an object, and its bytes as text. */
export function read(options: S3Options, key: string): Promise<Told> {
  return tell(async () => {
    const tier = new S3StorageTier(options);
    const [metadata, bytes] = [await tier.getMetadata(key), await tier.get(key)];
    return metadata && bytes ? [metadata.mimeType, metadata.size, new TextDecoder().decode(bytes)] : null;
  });
}

export function list(options: S3Options): Promise<Told> {
  return tell(async () => {
    const keys: string[] = [];
    for await (const key of new S3StorageTier(options).listKeys()) keys.push(key);
    return keys;
  });
}

export function remove(options: S3Options, keys: string[]): Promise<Told> {
  return tell(() => new S3StorageTier(options).deleteMany(keys));
}
