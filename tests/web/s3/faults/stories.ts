/** What has its own story: sessions, clocks, regions, storms, long listings, and removals in part. */

import { type S3Credentials, type StorageError, TieredStorage } from 'tiered-storage';
import { check, fails, same } from '../../conformance/check.js';
import type { FaultName, Obey, RequestKind } from '../../scenarios/server.js';
import { takeTimers } from './timers.js';
import { BUCKET, type Host, KEY, KEYS, MIB, NEW, OLD, World, optionsOf, pieces } from './world.js';

/** More than a part. */
const PARTED = 8 * MIB + 4_096;
const SKEW_MS = 20 * 60_000;

/** A host, and another server that is in another region. */
export interface Hosts {
  readonly host: Host;
  readonly elsewhere: Host;
}

export const STORIES: Record<string, (hosts: Hosts) => Promise<void>> = {
  'credentials that expire between two parts are asked for once more, and no part is lost': async ({ host }) => {
    let asked = 0;
    const credentials = async (): Promise<S3Credentials> => {
      const { accessKeyId, secretAccessKey } = host.place;
      asked += 1;
      return { accessKeyId, secretAccessKey };
    };
    const world = await World.open(host, 'cold', { credentials });
    await world.set(KEY, OLD);
    await meets(world, 'expiredToken', 'uploadPart', 1);
    await world.storage.setStream(KEY, pieces(NEW, PARTED), optionsOf(NEW));
    same(asked, 2, 'how often credentials were asked for');
    same(await world.versions([KEY]), [NEW], 'what is there');
    await meets(world, 'expiredToken', 'uploadPart');
    world.takeSent();
    await fails('denied', () => world.storage.setStream(KEY, pieces(OLD, PARTED), optionsOf(OLD)), 'a session that is over');
    // Once more for each of the two parts, if the second was signed with what the first had asked for.
    check(asked <= 4, `credentials were asked for ${asked} times`);
    await world.settled();
    // Begun, a part twice, perhaps the other one, and given up.
    check(world.takeSent() <= 6, 'it gives up');
    await expectNothingLeft(world);
    same(await world.versions([KEY]), [NEW], 'what is there');
  },

  'a clock that is 20 minutes off costs one request once': async ({ host }) => {
    try {
      for (const ms of [SKEW_MS, -SKEW_MS]) {
        const world = await World.open(host, 'cold');
        await host.obey({ order: 'skew', ms });
        await world.set(KEY, OLD);
        same(world.takeSent(), 2, 'what the first write takes');
        await world.set(KEY, NEW);
        await world.storage.get(KEY);
        same(world.takeSent(), 2, 'what a write and a read take');
      }
    } finally {
      await host.obey({ order: 'skew', ms: 0 });
    }
  },

  'a region is learnt once over many calls': async ({ elsewhere }) => {
    const concurrency = 4;
    const world = await World.open(elsewhere, 'cold', { concurrency });
    const readAll = async (): Promise<number> => {
      // Different keys: reads of one key are one read.
      const found = await Promise.all(Array.from({ length: 20 }, (_, at) => world.storage.get(`k/${at}`)));
      check(found.every((value) => value === null), 'nothing is there');
      return world.takeSent();
    };
    const first = await readAll();
    check(first > 20 && first <= 20 + concurrency, `the first 20 reads take ${first} requests`);
    same(await readAll(), 20, 'what the next 20 reads take');
    await world.set(KEY, NEW);
    same(await world.versions([KEY]), [NEW], 'what is there');
  },

  'in a storm of throttling, retries end with their budget': async ({ host }) => {
    const [calls, attempts, budget] = [120, 4, 100];
    const world = await World.open(host, 'cold', { attempts });
    await meets(world, 'slowDown', 'get');
    const readAll = (): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(Array.from({ length: calls }, (_, at) => world.storage.get(`k/${at}`)));
    for (const retries of [budget, 0]) {
      const outcomes = await readAll();
      const kinds = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as StorageError).kind : 'ok'));
      same([...new Set(kinds)], ['unavailable'], 'how reads end');
      same(world.takeSent(), calls + retries, 'what they take');
    }
    await world.obey({ order: 'clear', naming: world.prefix });
    check((await readAll()).every(({ status }) => status === 'fulfilled'), 'the storm is over');
    same(world.takeSent(), calls, 'what they take when it is over');
  },

  'ten thousand keys are listed, each once': async ({ host }) => {
    const world = await World.open(host, 'cold');
    await filled(world, 10_000);
    const { keys } = await listed(world);
    same([keys.length, new Set(keys).size, keys[0], keys.at(-1)], [10_000, 10_000, 'k/00000', 'k/09999'], 'the keys');
    same(world.takeSent(), 10, 'what it takes');
  },

  'a server that repeats a page, or its token, is not followed for ever': async ({ host }) => {
    const empty = '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>';
    let sent = 0;
    /** Answers with `page`, or else with what the third answer was, from then on. */
    const stuck = (page?: string) => {
      let text = page;
      return async (url: string, init: RequestInit): Promise<Response> => {
        sent += 1;
        if (text !== undefined) return new Response(text);
        const answer = await fetch(url, init);
        if (sent < 3) return answer;
        text = await answer.text();
        return new Response(text, { headers: answer.headers });
      };
    };
    for (const [page, given, requests] of [[undefined, 3_000, 4], [empty, 0, 2]] as const) {
      const world = await World.open(host, 'cold', { fetch: stuck(page) });
      await filled(world, 5_000);
      sent = 0;
      const { keys, error } = await listed(world);
      same([keys.length, error?.kind, sent], [given, 'unavailable', requests], 'the listing');
      check(/repeats itself/.test(error?.message ?? ''), `what is told: ${error?.message}`);
    }
  },

  'a removal that fails in part names the key and hides nothing': async ({ host }) => {
    const world = await World.open(host, 'three');
    for (const key of KEYS) await world.set(key, OLD);
    await world.obey({ order: 'fault', fault: 'keyDenied', on: 'deleteObjects', naming: `${world.prefix}/${KEYS[1]}` });
    const error = await fails('denied', () => world.storage.invalidate('k/'), 'one key is not removed');
    same([error.key, error.tier], [KEYS[1], 'cold'], 'what the error names');
    same(await world.versions(KEYS), [null, OLD, null], 'what is there');
    same(await Promise.all(KEYS.map(async (key) => (await world.storage.get(key)) !== null)), [false, true, false], 'what is read');
    // What the server was too busy for is tried again.
    await world.obey({ order: 'clear', naming: world.prefix });
    await world.set(KEY, NEW);
    await world.obey({ order: 'fault', fault: 'keyBusy', on: 'deleteObjects', naming: `${world.prefix}/${KEYS[1]}`, times: 1 });
    same(await world.storage.invalidate('k/'), 2, 'how many went');
    same(await world.versions(KEYS), [null, null, null], 'what is there');
  },

  'a count that many raise at once over connections that break is right': async ({ host }) => {
    const [writers, each] = [3, 4];
    const world = await World.open(host, 'cold');
    const clients = await Promise.all(Array.from({ length: writers }, () => World.open(host, 'cold', { attempts: 9 }, world.prefix)));
    const counts = await Promise.all(
      clients.map(({ cold, clock }) => TieredStorage.open<number>({ tiers: { cold }, clock })),
    );
    await world.obey({ order: 'fault', fault: 'dropAfter', on: 'put', naming: world.prefix, times: writers * 2 });
    await Promise.all(
      counts.map(async (storage) => {
        for (let turn = 0; turn < each; turn += 1) await storage.update('count', (count) => (count ?? 0) + 1);
      }),
    );
    same(await counts[0]?.get('count'), writers * each, 'the count');
  },
};

/** Runs a story, where nobody waits for timers. */
export async function tell(name: string, hosts: Hosts): Promise<void> {
  const restore = takeTimers();
  try {
    await STORIES[name]?.(hosts);
  } finally {
    restore();
  }
}

function meets(world: World, fault: FaultName, on: RequestKind, times?: number): ReturnType<Obey> {
  return world.obey({ order: 'fault', fault, on, naming: `${world.prefix}/`, ...(times && { times }) });
}

async function expectNothingLeft(world: World): Promise<void> {
  const { objects, uploads } = await world.show();
  same([objects, uploads], [[`${world.prefix}/${KEY}`], []], 'what is in the bucket');
}

function filled(world: World, count: number): Promise<null> {
  return world.obey({ order: 'fill', bucket: BUCKET, prefix: `${world.prefix}/k/`, count });
}

/** The keys up to the end, or to an error. */
async function listed({ storage }: World): Promise<{ keys: string[]; error?: StorageError }> {
  const keys: string[] = [];
  try {
    for await (const key of storage.listKeys()) keys.push(key);
    return { keys };
  } catch (error) {
    return { keys, error: error as StorageError };
  }
}
