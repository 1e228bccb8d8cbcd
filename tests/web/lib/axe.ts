/** What axe has to say of a page. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { WEB } from './bundle.mjs';

/** What axe complains of in what is on the page. */
export async function complaints(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(join(WEB, 'node_modules/axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations, passes } = await axe.run();
    if (!passes.length) throw new Error('nothing was looked at');
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`));
  });
}
