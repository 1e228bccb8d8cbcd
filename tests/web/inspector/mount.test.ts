/** The inspector as an element: how it is given a storage, what it costs, what it leaves behind; and keys of all kinds in it. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { toDate, toDollars, toName, toTime } from '../../../pkg/ts/inspector/dom.js';
import { comes, figure, press } from './panel.js';
import { type Seat, Stage } from './stage.js';

let stage: Stage;

before(async () => {
  stage = await Stage.open();
});

after(() => stage.close());

async function seated(): Promise<Seat> {
  const seat = await stage.seat();
  await seat.call.put('k', 2_000);
  return seat;
}

const status = ({ page }: Seat): Promise<string> => page.getByRole('status').innerText();

/** The rows of keys, with what a screen reader is told of them. */
function told({ page }: Seat): Promise<string[]> {
  return page.locator('.places li:not(.empty) button').evaluateAll((rows) => rows.map(({ textContent }) => textContent ?? ''));
}

test('invisible signs of keys are written out, and figures have as many digits as say something', () => {
  assert.equal(toName('a\u202egpj.exe\n\u0000\u200b'), 'a\\u{202e}gpj.exe\\u{a}\\u{0}\\u{200b}');
  assert.equal(toName('\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u{1f469}\u200d\u{1f467} <b>'), '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u{1f469}\u200d\u{1f467} <b>');
  assert.deepEqual([0, 0.042, 0.599, 1.26, 12.6, 2_345].map(toTime), ['~0 ms', '42 \u00b5s', '600 \u00b5s', '1.3 ms', '13 ms', '2.35 s']);
  assert.deepEqual([0, 2e-7, 0.000_312, 1.5].map(toDollars), ['$0', '<$0.00001', '$0.00031', '$1.50']);
  assert.equal(toDate(new Date(2026, 1, 3, 4, 5, 6)), '2026-02-03 04:05:06');
});

suite('the element', { concurrency: false }, () => {
  test('takes what it was given before it was defined', async () => {
    const seat = await seated();
    await seat.call.mountEarly();
    await seat.call.get('k');
    await comes(() => figure(seat, '.card.cold', 'Answered'), '1');
    assert.equal(await seat.page.locator('.head .note').innerText(), 'in this page');
    assert.deepEqual(await seat.call.forbidden(), [], 'a strict policy is enough');
    await seat.page.context().close();
  });

  test('keeps its counts when it is given other options or is moved, not when the storage is another one', async () => {
    const seat = await seated();
    const { call, page } = seat;
    await call.mount();
    await call.get('k');
    await call.get('k');
    await comes(() => figure(seat, '.card.hot', 'Answered'), '1');
    await call.render(4 * 2 ** 20);
    await comes(() => page.locator('.card.hot .limit').innerText(), 'of 4.0 MiB');
    await call.move();
    await call.get('k');
    await comes(() => figure(seat, '.card.hot', 'Answered'), '2');
    await call.open(stage.server.place);
    await call.render(2 ** 20);
    await comes(() => figure(seat, '.card.hot', 'Answered'), '0');
    await page.context().close();
  });

  test('is told by HTML alone where a storage is published', async () => {
    const [owner, viewer] = (await stage.seats(2)) as [Seat, Seat];
    await owner.call.open(stage.server.place);
    await owner.call.publish('written');
    await viewer.call.mountWritten('written');
    assert.equal(await viewer.page.locator('.head .note').innerText(), 'on written');
    await owner.call.put('far', 100);
    await owner.call.get('far');
    await comes(() => told(viewer), ['far, in hot, in warm, cold was not asked']);
    await viewer.page.context().close();
  });

  test('lets go of everything when it is taken out of the page', async () => {
    const seat = await seated();
    const { call } = seat;
    await call.keepNote();
    await call.mount();
    assert.deepEqual([...new Set(await call.held())], ['interval', 'listener', 'observer']);
    await call.unmount();
    await call.painted();
    assert.deepEqual(await call.held(), []);
    await call.mountRemote('nobody');
    assert.deepEqual([...new Set(await call.held())], ['channel', 'interval', 'observer']);
    await call.unmount();
    await call.painted();
    assert.deepEqual(await call.held(), []);
    await seat.page.context().close();
  });

  test('paints at most eight times a second, however much happens, and not at all when nothing does', async () => {
    const seat = await seated();
    const { call } = seat;
    await call.many(300);
    await call.mount();
    const { count, ms } = await call.framesOf(10_000);
    assert.ok(count <= ms / 120 + 2, `${count} frames in ${ms} ms`);
    await comes(() => figure(seat, '.card.hot', 'Answered'), '10,000');
    await comes(() => call.idleFrames(), 0);
    assert.deepEqual(await call.shifts(), { sum: 0, moved: [] });
    await seat.page.context().close();
  });
});

suite('what is where', { concurrency: false }, () => {
  test('of hundreds of keys: by their beginnings, page by page, and what is in cold alone', async () => {
    const seat = await seated();
    const { call, page } = seat;
    await call.many(600);
    await call.mount();
    await comes(async () => (await told(seat))[0], 'many/00000.json, in hot, in warm, cold was not asked');
    assert.equal(await page.locator('.places .note').innerText(), '1\u20138 of more than 500');
    await press(page, 'Next');
    await comes(async () => (await told(seat))[0], 'many/00008.json, in hot, in warm, cold was not asked');
    await page.getByLabel('Begins with').fill('many/0001');
    await comes(() => page.locator('.places .note').innerText(), '1\u20138 of 10');
    await page.getByLabel('Begins with').fill('k');
    await comes(() => page.locator('.places .teaching').innerText(), 'No key in hot or warm begins like this. \u201cList cold\u201d asks the source of truth.');
    await press(page, 'List cold');
    await comes(() => told(seat), ['k, not in hot, not in warm, in cold']);
    await page.locator('.places li button').first().click();
    await comes(() => page.locator('.keys tbody tr td:first-of-type').allInnerTexts(), ['none', 'none', '2.0 KiB']);
    await press(page, 'Read');
    await comes(() => told(seat), ['k, in hot, in warm, in cold']);
    await press(page, 'Evict the copy in hot');
    await comes(() => told(seat), ['k, not in hot, in warm, in cold']);
    await page.context().close();
  });

  test('of keys that would deceive, run or burst: they are texts, each in its own direction', async () => {
    const seat = await stage.seat();
    const { call, page } = seat;
    const keys = ['\u202egpj.exe', '<img src=x onerror=alert(1)>', 'two  spaces', 'line\nbreak', `long/${'x'.repeat(900)}.bin`, '\u05e2\u05d1\u05e8\u05d9\u05ea/\u05e7\u05d5\u05d1\u05e5.txt'];
    page.on('dialog', () => assert.fail('a key ran'));
    await call.mount();
    for (const key of keys) {
      await call.put(key, 500);
      await call.get(key);
    }
    await page.evaluate(() => document.documentElement.setAttribute('dir', 'rtl'));
    const shown = (): Promise<string[]> => page.locator('.places li:not(.empty) bdi').evaluateAll((names) => names.map(({ textContent }) => textContent ?? ''));
    const names = ['\\u{202e}gpj.exe', keys[1], keys[2], 'line\\u{a}break', keys[4], keys[5]];
    await comes(async () => (await shown()).sort(), names.sort());
    await page.getByLabel('Key', { exact: true }).fill(keys[4] ?? '');
    await press(page, 'Look');
    await comes(() => status(seat), `long/${'x'.repeat(19)}\u2026${'x'.repeat(20)}.bin is in Hot, Warm, Cold`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'it is as wide as the page');
    const left = await page.evaluate(() => {
      const root = document.querySelector('tiered-storage-inspector')?.shadowRoot;
      const [name, marks] = ['.places li .key', '.places li .mark'].map((part) => root?.querySelector(part)?.getBoundingClientRect().left ?? 0);
      return (name ?? 0) < (marks ?? 0);
    });
    assert.equal(left, true, 'the panel reads from the left in any page');
    await seat.shot('hostile');
    await page.context().close();
  });
});

test('reads are turned over page by page, without those of hot, and all of it begins anew', async () => {
  const seat = await stage.seat();
  const { call, page } = seat;
  await call.mount();
  for (let at = 0; at < 12; at++) await call.put(`r/${at}`, 100);
  for (let at = 0; at < 12; at++) await call.get(`r/${at}`);
  await call.get('r/0');
  const keys = (): Promise<string[]> => page.locator('.reads li:not(.empty) .key').allInnerTexts();
  await comes(async () => (await keys())[0], 'r/0');
  await press(page, 'Older');
  await comes(async () => [(await keys())[0], (await keys())[9]], ['r/9', 'r/0']);
  await press(page, 'Newer');
  await comes(async () => (await keys())[0], 'r/0');
  await page.getByLabel('Hide hot hits').check();
  await comes(async () => (await keys())[0], 'r/11');
  await press(page, 'Start over');
  await comes(keys, []);
  assert.equal(await figure(seat, '.card.cold', 'Answered'), '0');
  assert.equal(await figure(seat, '.summary', 'Requests sent'), '0');
  await comes(() => figure(seat, '.card.hot', 'Entries'), '12');
  await page.context().close();
});

test('what one asked of nobody is forgotten when somebody comes who answers', async () => {
  const [owner, viewer] = (await stage.seats(2)) as [Seat, Seat];
  await owner.call.open(stage.server.place);
  await owner.call.put('far', 100);
  await owner.call.get('far');
  const { clock } = viewer.page;
  await clock.install();
  await viewer.page.reload();
  const mounted = viewer.call.mountRemote('late').then(() => 'mounted');
  while ((await Promise.race([mounted, clock.runFor(100)])) !== 'mounted');
  await owner.call.publish('late');
  const passing = async (): Promise<string[]> => {
    await clock.runFor(1_000);
    return told(viewer);
  };
  await comes(passing, ['far, in hot, in warm, cold was not asked']);
  const seen = new Set<string>();
  for (let ms = 0; ms < 12_000; ms += 250) {
    await clock.runFor(250);
    seen.add(await viewer.page.locator('.head .note').innerText());
  }
  assert.deepEqual([...seen], ['on late']);
  await viewer.page.context().close();
});

suite('what is done says what it did', { concurrency: false }, () => {
  test('a copy that is not there is not said to be given up, nor damaged while it could not heal', async () => {
    const seat = await seated();
    const { call, page } = seat;
    await call.mount();
    await page.getByLabel('Key', { exact: true }).fill('k');
    await press(page, 'Evict the copy in warm');
    await comes(() => status(seat), 'warm has no copy of k');
    await press(page, 'Read');
    await comes(() => status(seat), 'k came from cold');
    await press(page, 'Cut the network');
    await comes(() => page.getByRole('button', { name: 'Cut the network' }).getAttribute('aria-pressed'), 'true');
    await press(page, 'Damage the copy in warm');
    await comes(() => status(seat), 'the network is cut: a damaged copy could not heal');
    await press(page, 'Evict the copy in hot');
    await press(page, 'Read');
    await comes(() => status(seat), 'k came from warm');
    await page.context().close();
  });

  test('the second press removes what the first one named, and nothing else', async () => {
    const seat = await seated();
    const { call, page } = seat;
    await call.mount();
    await page.getByLabel('Keys from').fill('other/');
    await page.getByLabel('Where from').selectOption('all');
    await press(page, 'Invalidate');
    await comes(() => status(seat), 'this removes all keys that begin with \u201cother/\u201d from cold, too: press once more to do it');
    await page.getByLabel('Keys from').fill('');
    await press(page, 'Invalidate');
    await comes(() => status(seat), 'this removes every key there is from cold, too: press once more to do it');
    assert.equal(await call.get('k'), 2_000);
    await page.context().close();
  });

  test('without a storage there is nothing to press but what changes the view', async () => {
    const [seat] = (await stage.seats(1)) as [Seat];
    await seat.call.mountEmpty();
    const enabled = seat.page.locator('button:enabled:visible, input:enabled, select:enabled');
    assert.deepEqual(await enabled.evaluateAll((controls) => controls.map(({ textContent, id }) => textContent || id || 'Hide hot hits')), ['Start over', 'Hide hot hits']);
    await seat.page.context().close();
  });
});
