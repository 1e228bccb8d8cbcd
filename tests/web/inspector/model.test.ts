/** What an inspector makes of events, and the network with a switch. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TierAnswer, TierName } from 'tiered-storage';
import { defineInspector, publishTo, switchable } from 'tiered-storage/inspector';
import { Latency, place } from '../../../pkg/ts/inspector/latency.js';
import { Model, type Note } from '../../../pkg/ts/inspector/model.js';

function answered(read: number, tier: TierName, answer: TierAnswer, size?: number, key = `key ${read}`): Note {
  return { at: read, event: { type: 'answered', tier, key, action: 'read', answer, read, size, elapsedMs: 1 } };
}

/** What a model makes of these notes. */
function modelOf(...notes: Note[]): Model {
  const model = new Model();
  notes.forEach((note) => model.take(note));
  return model;
}

const hits = ({ tiers }: Model): number[] => [tiers.hot.hits, tiers.warm.hits, tiers.cold.hits];

suite('the model', () => {
  test('counts who answered, and what that spared', () => {
    const model = modelOf(
      answered(1, 'hot', 'missing'),
      answered(1, 'warm', 'found', 2 ** 20),
      answered(2, 'hot', 'missing'),
      answered(2, 'warm', 'expired'),
      answered(2, 'cold', 'found', 10),
      answered(3, 'cold', 'missing'),
      answered(0, 'hot', 'found', 2 ** 20),
      { at: 5, hits: 7 },
      { at: 6, event: { type: 'requested', tier: 'cold', operation: 'get', status: 200, attempts: 3, bytesSent: 0, bytesReceived: 2 ** 30, elapsedMs: 5 } },
      { at: 7, event: { type: 'requested', tier: 'cold', operation: 'list', status: 200, attempts: 1, bytesSent: 0, bytesReceived: 0, elapsedMs: 5 } },
    );
    assert.deepEqual(hits(model), [8, 1, 1]);
    assert.deepEqual([model.reads, model.absent, model.spared, model.sparedBytes], [11, 1, 9, 2 ** 21]);
    assert.deepEqual([model.tiers.hot.misses, model.tiers.warm.misses, model.tiers.cold.misses], [2, 1, 1]);
    const { spent, spared } = model.dollars({ getPer1000: 1, putPer1000: 10, outPerGiB: 0.5 });
    assert.deepEqual([spent, spared], [3 / 1000 + 10 / 1000 + 0.5, 9 / 1000 + (2 ** 21 / 2 ** 30) * 0.5]);
  });

  test('takes the last answer of a read for the one that holds', () => {
    const model = modelOf(answered(1, 'warm', 'found', 10), answered(1, 'cold', 'found', 10));
    assert.deepEqual([hits(model), model.sparedBytes], [[0, 0, 1], 0]);
    const same = modelOf(answered(1, 'warm', 'found', 10), answered(1, 'cold', 'unchanged'));
    assert.deepEqual([hits(same), same.sparedBytes], [[0, 1, 0], 10]);
  });

  test('makes one story of hot hits of a key in a row', () => {
    const model = modelOf(answered(0, 'hot', 'found', 1, 'a'), answered(0, 'hot', 'found', 1, 'a'), answered(0, 'hot', 'found', 1, 'b'));
    assert.deepEqual(model.stories.map(({ key, count, steps }) => [key, count, steps.length]), [['b', 1, 1], ['a', 2, 1]]);
    assert.deepEqual(hits(model), [3, 0, 0]);
  });

  test('tells what followed a read, and why a tier failed', () => {
    const model = modelOf(
      { at: 1, event: { type: 'tierFailed', tier: 'warm', action: 'read', key: 'k', error: 'out of order' } },
      answered(1, 'warm', 'failed', undefined, 'k'),
      answered(1, 'cold', 'found', 5, 'k'),
      { at: 2, event: { type: 'promoted', tier: 'hot', key: 'k' } },
      { at: 3, event: { type: 'evicted', tier: 'hot', key: 'k' } },
    );
    const [story] = model.stories;
    assert.deepEqual(story?.steps.map(({ answer, error }) => [answer, error]), [['failed', 'out of order'], ['found', undefined]]);
    assert.deepEqual(story?.after, [{ type: 'promoted', tier: 'hot' }]);
    assert.deepEqual(model.happenings.map(({ type }) => type), ['evicted', 'promoted', 'tierFailed']);
    assert.deepEqual([model.tiers.hot.promoted, model.tiers.hot.evicted], [1, 1]);
  });

  test('tells what other tabs changed, also all that begins alike', () => {
    const model = modelOf({ at: 1, event: { type: 'changedElsewhere', prefix: 'site/' } }, { at: 2, event: { type: 'changedElsewhere', key: 'k' } });
    assert.deepEqual(model.happenings.map(({ key }) => key), ['k', 'site/\u2026']);
  });

  test('remembers no more than it has room for', () => {
    const model = new Model();
    for (let read = 1; read <= 5_000; read++) {
      model.take(answered(read, 'cold', 'found', 1));
      model.take({ at: read, event: { type: 'promoted', tier: 'hot', key: `key ${read}` } });
    }
    assert.deepEqual([model.stories.length, model.happenings.length, model.tiers.cold.latency.count], [200, 200, 1_000]);
    assert.equal(model.stories[0]?.key, 'key 5000');
  });
});

test('times lie on a scale of decades, and the oldest make way', () => {
  assert.deepEqual([0, 0.01, 0.1, 1, 10_000, 1e9].map(place), [0, 0, 1 / 6, 2 / 6, 1, 1]);
  const latency = new Latency();
  assert.equal(latency.percentiles([0.5]), undefined);
  for (let ms = 1; ms <= 100; ms++) latency.add(ms);
  assert.deepEqual(latency.percentiles([0.5, 0.99]), [50, 99]);
  for (let at = 0; at < 1_000; at++) latency.add(0.001);
  assert.deepEqual(latency.percentiles([0.5, 1]), [0.001, 0.001]);
  assert.equal(latency.bins[0], 1_000);
});

suite('a network with a switch', () => {
  test('sends, refuses, breaks off what is under way, and sends again', async () => {
    const asked: string[] = [];
    const network = switchable((url, { signal }) => {
      asked.push(url);
      if (url !== 'slow') return Promise.resolve(new Response(url));
      return new Promise((_, fail) => signal?.addEventListener('abort', () => fail(signal.reason as Error)));
    });
    assert.equal(await (await network('one')).text(), 'one');
    const slow = network('slow');
    network.isCut = true;
    await assert.rejects(slow, { name: 'TypeError', message: 'the network is cut' });
    await assert.rejects(network('two'), { name: 'TypeError', message: 'the network is cut' });
    network.isCut = true;
    network.isCut = false;
    assert.equal(await (await network('three')).text(), 'three');
    assert.deepEqual([asked, network.isCut], [['one', 'slow', 'three'], false]);
  });

  test('keeps the signal of who asks', async () => {
    const network = switchable(async (_, { signal }) => {
      signal?.throwIfAborted();
      return new Response();
    });
    await assert.rejects(network('one', { signal: AbortSignal.abort(new Error('enough')) }), { message: 'enough' });
  });
});

test('where there is no document, it can be imported and called, and changes nothing', () => {
  assert.deepEqual([typeof publishTo, 'customElements' in globalThis], ['function', false]);
  assert.doesNotThrow(() => defineInspector());
});
