/** The runner does what scenarios say on both hosts, and says what it cannot run. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bundleForNode, ROOT, WEB } from '../lib/bundle.mjs';

const PASSING = { name: 'well', why: '', config: {}, steps: [{ do: 'set', key: 'k', value: { text: 'v' } }] };

interface Output {
  code: number | null;
  lines: string[];
  problems: string;
}

let folder = '';
let runner = '';

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scenarios-'));
  [runner = ''] = await bundleForNode([join(WEB, 'scenarios/main.ts')]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A scenario of these steps. */
function scenario(...steps: object[]): object {
  return { name: 'it', why: '', config: {}, steps };
}

/** Writes files into a folder of their own. */
function write(files: Record<string, object | string>): string {
  const inner = mkdtempSync(join(folder, 'files-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(inner, name, '..'), { recursive: true });
    writeFileSync(join(inner, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return inner;
}

/** As npm calls it: from the folder of the package, with the caller's folder beside. */
async function call(words: string[], from: string = folder): Promise<Output> {
  const env = { ...process.env, INIT_CWD: from, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, [runner, ...words], { cwd: join(ROOT, 'pkg'), env });
  let [out, problems] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (out += String(data)));
  child.stderr.on('data', (data: Buffer) => (problems += String(data)));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  return { code, lines: out.split('\n').slice(0, -1), problems };
}

/** Runs one file. A relative path is relative to the caller. */
function run(host: string, content: object | string): Promise<Output> {
  return call(['--host', host, 'one.json'], write({ 'one.json': content }));
}

async function check(output: Promise<Output>, code: number, lines: string[], problem = ''): Promise<void> {
  const got = await output;
  assert.deepEqual({ lines: got.lines, code: got.code }, { lines, code }, got.problems);
  assert.ok(got.problems.includes(problem), got.problems);
}

const GET = { do: 'get', key: 'k', expect: { value: { text: 'v' }, source: 'hot' } };
const SET = { do: 'set', key: 'k', value: { text: 'v' } };
const METADATA = { ttl: '2026-01-02', customMetadata: { a: 'b' }, size: 3 };

/** What is so on either host: the steps, and what is said of them in place of `ok it`. */
const BOTH: Record<string, [steps: object[], failure?: string]> = {
  'one that fails says where': [
    [SET, { do: 'get', key: 'k', expect: { value: { text: 'w' } } }],
    'step 2: expected the bytes "w", got the bytes "v" from hot',
  ],
  'a hold that nobody releases is a failure': [
    [{ do: 'hold', tier: 'cold', call: 'write' }, SET],
    'step 2: expected an end, got no end: it waits for what nobody releases: cold write',
  ],
  'started steps stop where they are held': [
    [
      { do: 'hold', tier: 'cold', call: 'write' },
      { do: 'start', id: 'W', step: SET },
      { do: 'tier', tier: 'cold', call: 'exists', key: 'k', expect: false },
      { do: 'release', tier: 'cold', call: 'write' },
      { do: 'finish', id: 'W' },
      GET,
    ],
  ],
  'a fault, a hold and a count apply to a hot hit': [
    [
      SET,
      GET,
      { do: 'calls', tier: 'hot', call: 'read', expect: 1 },
      { do: 'hold', tier: 'hot', call: 'read' },
      { do: 'start', id: 'R', step: GET },
      { do: 'calls', tier: 'hot', call: 'read', expect: 1 },
      { do: 'release', tier: 'hot', call: 'read' },
      { do: 'finish', id: 'R' },
      { do: 'fault', tier: 'hot', call: 'read' },
      { ...GET, expect: { source: 'warm' } },
      GET,
    ],
  ],
  'what is in a tier can be had and put there as it is': [
    [
      { do: 'tier', tier: 'cold', call: 'set', key: 'j', value: { json: [1] }, metadata: METADATA },
      { do: 'tier', tier: 'cold', call: 'get', key: 'j', expect: { value: { json: [1] }, metadata: { size: 3 } } },
      { do: 'get', key: 'j', expect: { value: { json: [1] }, metadata: { ttl: 1767312000000 } } },
      { do: 'tier', tier: 'warm', call: 'set', key: 'z', value: { repeat: 'z', times: 999 }, metadata: { compressed: true } },
      { do: 'tier', tier: 'warm', call: 'get', key: 'z', expect: { value: { repeat: 'z', times: 999 } } },
      { do: 'tier', tier: 'warm', call: 'keys', expect: ['z'] },
      { do: 'tier', tier: 'cold', call: 'keys', prefix: 'j', expect: ['j'] },
      { do: 'tier', tier: 'cold', call: 'delete', key: 'j' },
      { do: 'tier', tier: 'cold', call: 'getMetadata', key: 'j', expect: null },
    ],
  ],
  'warm evicts as it is told to': [
    [
      { do: 'set', key: 'a', value: { text: '1' } },
      { do: 'set', key: 'b', value: { text: '2' } },
      { do: 'settle' },
      { do: 'tier', tier: 'warm', call: 'keys', expect: ['b'] },
    ],
  ],
};

for (const host of ['node', 'chromium']) {
  test(`what a scenario can say is done on the host ${host}`, async () => {
    const cases = Object.entries(BOTH);
    const config = { warm: { maxItems: 1, evictionPolicy: 'fifo' } };
    const files = cases.map(([name, [steps]], at) => [`${at}.json`, { name, config, steps }]);
    const lines = cases.map(([name, [, failure]]) => (failure === undefined ? `ok ${name}` : `FAIL ${name}: ${failure}`));
    const failed = cases.filter(([, [, failure]]) => failure !== undefined).length;
    const last = `${cases.length - failed} passed, ${failed} failed`;
    await check(call(['--host', host, write(Object.fromEntries(files))]), 1, [...lines, last]);
  });
}

test('one that must not fail fails', async () => {
  const { lines, code } = await run('node', scenario({ do: 'get', key: '' }));
  assert.match(lines[0] ?? '', /^FAIL it: step 1: expected no failure, got invalid: ./);
  assert.equal(code, 1);
});

test('null is not a miss, and text is not JSON', async () => {
  const stored = (json: unknown, value: unknown): object =>
    scenario({ do: 'set', key: 'k', value: { json } }, { do: 'get', key: 'k', expect: { value } });
  const none = 'FAIL it: step 2: expected no value, got the JSON null from hot';
  await check(run('node', stored(null, null)), 1, [none, '0 passed, 1 failed']);
  const text = 'FAIL it: step 2: expected the bytes "\\"v\\"", got the JSON "v" from hot';
  await check(run('node', stored('v', { text: '"v"' })), 1, [text, '0 passed, 1 failed']);
});

test('a started step waits for real work too', async () => {
  const value = { repeat: 'some words ', times: 100_000 };
  const steps = [
    { do: 'hold', tier: 'warm', call: 'write' },
    { do: 'start', id: 'W', step: { do: 'set', key: 'k.txt', value } },
    { do: 'tier', tier: 'cold', call: 'exists', key: 'k.txt', expect: true },
    { do: 'release', tier: 'warm', call: 'write' },
    { do: 'finish', id: 'W' },
  ];
  const packed = { ...scenario(...steps), config: { compression: true } };
  await check(run('node', packed), 0, ['ok it', '1 passed, 0 failed']);
});

test('other hosts are skipped', async () => {
  const elsewhere = { ...PASSING, hosts: ['memory', 'chromium'] };
  await check(run('node', elsewhere), 0, ['1 skipped', '0 passed, 0 failed']);
  await check(run('node', { ...PASSING, hosts: ['memory', 'node'] }), 0, ['ok well', '1 passed, 0 failed']);
});

test('what is not known is said', async () => {
  const cases: [object | string, string][] = [
    [scenario({ do: 'jump' }), 'step 1: there is no step "jump"'],
    [scenario({ do: 'get', key: 'k', speed: 1 }), 'get: the step has no option "speed"'],
    [scenario({ do: 'set', key: 'k', value: { text: 'v' }, options: { tty: 1 } }), 'options has no option "tty"'],
    [scenario({ do: 'get', key: 'k', options: { fast: true } }), 'options has no option "fast"'],
    [scenario({ do: 'get', key: 'k', expect: { valeu: null } }), 'expect has no option "valeu"'],
    [scenario({ do: 'get', key: 'k', expect: { error: 'bad' } }), 'error: "bad" is not known here'],
    [scenario({ do: 'set', key: 'k', value: {} }), 'a value is to have "text", "json", "base64" or "repeat"'],
    [scenario({ do: 'set', key: 'k', value: { base64: '?' } }), '"?" is not base64'],
    [scenario({ do: 'finish', id: 'A' }), '"A" was not started'],
    [scenario({ do: 'start', id: 'A', step: { do: 'restart' } }), 'only a call can be started'],
    [scenario({ do: 'all', steps: [{ do: 'hop' }] }), 'there is no step "hop"'],
    [scenario({ do: 'all', steps: [], expect: 1 }), '"expect" belongs to the steps inside it'],
    [scenario({ do: 'calls', tier: 'hot', call: 'read' }), 'the step needs "expect"'],
    [scenario({ do: 'calls', tier: 'hot', call: 'open', expect: 1 }), 'call: "open" is not known here'],
    [scenario({ do: 'fault', tier: 'hot', call: 'read', times: -1 }), '"times" of the step is to be a whole number'],
    [scenario({ do: 'damage', tier: 'hot', key: 'k', how: 'burn' }), 'how: "burn" is not known here'],
    [scenario({ do: 'tier', tier: 'hot', call: 'open' }), 'a tier has no call "open"'],
    [scenario({ do: 'bootstrapWarm', sinceDate: 'monday' }), '"sinceDate" is to be a date in UTC'],
    [scenario({ do: 'import' }), 'step 1: nothing was exported that could be imported'],
    [{ ...PASSING, config: { speed: 1 } }, 'config has no option "speed"'],
    [{ ...PASSING, config: { tiers: ['hot'] } }, 'config leaves out the cold tier'],
    [{ ...PASSING, config: { tiers: ['cold'], hot: { maxItems: 1 } } }, 'config limits a hot tier that it leaves out'],
    [{ ...PASSING, config: { hot: { evictionPolicy: 'random' } } }, 'evictionPolicy: "random" is not known here'],
    [{ ...PASSING, config: { statistics: { every: 1 } } }, 'statistics has no option "every"'],
    [{ ...PASSING, hosts: ['moon'] }, '"moon" is not a host'],
    [{ ...PASSING, steps: [] }, 'it has no steps'],
    [{ ...PASSING, color: 1 }, 'a scenario has no option "color"'],
    ['{', 'it is not JSON'],
  ];
  const files = Object.fromEntries(cases.map(([content], at) => [`${String(at).padStart(2, '0')}.json`, content]));
  const { code, lines, problems } = await call([write(files)]);
  assert.deepEqual({ code, lines }, { code: 2, lines: ['0 passed, 0 failed'] });
  const said = problems.split('\n');
  for (const [at, [, problem]] of cases.entries()) {
    assert.ok(said[at]?.includes(`${String(at).padStart(2, '0')}.json: `) && said[at].includes(problem), said[at]);
  }
});

test('what a host cannot do is said', async () => {
  const limited = { ...PASSING, config: { cold: { maxItems: 1 } } };
  await check(run('chromium', limited), 2, ['0 passed, 0 failed'], 'on the host chromium: config limits the cold tier');
});

test('the command line is checked', async () => {
  await check(call(['--host', 'moon', 'x']), 2, [], '"moon" is not known here');
  await check(call(['--host', 'memory', 'x']), 2, [], 'run by the native crate');
  await check(call(['--speed', 'x']), 2, [], '"--speed" is not an option');
  await check(call([]), 2, [], 'no path was given');
  await check(call(['no/such/file.json']), 2, ['0 passed, 0 failed'], 'no/such/file.json: it cannot be read');
  await check(call([write({ 'notes.md': '' })]), 2, ['0 passed, 0 failed'], 'there is no scenario in it');
});

test('folders are read in order, and a file that cannot be run does not keep the others from it', async () => {
  const named = (name: string): object => ({ ...PASSING, name });
  const inner = write({
    'b.json': named('second'),
    'a.json': named('first'),
    'below/c.json': { ...PASSING, name: undefined },
    'bad.json': '{',
    'notes.md': 'not a scenario',
  });
  await check(call([inner]), 2, ['ok first', 'ok second', 'ok c', '3 passed, 0 failed'], 'bad.json');
});
