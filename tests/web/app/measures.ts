/** What is measured and done in a page. */

import type { Page } from 'playwright-core';

/** Whether nothing is wider than the window. */
export function fits(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
}

/** How much has moved since the page began, where nobody made it: the sum that browsers report. */
export function shifts(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
            if (!entry.hadRecentInput) sum += entry.value;
          }
        }).observe({ type: 'layout-shift', buffered: true });
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
      }),
  );
}

/** Has the player go to a part of its length, and play; gives where it is. */
export async function seek(part: number): Promise<number> {
  const video = await new Promise<HTMLVideoElement>((resolve) => {
    const look = (): unknown => {
      const found = document.querySelector('video');
      return found && found.readyState >= 1 ? resolve(found) : requestAnimationFrame(look);
    };
    look();
  });
  video.muted = true;
  const sought = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
  video.currentTime = video.duration * part;
  await sought;
  const moved = new Promise((resolve) => video.addEventListener('timeupdate', () => video.currentTime > video.duration * part && resolve(0)));
  await video.play();
  await moved;
  video.pause();
  return video.currentTime;
}
