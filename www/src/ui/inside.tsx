/** The tiers at work: what each holds, which one answered, and what it costs. */

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { TieredStorageInspector, defineInspector } from 'tiered-storage/inspector';
import type { Session } from '../app.js';
import type { Library } from '../library.js';
import { channelOf } from '../place.js';

const SIDES = ['worker', 'page'] as const;
type Side = (typeof SIDES)[number];
const NAMES: Record<Side, string> = { worker: 'What is shown', page: 'This page' };
const ABOUT: Record<Side, string> = {
  worker: 'The storage of the service worker, which answers for pictures, films and everything else that is shown.',
  page: 'The storage of this page, which lists the bucket, keeps folders offline, uploads and deletes.',
};

export function Inside({ session: { library }, isShown }: { session: Session; isShown: boolean }): JSX.Element {
  const [side, setSide] = useState<Side>('worker');
  return (
    <section class="inside" aria-label="Inside" hidden={!isShown}>
      <header class="head">
        <div class="head-text">
          <h1 class="crumbs">Inside</h1>
          <p class="head-sub">{ABOUT[side]}</p>
        </div>
        <div class="side-buttons" role="group" aria-label="Whose storage">
          {SIDES.map((one) => (
            <button type="button" key={one} class="side" aria-pressed={side === one} onClick={() => setSide(one)}>{NAMES[one]}</button>
          ))}
        </div>
      </header>
      {SIDES.map((one) => <Panel key={one} library={library} side={one} isShown={side === one} />)}
    </section>
  );
}

/** Both take note of everything, whichever is shown. */
function Panel({ library, side, isShown }: { library: Library; side: Side; isShown: boolean }): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    defineInspector();
    const panel = Object.assign(new TieredStorageInspector(), library.inside);
    if (side === 'page') panel.storage = library.storage;
    else panel.channel = channelOf(library.id);
    host.current?.replaceChildren(panel);
    return () => panel.remove();
  }, [library, side]);
  return <div class="inside-panel" ref={host} hidden={!isShown} />;
}
