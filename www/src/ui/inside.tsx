/** The tiers at work: what each holds, which one answered, and what it costs. */

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { TieredStorageInspector, defineInspector } from 'tiered-storage/inspector';
import type { Session } from '../app.js';
import { channelOf } from '../place.js';

type Side = 'worker' | 'page';

const SIDES: Record<Side, string> = { worker: 'What is shown', page: 'This page' };
const ABOUT: Record<Side, string> = {
  worker: 'The storage of the service worker, which answers for pictures, films and everything else that is shown.',
  page: 'The storage of this page, which lists the bucket, keeps folders offline, uploads and deletes.',
};

export function Inside({ session: { library }, isShown }: { session: Session; isShown: boolean }): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const [side, setSide] = useState<Side>('worker');
  useEffect(() => {
    defineInspector();
    const panel = Object.assign(new TieredStorageInspector(), library.inside);
    if (side === 'page') panel.storage = library.storage;
    else panel.channel = channelOf(library.id);
    host.current?.replaceChildren(panel);
    return () => panel.remove();
  }, [library, side]);
  return (
    <section class="inside" aria-label="Inside" hidden={!isShown}>
      <header class="head">
        <div class="head-text">
          <h1 class="crumbs">Inside</h1>
          <p class="head-sub">{ABOUT[side]}</p>
        </div>
        <div class="side-buttons still" role="group" aria-label="Whose storage">
          {(['worker', 'page'] as const).map((one) => (
            <button type="button" key={one} class="side" aria-pressed={side === one} onClick={() => setSide(one)}>{SIDES[one]}</button>
          ))}
        </div>
      </header>
      <div class="inside-panel" ref={host} />
    </section>
  );
}
