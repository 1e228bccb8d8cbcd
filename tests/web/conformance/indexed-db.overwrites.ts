/** What is written over something else: a write does not ask for what it replaces where it remembers that. */

import { IndexedDBStorageTier } from 'tiered-storage';
import { check, same, sameBytes } from './check.js';
import { all, asked, failing, patched, put, raw, removed, watched } from './indexed-db.tools.js';
import { gathered, metadataOf, pattern } from './subject.js';

/** Checks that figures are those of the entries `sizes`, and that there are bodies for the large ones alone. */
async function counts(tier: IndexedDBStorageTier, name: string, sizes: Record<string, number>, what: string): Promise<void> {
  const { items, bytes } = await tier.getStats();
  const each = Object.values(sizes);
  same([items, bytes], [each.length, each.reduce((sum, size) => sum + size, 0)], `what is counted ${what}`);
  const db = await raw(name);
  const bodies = (await all(db, 'bodies')).map(([key, body]) => [key, (body as Uint8Array).length]);
  db.close();
  same(bodies, Object.entries(sizes).filter(([, size]) => size > 8192).sort(), `the bodies ${what}`);
  for (const [key, size] of Object.entries(sizes)) same((await tier.get(key))?.length, size, `${key} ${what}`);
}

export const overwrites: Record<string, () => Promise<void>> = {
  'small and large bodies replace each other, and leave nothing behind': async () => {
    const { tier, name } = watched();
    await put(tier, 'first');
    const work = async (): Promise<void> => {
      for (const size of [10, 20, 9_000, 10_000, 30]) await put(tier, 'k', size);
      await Promise.all(Array.from({ length: 20 }, (_, at) => put(tier, `many${at}`, at % 2 ? 10 : 9_000)));
    };
    await work();
    same(await asked(work), 0, 'how often it was asked what is replaced');
    same(await asked(() => tier.deleteMany(Array.from({ length: 20 }, (_, at) => `many${at}`))), 0, 'the same for removals');
    same(await asked(() => put(tier, 'many1', 9_000)), 0, 'and for what was removed');
    await counts(tier, name, { first: 10, k: 30, many1: 9_000 }, 'at last');
    check((await asked(() => put(tier, 'unknown'))) > 0, 'what was never written is asked for');
    await tier.clear();
    await put(tier, 'k', 40);
    await put(tier, 'many1', 50);
    await counts(tier, name, { k: 40, many1: 50 }, 'after all was removed');
  },

  'what another tab wrote, or removed, is counted right, and asked for from then on': async () => {
    const { tier, name } = watched();
    const { tier: other } = watched({ name });
    await tier.getStats();
    for (const key of ['grew', 'shrank', 'went']) await put(tier, key, key === 'shrank' ? 10_000 : 10);
    await put(tier, 'came');
    await tier.delete('came');
    await counts(tier, name, { grew: 10, shrank: 10_000, went: 10 }, 'before');

    await put(other, 'grew', 50_000);
    await put(other, 'shrank', 20);
    await other.delete('went');
    await put(other, 'came', 40_000);
    check((await asked(() => put(tier, 'grew', 30))) === 0, 'nobody said that another tab wrote');
    await Promise.all([put(tier, 'shrank', 20_000), put(tier, 'went', 60), tier.delete('came')]);
    // What is wrong is counted once more when nobody owes anything.
    await tier.getStats();
    await other.getStats();
    await counts(tier, name, { grew: 30, shrank: 20_000, went: 60 }, 'after both wrote');
    await put(tier, 'grew', 35);
    check((await asked(() => put(tier, 'grew', 40))) > 0, 'it is asked from then on');

    await put(other, 'grew', 70_000);
    await other.getStats();
    await put(tier, 'grew', 50);
    await tier.getStats();
    await counts(other, name, { grew: 50, shrank: 20_000, went: 60 }, 'after both wrote again');
    await counts(tier, name, { grew: 50, shrank: 20_000, went: 60 }, 'in the first tab');
  },

  'another tab that has told what it wrote is seen too': async () => {
    const { tier, name } = watched();
    const { tier: other } = watched({ name });
    for (const size of [10, 20]) await put(tier, 'k', size);
    await tier.getStats();
    await put(other, 'k', 30_000);
    await other.getStats();
    await put(tier, 'k', 40);
    await counts(tier, name, { k: 40 }, 'after both wrote');

    const { tier: third } = watched({ name });
    await put(third, 'l', 10);
    await put(third, 'k', 50_000);
    await third.getStats();
    await put(other, 'k', 60);
    await other.getStats();
    await third.getStats();
    check((await asked(() => put(third, 'k', 70))) > 0, 'it is asked for, as another tab wrote since');
    await counts(third, name, { k: 70, l: 10 }, 'at last');
  },

  'what came to nothing, was given up or went with its database is not remembered': async () => {
    const { tier, name } = watched();
    for (const size of [10, 20]) await put(tier, 'k', size);
    await patched(failing(1), () => put(tier, 'k', 9_000));
    await counts(tier, name, { k: 9_000 }, 'after a write that was repeated');
    await patched(failing(1), () => tier.delete('k'));
    await put(tier, 'k', 30);
    await counts(tier, name, { k: 30 }, 'after a removal that was repeated');
    await removed(name);
    await put(tier, 'k', 40);
    await counts(tier, name, { k: 40 }, 'in a new database');

    const { tier: full, name: fullName } = watched({ maxItems: 2, evictionPolicy: 'none' });
    for (const key of ['first', 'k']) await put(full, key);
    await put(full, 'k', 20);
    const [, third] = await Promise.allSettled([put(full, 'k', 40), put(full, 'third')]);
    same(third.status, 'rejected', 'an entry too many');
    await counts(full, fullName, { first: 10, k: 40 }, 'after a write that was undone with another');

    const { tier: bounded } = watched({ maxItems: 5 });
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 8; at++) await put(bounded, `k${at}`, 10 + round);
    }
    const kept = await gathered(bounded.listKeys());
    same((await bounded.getStats()).items, kept.length, 'what is counted within a limit');
    check(kept.length <= 5 && kept.includes('k7'), `the entries are ${kept}`);
  },

  'a caller may change its bytes, also where the write is repeated': async () => {
    const { tier } = watched();
    await put(tier, 'first');
    for (const size of [40_000, 20_000]) {
      await patched(failing(1), () => put(tier, 'shorter', size));
      sameBytes(await tier.get('shorter'), pattern(size), 'a body that is shorter than the one before');
    }
    for (const [round, times] of [0, 1, 1, 0].entries()) {
      await patched(failing(times), async () => {
        const sizes = [10, 30_000, 20_000, 8_192, 9_000];
        const written = sizes.map((size) => {
          const bytes = pattern(size, round + size);
          const done = tier.set(`k${size}`, bytes, metadataOf(`k${size}`, bytes));
          bytes.fill(0);
          return done;
        });
        await Promise.all(written);
        for (const size of sizes) sameBytes(await tier.get(`k${size}`), pattern(size, round + size), `${size} bytes of round ${round}`);
      });
    }
  },
};
