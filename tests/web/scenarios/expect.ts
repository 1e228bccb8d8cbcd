/** What a step gave, and whether it is what a file expects of it. */

import { compare, Mismatch } from './compare.js';
import { parseTier, parseTiers, type Tier } from './config.js';
import { choose, Fields, isObject, type Json, show, within } from './fields.js';
import { isEqual, parseValue, showValue, type Value } from './value.js';

/** What a step gave. */
export type Answer = { entry: Found | null } | { json: Json };

/** What a read found. */
export interface Found {
  value: Value;
  metadata: Json;
  source: Tier | undefined;
}

/** That a step failed, and of what. */
export interface Failure {
  /** As an `expect` names it; anything else is nothing that a storage may throw. */
  kind: string | undefined;
  tier: string | undefined;
  key: string | undefined;
  text: string;
}

export type Given = { answer: Answer } | { failure: Failure };

export const NOTHING: Given = { answer: { json: null } };

/** How what a step gives is to be read. */
export type Shape = 'entry' | 'written' | 'set' | 'json';

/** What a step is expected to give. */
export type Expect =
  | { is: 'failure'; kind: string; tier: string | undefined; key: string | undefined }
  /** No `value` leaves it open; `null` is a miss. */
  | { is: 'entry'; value: Value | null | undefined; source: Tier | undefined; metadata: Json | undefined }
  /** A list is compared as a set. */
  | { is: 'set'; json: Json }
  | { is: 'json'; json: Json };

const KINDS = ['invalid', 'denied', 'unavailable', 'conflict', 'corrupt', 'full', 'closed', 'internal'];

export function parseExpect(json: Json, shape: Shape): Expect {
  if (isObject(json) && Object.hasOwn(json, 'error')) {
    const fields = new Fields('expect', json);
    const kind = within('error', () => choose(fields.neededText('error'), KINDS));
    const expect: Expect = { is: 'failure', kind, tier: fields.text('tier'), key: fields.text('key') };
    fields.end();
    return expect;
  }
  if (shape === 'entry') return parseEntry(json);
  if (shape === 'written' && isObject(json)) {
    const fields = new Fields('expect', json);
    const tiers = fields.given('tiersWritten');
    if (tiers !== undefined) parseTiers(tiers);
    fields.json('metadata');
    fields.json('key');
    fields.end();
  }
  return { is: shape === 'set' ? 'set' : 'json', json };
}

function parseEntry(json: Json): Expect {
  if (json === null) return { is: 'entry', value: null, source: undefined, metadata: undefined };
  const fields = new Fields('expect', json);
  const value = fields.json('value');
  const source = fields.json('source');
  const expect: Expect = {
    is: 'entry',
    value: value === undefined || value === null ? value : parseValue(value),
    source: source === undefined ? undefined : parseTier(source),
    metadata: fields.json('metadata'),
  };
  fields.end();
  return expect;
}

/** Compares what came with what was expected. Throws a `Mismatch`. */
export function check(expect: Expect, given: Given): void {
  if (expect.is === 'failure') {
    if (!('failure' in given) || !isExpected(expect, given.failure)) {
      throw new Mismatch(showExpect(expect), showGiven(given));
    }
  } else if ('failure' in given) {
    throw new Mismatch(showExpect(expect), given.failure.text);
  } else if (expect.is === 'entry') {
    checkEntry(expect, given.answer);
  } else {
    compare('', expect.json, toJson(given.answer), expect.is === 'set' ? 'any' : 'kept');
  }
}

function isExpected(expect: Extract<Expect, { is: 'failure' }>, failure: Failure): boolean {
  const isOf = (named: string | undefined, said: string | undefined): boolean => named === undefined || named === said;
  return expect.kind === failure.kind && isOf(expect.tier, failure.tier) && isOf(expect.key, failure.key);
}

function checkEntry(expect: Extract<Expect, { is: 'entry' }>, answer: Answer): void {
  if (!('entry' in answer)) throw new Mismatch('an entry', showAnswer(answer));
  const { value, source, metadata } = expect;
  const found = answer.entry;
  if (value === null && found) throw new Mismatch('no value', showAnswer(answer));
  if (value && !(found && isEqual(value, found.value))) throw new Mismatch(showValue(value), showAnswer(answer));
  if (source !== undefined && found?.source !== source) {
    const got = found?.source === undefined ? 'no source' : show(found.source);
    throw new Mismatch(`the source ${show(source)}`, got);
  }
  if (metadata !== undefined) compare('metadata', metadata, found?.metadata ?? null, 'kept');
}

/** As the fields of an `expect` name it. */
export function toJson(answer: Answer): Json {
  if ('json' in answer) return answer.json;
  return answer.entry && { metadata: answer.entry.metadata, source: answer.entry.source ?? null };
}

export function showExpect(expect: Expect): string {
  if (expect.is === 'failure') {
    const tier = expect.tier === undefined ? '' : ` of the ${expect.tier} tier`;
    return `the failure ${show(expect.kind)}${tier}${expect.key === undefined ? '' : ` for ${show(expect.key)}`}`;
  }
  if (expect.is !== 'entry') return show(expect.json);
  if (expect.value === null) return 'no value';
  return expect.value === undefined ? 'an entry' : showValue(expect.value);
}

/** Short enough for a line. */
export function showGiven(given: Given): string {
  return 'failure' in given ? given.failure.text : showAnswer(given.answer);
}

function showAnswer(answer: Answer): string {
  if ('json' in answer) return show(answer.json);
  if (!answer.entry) return 'no value';
  const { value, source } = answer.entry;
  return source === undefined ? showValue(value) : `${showValue(value)} from ${source}`;
}
