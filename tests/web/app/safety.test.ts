/** Content of others does not run, whatever it is called and whatever is in it. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { Engine } from '../browsers/engine.js';
import { Proxy } from '../s3/proxy.js';
import { PICTURE, pdf, text } from './files.js';
import { listed, shoot, world } from './world.js';

const engine = await Engine.start('Chromium');
after(() => engine.close());

const NAMES = [
  '<img src=x onerror=window.ran=1>.txt',
  '"><script>window.ran=1</script>',
  "'; window.ran=1; //",
  '&lt;b&gt;.txt',
  '%3Cscript%3E.txt',
  '..',
  'a/../b.txt',
  'a//b.txt',
  '\u202egnp.exe',
  'javascript:window.ran=1',
  '#/view/x?key=y&z',
  'line\tbreak.txt',
  'x'.repeat(600),
];
const EVIL = 'window.ran=1;parent.ran=1;top.ran=1;if(opener)opener.ran=1';
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="${EVIL}"><script>${EVIL}</script><foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="${EVIL}"/></body></foreignObject><rect width="40" height="40" fill="teal"/></svg>`;
const HTML = `<!doctype html><body><b id="shown">shown</b><script>${EVIL}</script><img src=x onerror="${EVIL}"><form action="https://evil.test"><button>go</button></form><meta http-equiv="refresh" content="0;url=https://evil.test/">`;

test('hostile names are text', async (t) => {
  const { open } = await world(t, engine, Object.fromEntries(NAMES.map((name) => [`names/${name}`, text('body')])));
  const page = await open('#/browse/names/');
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.getByRole('link', { name: /onerror/ }).waitFor();
  await page.getByRole('link', { name: '\ufffdgnp.exe' }).waitFor();
  for (const view of ['Show as a list', 'Show as a grid']) {
    await page.getByRole('button', { name: view }).click();
    await shoot(page, `hostile-${view.replaceAll(' ', '-').toLowerCase()}`);
  }
  for (const name of ['names/<img src=x onerror=window.ran=1>.txt', 'names/..', 'names/a//b.txt', 'names/#/view/x?key=y&z']) {
    await page.evaluate((key) => void (location.hash = `#/view/${key.split('/').map(encodeURIComponent).join('/')}`), name);
    await page.waitForFunction((key) => document.querySelector('.viewer h1')?.getAttribute('title') === key, name);
    await page.waitForFunction(() => document.querySelector('.facts')?.textContent?.includes('4 bytes'));
  }
  assert.equal(await page.evaluate(() => 'ran' in window), false);
  assert.deepEqual(requests.filter((url) => !url.startsWith('http://127.0.0.1:')), []);
});

test('hostile drawings and pages are shown, and nothing in them runs', async (t) => {
  const { open } = await world(t, engine, {
    'evil.svg': { bytes: text(SVG), mimeType: 'image/svg+xml' },
    'evil.html': { bytes: text(HTML), mimeType: 'text/html' },
    'evil.png': { bytes: text(HTML), mimeType: 'text/html' },
    'evil.js': { bytes: text(EVIL), mimeType: 'text/javascript' },
  });
  const page = await open('#/view/evil.svg');
  await page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 40);
  await page.getByRole('button', { name: 'Source' }).click();
  await page.getByText('foreignObject').waitFor();
  await page.evaluate(() => void (location.hash = '#/view/evil.html'));
  await page.frameLocator('iframe.page').locator('#shown').waitFor();
  const url = (await page.locator('iframe.page').getAttribute('src')) ?? '';

  // Opened by itself, too, or called as what it is not.
  const alone = await engine.context.newPage();
  t.after(() => alone.close());
  for (const key of ['evil.html', 'evil.svg', 'evil.png']) {
    const answer = await alone.goto(new URL(url.replace('evil.html', key), page.url()).href);
    assert.match(answer?.headers()['content-security-policy'] ?? '', /sandbox$/, key);
    assert.equal(await alone.evaluate(() => 'ran' in window).catch(() => false), false, key);
    assert.equal(await alone.evaluate(() => window.origin), 'null', key);
  }
  const script = url.replace('evil.html', 'evil.js');
  assert.equal(await page.evaluate(loads, script), 'refused');
  assert.equal(await page.evaluate(async (url) => (await fetch(url)).headers.get('content-type'), script), 'text/plain; charset=utf-8');
  assert.equal(await page.evaluate(() => 'ran' in window), false);
  await shoot(page, 'hostile-page');
});

test('a large upload that is sent elsewhere does not count as sent, whatever is answered there', async (t) => {
  const { open, redirect, config, cold } = await world(t, engine, { 'in/a.txt': text('a') });
  const elsewhere = await Proxy.start(config.endpoint);
  t.after(() => elsewhere[Symbol.asyncDispose]());
  const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'access-control-allow-methods': '*', etag: '"taken"' };
  elsewhere.answer = elsewhere.preflight = () => ({ status: 200, headers });
  const page = await open('#/browse/in/');
  const restore = redirect(elsewhere.endpoint, (line) => line.startsWith('PUT') && line.includes('large.bin'));
  const body = randomBytes(200_000);
  await page.getByTestId('upload').setInputFiles({ name: 'large.bin', mimeType: 'application/octet-stream', buffer: body });
  const pending = page.getByTestId('pending');
  await pending.getByText('sends the request elsewhere').waitFor();
  assert.ok(elsewhere.passed.length > 0, 'the browser followed');
  assert.deepEqual(elsewhere.passed.filter(({ headers }) => headers.authorization), [], 'without the key');
  assert.equal(await cold.exists('in/large.bin'), false);
  restore();
  await pending.getByRole('button', { name: 'Try again' }).click();
  await pending.waitFor({ state: 'detached' });
  assert.deepEqual(Buffer.from((await cold.get('in/large.bin')) ?? []), body);
});

test('nothing that the app does is against its own policy', async (t) => {
  const files = {
    'a.html': { bytes: text('<p>page</p>'), mimeType: 'text/html' },
    'b.svg': { bytes: text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), mimeType: 'image/svg+xml' },
    'c.png': PICTURE,
    'd.txt': text('words'),
    'e.pdf': { bytes: pdf('words'), mimeType: 'application/pdf' },
    'f.wav': { bytes: text('RIFF'), mimeType: 'audio/wav' },
    'g.webm': { bytes: text('none'), mimeType: 'video/webm' },
    'h.ttf': text('none'),
  };
  const { origin } = await world(t, engine, files);
  const { page } = await origin.tab('/', () => {
    const violations: string[] = [];
    Object.assign(window, { violations });
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => violations.push(`${violatedDirective} ${blockedURI}`));
  });
  await listed(page);
  const policy = (await fetch(origin.url)).headers.get('content-security-policy') ?? '';
  assert.match(policy, /script-src 'self' 'wasm-unsafe-eval';/);
  assert.doesNotMatch(policy, /'unsafe-eval'|'unsafe-inline'/);
  for (const name of Object.keys(files)) {
    await page.evaluate((name) => void (location.hash = `#/view/${name}`), name);
    await page.getByRole('heading', { name }).waitFor();
    await page.getByText('On this device', { exact: true }).or(page.getByText('In the bucket alone')).last().waitFor();
    await page.locator('.stage').locator('img, video, audio, iframe, .source, .specimen, .empty').first().waitFor();
  }
  await page.evaluate(() => void (location.hash = '#/inside'));
  await page.getByText('of 16.0 MiB').waitFor();
  await page.evaluate(() => void (location.hash = '#/browse/'));
  await page.getByTestId('upload').setInputFiles({ name: 'new.png', mimeType: 'image/png', buffer: PICTURE });
  await page.getByRole('link', { name: /new\.png/ }).locator('img.in').waitFor();
  assert.deepEqual(await page.evaluate(() => (window as unknown as { violations: string[] }).violations), []);
});

async function loads(url: string): Promise<string> {
  const script = document.createElement('script');
  script.src = url;
  return new Promise((resolve) => {
    script.addEventListener('load', () => resolve('loaded'));
    script.addEventListener('error', () => resolve('refused'));
    document.head.append(script);
  });
}
