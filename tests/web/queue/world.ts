/** Queues in folders, over the embedded S3 server, for tests in Node. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { S3StorageTier, TieredStorage } from 'tiered-storage';
import { WriteQueue, type QueueOptions } from 'tiered-storage/queue';

/** Where cold is. */
export interface Where {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  prefix: string;
}

export async function storageAt({ endpoint, prefix, accessKeyId, secretAccessKey }: Where): Promise<TieredStorage> {
  const cold = new S3StorageTier({ bucket: 'bucket', endpoint, prefix, credentials: { accessKeyId, secretAccessKey }, attempts: 1 });
  return TieredStorage.open({ tiers: { cold } });
}

/** A queue, its storage, and what it told of writes. */
export interface Queueing {
  readonly storage: TieredStorage;
  readonly queue: WriteQueue;
  readonly events: string[];
  /** Keys and states. */
  pending(): Promise<string[]>;
  close(): Promise<void>;
}

export async function queueing(where: Where, options: QueueOptions): Promise<Queueing> {
  const storage = await storageAt(where);
  const queue = await WriteQueue.open(storage, { send: 'manual', ...options }).catch(async (error: unknown) => {
    await storage.close();
    throw error;
  });
  const events: string[] = [];
  for (const type of ['sent', 'conflict', 'failed'] as const) queue.on(type, ({ write }) => events.push(`${type} ${write.key}`));
  return {
    storage,
    queue,
    events,
    pending: async () => (await queue.pending()).map(({ key, state }) => `${key} ${state}`),
    async close() {
      await queue.close();
      await storage.close();
    },
  };
}

/** A folder that goes with the test. */
export async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tiered-storage-queue-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
