/** What is read off a panel, and how it is used. */

import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Seat } from './stage.js';

/** The figure under a name in a part of the panel. */
export async function figure({ page }: Seat, part: string, name: string): Promise<string> {
  const row = page.locator(`${part} dl > div`).filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) });
  return row.locator('dd').innerText();
}

/** Presses a button of this name. */
export async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
}

/** Waits until what `look` gives is as expected: what is shown comes with the next frame or so. */
export async function comes<T>(look: () => Promise<T>, expected: T): Promise<void> {
  let seen: T | undefined;
  for (let round = 0; round < 300; round++) {
    seen = await look();
    try {
      return assert.deepEqual(seen, expected);
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  assert.deepEqual(seen, expected);
}
