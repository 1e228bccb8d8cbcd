/** The inspector over a real storage: memory, IndexedDB and S3, under a policy that allows no inline style. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { complaints } from '../lib/axe.js';
import { comes, figure, press } from './panel.js';
import { type Seat, Stage } from './stage.js';

let stage: Stage;

before(async () => {
  stage = await Stage.open();
});

after(() => stage.close());

/** A page with an inspector of its storage. */
async function inspected(options: Parameters<Stage['seat']>[0] = {}): Promise<Seat> {
  const seat = await stage.seat(options);
  await seat.call.mount();
  return seat;
}

/** The lines of the story that is shown: tier, and what it said. */
function story({ page }: Seat): Promise<string[]> {
  return page.locator('.steps li:not(.empty)').evaluateAll((items) =>
    items.map((item) => ['.name', '.said'].map((part) => item.querySelector(part)?.textContent).join(' ')),
  );
}

function happened({ page }: Seat): Promise<string[]> {
  return page.locator('.log li:not(.empty)').evaluateAll((items) =>
    items.map((item) => ['.what', '.key'].map((part) => item.querySelector(part)?.textContent).join(' ')),
  );
}

suite('the story of a read', { concurrency: false }, () => {
  test('from cold, from warm and from hot, with what it left behind', async () => {
    const seat = await inspected();
    const { call, page } = seat;
    await call.put('a', 5_000);
    assert.equal(await call.get('a'), 5_000);
    await comes(() => story(seat), ['Hot not there', 'Warm not there', 'Cold has it', 'Warm then got a copy', 'Hot then got a copy']);
    assert.match(await page.locator('.sentence').innerText(), /^Hot did not have it\. Warm did not have it\. Cold had it, 4\.9 KiB\.$/);
    await page.getByLabel('Key', { exact: true }).fill('a');
    await press(page, 'Evict the copy in hot');
    await call.get('a');
    await comes(() => story(seat), ['Hot not there', 'Warm has it', 'Cold not asked', 'Hot then got a copy']);
    await press(page, 'Read');
    await comes(() => story(seat), ['Hot has it', 'Warm not asked', 'Cold not asked']);
    await comes(() => page.getByRole('status').innerText(), 'a came from hot');
    const shown = ['.card.hot', '.card.warm', '.card.cold'].map((card) => figure(seat, card, 'Answered'));
    assert.deepEqual(await Promise.all(shown), ['1', '1', '1']);
    assert.equal(await figure(seat, '.summary', 'Requests spared'), '2');
    assert.equal(await figure(seat, '.card.cold', 'PUT'), '1');
    assert.equal(await figure(seat, '.summary', 'Dollars spared'), '<$0.00001');
    await page.context().close();
  });

  test('that met a damaged copy, which heals', async () => {
    const seat = await inspected();
    const { call, page } = seat;
    await call.put('b', 3_000);
    await call.get('b');
    await page.getByLabel('Key', { exact: true }).fill('b');
    await press(page, 'Damage the copy in warm');
    await comes(() => story(seat), ['Hot not there', 'Warm damaged', 'Cold has it', 'Warm then got a copy', 'Hot then got a copy']);
    await comes(() => page.getByRole('status').innerText(), 'a byte of b was turned around in warm; the read noticed, and was answered by cold');
    assert.ok((await happened(seat)).includes('Damaged in warm b'));
    await comes(() => page.locator('.keys tbody tr td:first-of-type').allInnerTexts(), ['2.9 KiB', '2.9 KiB', '2.9 KiB']);
    await page.context().close();
  });

  test('while the network is cut', async () => {
    const seat = await inspected();
    const { call, page } = seat;
    await call.put('c', 3_000);
    await call.put('d', 3_000);
    await call.get('c');
    await press(page, 'Cut the network');
    await comes(() => page.getByRole('status').innerText(), 'the network is cut: what is not here cannot be had');
    assert.equal(await call.get('c'), 3_000);
    await page.getByLabel('Key', { exact: true }).fill('d');
    await press(page, 'Read');
    await comes(() => story(seat), ['Hot not there', 'Warm not there', 'Cold no answer']);
    assert.match(await page.locator('.sentence').innerText(), /Cold did not answer: no connection to/);
    await comes(async () => /^no connection to/.test(await page.getByRole('status').innerText()), true);
    await seat.shot('cut');
    await press(page, 'Cut the network');
    await press(page, 'Read');
    await comes(async () => (await story(seat))[2], 'Cold has it');
    await page.context().close();
  });
});

test('what is given up is told as it happens, and what is invalidated is gone', async () => {
  const seat = await inspected();
  const { call, page } = seat;
  for (let at = 0; at < 5; at++) {
    await call.put(`large/${at}`, 240 * 1024);
    await call.get(`large/${at}`);
  }
  await comes(async () => (await happened(seat)).filter((what) => what.startsWith('Given up')), ['Given up by hot large/0']);
  assert.equal(await figure(seat, '.card.hot', 'Given up'), '1');
  await comes(() => figure(seat, '.card.hot', 'Entries'), '4');
  await page.getByLabel('Key', { exact: true }).fill('large/4');
  await page.getByLabel('Keys from').fill('large/');
  await press(page, 'Invalidate');
  await comes(() => page.locator('.keys tbody tr td:first-of-type').allInnerTexts(), ['none', 'none', '240 KiB']);
  await page.getByLabel('Where from').selectOption('all');
  await press(page, 'Invalidate');
  assert.equal(await call.get('large/4'), 240 * 1024);
  await press(page, 'Really?');
  await comes(() => page.getByRole('status').innerText(), '5 keys that begin with \u201clarge/\u201d are gone from every tier');
  assert.equal(await call.get('large/4'), null);
  await page.context().close();
});

suite('a storage that is published', () => {
  test('by another page is seen here, and does here what it is told', async () => {
    const [owner, viewer] = (await stage.seats(2)) as [Seat, Seat];
    await viewer.call.mountRemote('shelf');
    await owner.call.open(stage.server.place);
    await owner.call.publish('shelf');
    await comes(() => figure(viewer, '.card.hot', 'Entries'), '0');
    await owner.call.put('far', 3_000);
    await owner.call.get('far');
    await comes(() => story(viewer), ['Hot not there', 'Warm not there', 'Cold has it', 'Warm then got a copy', 'Hot then got a copy']);
    await viewer.page.getByLabel('Key', { exact: true }).fill('far');
    await press(viewer.page, 'Damage the copy in warm');
    await comes(() => viewer.page.getByRole('status').innerText(), 'a byte of far was turned around in warm; the read noticed, and was answered by cold');
    await press(viewer.page, 'Cut the network');
    await comes(() => viewer.page.getByRole('status').innerText(), 'the network is cut: what is not here cannot be had');
    await assert.rejects(owner.call.get('nowhere'));
    await viewer.page.context().close();
  });

  test('by a worker, too', async () => {
    const [seat] = (await stage.seats(1)) as [Seat];
    await seat.call.work();
    await seat.call.mountRemote('worker');
    await comes(() => figure(seat, '.card.cold', 'Missed'), '0');
    await seat.page.getByLabel('Key', { exact: true }).fill('from/worker');
    await comes(async () => {
      await press(seat.page, 'Look');
      return seat.page.getByRole('status').innerText();
    }, 'from/worker is in Cold');
    await press(seat.page, 'Read');
    await comes(() => story(seat), ['Hot not there', 'Cold has it', 'Warm not asked', 'Hot then got a copy']);
    await seat.page.context().close();
  });
});

test('the rows are one stop of the keyboard, stand still under it, and are chosen by Enter', async () => {
  const seat = await inspected();
  const { call, page } = seat;
  for (const key of ['one', 'two', 'three']) {
    await call.put(key, 100);
    await call.get(key);
  }
  const keys = (): Promise<string[]> => page.locator('.reads li:not(.empty) .key').allInnerTexts();
  await comes(keys, ['three', 'two', 'one']);
  await page.locator('.reads li button').first().focus();
  await page.keyboard.press('ArrowDown');
  await call.put('four', 100);
  await call.get('four');
  await call.painted();
  assert.deepEqual(await keys(), ['three', 'two', 'one']);
  await page.keyboard.press('Enter');
  await comes(() => page.locator('.story .key').innerText(), 'two');
  assert.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'two');
  await comes(() => page.locator('.keys tbody tr td:first-of-type').allInnerTexts(), ['100 B', '100 B', '100 B']);
  await page.keyboard.press('Tab');
  await comes(keys, ['four', 'three', 'two', 'one']);
  assert.equal(await page.locator('.story .key').innerText(), 'two');
  await page.context().close();
});

for (const [name, options] of [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { viewport: { width: 390, height: 844 } }],
  ['calm', { reducedMotion: 'reduce' }],
] as const) {
  test(`axe finds nothing and nothing moves while there is traffic: ${name}`, async () => {
    const seat = await inspected(options);
    const { call, page } = seat;
    await call.traffic(200);
    await call.painted();
    assert.deepEqual(await call.shifts(), { sum: 0, moved: [] });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'it is as wide as the page');
    assert.deepEqual(await complaints(page), []);
    await page.getByLabel('Key', { exact: true }).fill('site/photos/2.jpg');
    await press(page, 'Damage the copy in warm');
    await press(page, 'Count');
    await comes(() => page.getByRole('status').innerText(), 'cold was counted');
    await call.painted();
    await seat.shot(name);
    assert.deepEqual(await complaints(page), []);
    await page.context().close();
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`tiers that are not there can be read of all the same: ${colorScheme}`, async () => {
    const [seat] = (await stage.seats(1, { colorScheme })) as [Seat];
    await seat.call.open(stage.server.place);
    await seat.call.mountCold();
    assert.equal(await seat.page.locator('.card.absent').count(), 2);
    assert.deepEqual(await complaints(seat.page), []);
    await seat.shot(`absent-${colorScheme}`);
    await seat.page.context().close();
  });
}

test('what is hidden takes note, and shows it once it is seen', async () => {
  const seat = await inspected();
  const { call, page } = seat;
  const hide = (display: string): Promise<void> =>
    page.locator('tiered-storage-inspector').evaluate((panel, display) => void ((panel as HTMLElement).style.display = display), display);
  await hide('none');
  await call.painted();
  await call.put('unseen', 100);
  await call.get('unseen');
  await call.painted();
  assert.deepEqual(await story(seat), [], 'nothing is painted');
  await hide('block');
  await comes(() => page.locator('.story .key').innerText(), 'unseen');
  await page.context().close();
});

test('a panel without a storage says so, and offers nothing', async () => {
  const [seat] = (await stage.seats(1)) as [Seat];
  await seat.call.mountEmpty();
  assert.equal(await seat.page.locator('.head .note').innerText(), 'no storage: set `storage` or `channel`');
  for (const name of ['Cut the network', 'Evict the copy in hot', 'Damage the copy in warm']) {
    assert.equal(await seat.page.getByRole('button', { name }).isDisabled(), true, name);
  }
  assert.deepEqual(await complaints(seat.page), []);
  await seat.page.context().close();
});
