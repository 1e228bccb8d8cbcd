/** What becomes of a queue when its steps meet in the worst order. No test waits for time to pass. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StorageError } from '../../../pkg/ts/errors.js';
import { Stage, changed, gate, isBegin, isEnd, soon } from './stage.js';

const away = async (): Promise<never> => {
  throw new StorageError('unavailable', 'there is no network');
};

test('what another tab cancels after it was begun, and before that is known here, is not sent', { timeout: 20_000 }, async (t) => {
  for (const kind of ['set', 'delete', 'empty'] as const) {
    const stage = new Stage(t);
    const [sender, other] = [await stage.tab(), await stage.tab()];
    const queued = changed(sender.queue);
    const options = { overwrite: true };
    if (kind === 'delete') await other.queue.delete('a', options);
    else await other.queue.set('a', kind === 'set' ? 'one' : new Uint8Array(), options);
    await queued;
    const begun = gate();
    sender.after = (changes) => (isBegin(changes) ? begun.pass() : undefined);
    const flushed = sender.queue.flush();
    await begun.reached;
    const heard = changed(sender.queue);
    assert.equal(await other.queue.cancel(1), true);
    await heard;
    const next = new Promise<void>((done) => (sender.before = async () => done()));
    begun.open();
    await Promise.all([flushed, next]);
    assert.deepEqual(stage.sent, [], kind);
  }
});

test('what another tab cancels while it is looked for once more is not sent', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const [sender, other] = [await stage.tab(), await stage.tab()];
  const queued = changed(sender.queue);
  await other.queue.delete('a', { overwrite: true });
  await queued;
  const [begun, looked] = [gate(), gate()];
  sender.after = (changes) => (isBegin(changes) ? begun.pass() : undefined);
  const flushed = sender.queue.flush();
  await begun.reached;
  sender.looked = looked.pass;
  begun.open();
  await looked.reached;
  const heard = changed(sender.queue);
  assert.equal(await other.queue.cancel(1), true);
  await heard;
  const next = new Promise<void>((done) => (sender.before = async () => done()));
  looked.open();
  await Promise.all([flushed, next]);
  assert.deepEqual(stage.sent, []);
});

test('what is sent all the same while it is cancelled leads the write behind it', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  stage.versions.set('a', 'old');
  await tab.queue.set('a', 'one');
  await tab.queue.set('a', 'two');
  const answered = gate();
  let isFirst = true;
  tab.answer = () => {
    if (!isFirst) return undefined;
    isFirst = false;
    // It has taken effect, and the signal comes too late.
    stage.versions.set('a', 'old');
    return answered.pass();
  };
  const events: string[] = [];
  for (const type of ['sent', 'conflict'] as const) tab.queue.on(type, ({ write }) => events.push(`${type} ${write.id}`));
  const { set } = tab.storage;
  tab.storage.set = async (key, value, options) => {
    const { signal: _, ...rest } = options as { signal: AbortSignal };
    return set(key, value, rest);
  };
  const flushed = tab.queue.flush();
  await answered.reached;
  await tab.queue.cancel(1);
  answered.open();
  await flushed;
  assert.deepEqual(events, ['sent 1', 'sent 2']);
});

test('a flush ends although the tab that sent the last write is gone before it could tell', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  await tab.queue.set('a', 'one', { overwrite: true });
  const asked = gate();
  tab.before = asked.pass;
  const flushed = tab.queue.flush();
  await asked.reached;
  stage.records.clear();
  asked.open();
  assert.equal(await soon(flushed), undefined);
});

test('a flush sends what is queued just when nothing more was found', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  await tab.queue.set('a', 'one', { overwrite: true });
  const looking = gate();
  tab.after = (changes) => {
    // Who waits looks after the end of the write, and not before the other one is queued.
    if (isEnd(changes)) tab.looking = looking.pass;
    if (changes.length || !stage.sent.length) return undefined;
    tab.after = () => undefined;
    return tab.queue.set('b', 'two', { overwrite: true }).then(looking.open);
  };
  assert.equal(await soon(tab.queue.flush()), undefined);
  assert.deepEqual([stage.sent, stage.records.size], [['set a', 'set b'], 0]);
});

test('a flush is heeded however soon after an outage it is asked for', { timeout: 20_000 }, async (t) => {
  for (let turns = 0; turns < 25; turns++) {
    const stage = new Stage(t);
    const tab = await stage.tab();
    await tab.queue.set('a', 'one', { overwrite: true });
    tab.answer = away;
    await tab.queue.flush().catch(() => (tab.answer = () => undefined));
    for (let left = turns; left > 0; left--) await undefined;
    assert.equal(await soon(tab.queue.flush()), undefined, `after ${turns} turns`);
  }
});

test('a queue that is closed while it takes in an outage does not wait that out', { timeout: 20_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stage = new Stage(t);
  const tab = await stage.tab({ send: 'auto' });
  const ended = gate();
  tab.answer = away;
  tab.after = (changes) => (isEnd(changes) ? ended.pass() : undefined);
  await tab.queue.set('a', 'one', { overwrite: true });
  await ended.reached;
  const closed = tab.queue.close();
  ended.open();
  assert.equal(await soon(closed), undefined);
});

test('what a cancelled write held up is sent', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab({ send: 'auto' });
  tab.answer = async () => {
    throw new StorageError('denied', 'no');
  };
  const failed = new Promise<void>((done) => tab.queue.on('failed', () => done()));
  await tab.queue.set('a', 'one', { overwrite: true });
  await tab.queue.set('a', 'two', { overwrite: true });
  await failed;
  await soon(new Promise(() => undefined));
  tab.answer = () => undefined;
  const sent = new Promise<number>((done) => tab.queue.on('sent', ({ write }) => done(write.id)));
  await tab.queue.cancel(1);
  assert.equal(await soon(sent), 2);
});

test('a write behind one that is sent while it is being queued is for what that one left', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  stage.versions.set('a', 'old');
  await tab.queue.set('a', 'one');
  const [known, ended] = [gate(), gate()];
  tab.known = known.pass;
  tab.after = (changes) => (isEnd(changes) ? ended.pass() : undefined);
  const entered = tab.queue.set('a', 'two');
  await known.reached;
  const flushed = tab.queue.flush();
  // Its end is stored, and nobody was told yet.
  await ended.reached;
  known.open();
  await entered;
  ended.open();
  await flushed;
  assert.deepEqual([await tab.queue.pending(), stage.sent], [[], ['set a', 'set a']]);
});

test('so is one behind a write that another tab sends', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const [tab, other] = [await stage.tab(), await stage.tab()];
  stage.versions.set('a', 'old');
  await tab.queue.set('a', 'one');
  const known = gate();
  tab.known = known.pass;
  const entered = tab.queue.set('a', 'two');
  await known.reached;
  const heard = new Promise<void>((done) => tab.queue.on('sent', () => done()));
  await other.queue.flush();
  await heard;
  known.open();
  await entered;
  await tab.queue.flush();
  assert.deepEqual(await tab.queue.pending(), []);
});

test('what somebody else wrote behind such a write is still in the way', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  stage.versions.set('a', 'old');
  await tab.queue.set('a', 'one');
  const known = gate();
  tab.known = known.pass;
  const entered = tab.queue.set('a', 'two');
  await known.reached;
  await tab.queue.flush();
  stage.versions.set('a', 'theirs');
  known.open();
  await entered;
  await tab.queue.flush();
  assert.deepEqual((await tab.queue.pending()).map(({ state, current }) => [state, current?.version]), [['conflict', 'theirs']]);
});

test('options are taken as they are when a write is queued', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  const metadata = { who: 'me' };
  const entered = tab.queue.set('a', 'one', { metadata });
  metadata.who = 'another';
  await entered;
  let reads = 0;
  const turncoat = Object.defineProperty({}, 'who', { enumerable: true, get: () => ((reads += 1) === 1 ? 'me' : { another: reads }) });
  await assert.rejects(async () => tab.queue.set('b', 'two', { metadata: turncoat }), { kind: 'invalid' });
  let sent: unknown;
  tab.answer = (call) => void (sent = call.metadata) as undefined;
  await tab.queue.flush();
  assert.deepEqual(sent, { who: 'me' });
});

test('a tab whose storage was closed lets another one send', { timeout: 20_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stage = new Stage(t);
  const [broken, other] = [await stage.tab({ send: 'auto' }), await stage.tab({ send: 'auto' })];
  broken.answer = async () => {
    throw new StorageError('closed', 'the storage was closed');
  };
  const sent = new Promise<void>((done) => other.queue.on('sent', () => done()));
  await broken.queue.set('a', 'one', { overwrite: true });
  assert.equal(await soon(sent, 2000), undefined);
});

test('a queue whose store fails for a while goes on by itself', { timeout: 20_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stage = new Stage(t);
  const tab = await stage.tab({ send: 'auto' });
  await tab.queue.set('a', 'one', { overwrite: true });
  await tab.queue.flush();
  let failures = 0;
  tab.before = async () => {
    if (stage.records.size) throw new StorageError('unavailable', `the disk failed ${(failures += 1)} times`);
  };
  await tab.queue.set('b', 'two', { overwrite: true });
  await soon(new Promise(() => undefined));
  tab.before = () => undefined;
  t.mock.timers.tick(60_000);
  await soon(new Promise(() => undefined));
  assert.deepEqual([failures > 0, stage.sent], [true, ['set a', 'set b']]);
});

test('a write that is cancelled while its queue is closed is cancelled all the same', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  await tab.queue.set('a', 'one', { overwrite: true });
  const stored = gate();
  tab.after = stored.pass;
  const cancelled = tab.queue.cancel(1);
  await stored.reached;
  await tab.queue.close();
  stored.open();
  assert.equal(await cancelled, true);
});

test('messages of others on this channel are passed over', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  const stray = new BroadcastChannel(stage.name);
  t.after(() => stray.close());
  stray.postMessage({ type: 'of a later version' });
  stray.postMessage('a text');
  const heard = changed(tab.queue);
  stray.postMessage({ type: 'change' });
  await heard;
});

test('a step reads what it is about, and not all that is queued', { timeout: 20_000 }, async (t) => {
  const COUNT = 200;
  const stage = new Stage(t);
  const tab = await stage.tab();
  for (let at = 0; at < COUNT; at++) await tab.queue.set(`key-${at}`, at, { ifAbsent: true });
  assert.ok(stage.read <= COUNT, `${stage.read} records were read to queue ${COUNT}`);
  stage.read = 0;
  await Promise.all([tab.queue.flush(), tab.queue.flush(), tab.queue.flush()]);
  assert.equal(stage.sent.length, COUNT);
  assert.ok(stage.read <= 8 * COUNT, `${stage.read} records were read to send ${COUNT}`);
});

test('what is held up is passed over, however much it is', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  for (let at = 0; at < 40; at++) await tab.queue.set(at % 2 ? 'held' : `held-${at}`, at, { ifMatch: 'gone' });
  await tab.queue.flush();
  assert.deepEqual(new Set((await tab.queue.pending()).map(({ key, state }) => key === 'held' || state)), new Set([true, 'conflict']));
  stage.sent.length = 0;
  await tab.queue.set('free', 1, { overwrite: true });
  await tab.queue.flush();
  assert.deepEqual(stage.sent, ['set free']);
});

test('a queue that waits for another to send is closed without waiting, and moves nobody up', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const [sender, waiting, next] = [await stage.tab(), await stage.tab(), await stage.tab()];
  await sender.queue.set('a', 'one', { overwrite: true });
  const answered = gate();
  sender.answer = answered.pass;
  const flushed = sender.queue.flush();
  await answered.reached;
  const given = assert.rejects(waiting.queue.flush(), { kind: 'closed' });
  const last = next.queue.flush();
  assert.equal(await soon(waiting.queue.close()), undefined);
  await given;
  assert.equal(await soon(last), 'late');
  answered.open();
  await Promise.all([flushed, last]);
  assert.deepEqual(stage.sent, ['set a']);
});

test('who waits to queue behind a body that does not come can give that up, and the order stays', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  const coming = gate();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    await coming.pass();
    yield new Uint8Array(1);
  };
  const options = { overwrite: true };
  const first = tab.queue.set('a', body(), options);
  const giveUp = new AbortController();
  const second = tab.queue.set('a', 2, { ...options, signal: giveUp.signal });
  const third = tab.queue.set('a', 3, options);
  await coming.reached;
  giveUp.abort(new Error('given up'));
  await assert.rejects(second, /given up/);
  assert.equal(await soon(third), 'late');
  coming.open();
  assert.deepEqual([(await first).id, (await third).id], [1, 2]);
});

test('the body of a write that is sent while it is read is that of no write', { timeout: 20_000 }, async (t) => {
  const stage = new Stage(t);
  const tab = await stage.tab();
  await tab.queue.set('a', 'one', { overwrite: true });
  tab.looked = () => {
    tab.looked = () => undefined;
    return tab.queue.flush();
  };
  assert.equal(await tab.queue.body(1), null);
  await tab.queue.set('b', 'two', { overwrite: true });
  stage.bodies.clear();
  await assert.rejects(tab.queue.body(2), { kind: 'corrupt' });
});
