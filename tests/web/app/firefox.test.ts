/** The app in Firefox: the way that most people go. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Engine } from '../browsers/engine.js';
import { FILM, PICTURE, film, filmType, text } from './files.js';
import { seek } from './measures.js';
import { shoot, world } from './world.js';

const engine = await Engine.start('Firefox');
after(() => engine.close());

test('in Firefox it is visited, used without any server after a restart, and sends what was uploaded meanwhile', async (t) => {
  const { open, cut, cold, origin } = await world(t, engine, {
    'notes/kept.txt': text('still here'),
    'notes/never opened.txt': text('only in the bucket'),
    'pictures/dot.png': PICTURE,
  });
  const page = await open('#/view/pictures/dot.png');
  await page.waitForFunction(() => document.querySelector<HTMLImageElement>('img.picture')?.naturalWidth === 2);
  await page.evaluate(() => void (location.hash = '#/view/notes/kept.txt'));
  await page.getByText('still here').waitFor();
  await page.getByText('On this device', { exact: true }).last().waitFor();
  await shoot(page, 'firefox');
  await page.close();
  const restore = cut();
  await origin.stop();
  await engine.restart();

  const { page: again } = await origin.tab('/#/browse/notes/');
  await again.getByTestId('offline').waitFor();
  await again.getByRole('link', { name: /never opened\.txt.*Not on this device/ }).waitFor();
  await again.getByRole('link', { name: /kept\.txt/ }).click();
  await again.getByText('still here').waitFor();
  await again.keyboard.press('Escape');
  await again.getByTestId('upload').setInputFiles({ name: 'new.txt', mimeType: 'text/plain', buffer: Buffer.from('from Firefox') });
  await again.getByRole('link', { name: /new\.txt.*Waits to be sent/ }).click();
  await again.getByText('from Firefox').waitFor();
  await again.getByTestId('pending').getByText('1 change to be sent').waitFor();
  await shoot(again, 'firefox-offline');
  assert.equal(await cold.exists('notes/new.txt'), false);
  restore();
  await origin.start();
  await again.getByRole('button', { name: 'Try again' }).click();
  await again.getByTestId('pending').waitFor({ state: 'detached' });
  assert.equal(Buffer.from((await cold.get('notes/new.txt')) ?? []).toString(), 'from Firefox');
});

test('in Firefox a film is sought in, by ranges', async (t) => {
  const { open, asked } = await world(t, engine, { [FILM]: { bytes: film(), mimeType: filmType } });
  const page = await open(`#/view/${FILM}`);
  asked();
  assert.ok((await page.evaluate(seek, 0.9)) > 0, 'it plays near its end');
  assert.ok(asked().some((line) => line.startsWith('GET') && line.includes(FILM)), 'it came in parts');
});
