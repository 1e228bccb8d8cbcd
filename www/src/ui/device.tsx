/** What is on this device: how much, what was pinned, and how to make room. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { app, type Session } from '../app.js';
import { plain } from '../catalog.js';
import { bytes, count, counted } from '../format.js';
import type { PinState } from '../pins.js';
import { INSIDE_LINK, folderLink } from '../route.js';
import { Icon } from './icons.js';
import { useCell } from './use-cell.js';

interface Space {
  readonly bytes: number;
  readonly items: number;
  /** What the browser says it would give. */
  readonly quota: number;
  readonly isProtected: boolean;
}

const SETTLED_MS = 1_000;

/** Looked at again whenever something came or went. */
function useSpace({ library }: Session): [Space | undefined, () => void] {
  const kept = useCell(library.kept);
  const [space, setSpace] = useState<Space>();
  const [looks, setLooks] = useState(0);
  useEffect(() => {
    let isLeft = false;
    const look = async (): Promise<void> => {
      const [usage, estimate, isProtected] = await Promise.all([
        library.usage(),
        navigator.storage?.estimate().catch(() => undefined),
        navigator.storage?.persisted().catch(() => false),
      ]);
      if (!isLeft) setSpace({ bytes: usage.bytes, items: kept.size, quota: estimate?.quota ?? 0, isProtected: isProtected ?? false });
    };
    const tryTo = (): void => void look().catch(() => undefined);
    tryTo();
    // The service worker notes what it stored some time after that.
    const later = setTimeout(tryTo, SETTLED_MS);
    return () => {
      isLeft = true;
      clearTimeout(later);
    };
  }, [library, kept, looks]);
  return [space, () => setLooks((times) => times + 1)];
}

export function DeviceSummary({ session, onMore }: { session: Session; onMore: () => void }): JSX.Element {
  const [space] = useSpace(session);
  const pins = useCell(session.pins.all);
  return (
    <section class="device-card" aria-label="On this device">
      <h2 class="side-title">On this device</h2>
      <p class="device-size" data-testid="device-size">{space ? bytes(space.bytes) : '\u2013'}</p>
      <p class="small">{space ? counted(space.items, 'item') : '\u00a0'}</p>
      {pins.slice(0, 3).map((pin) => <PinLine key={pin.prefix} pin={pin} />)}
      <div class="device-buttons">
        <button type="button" class="button grow" onClick={onMore}>Manage</button>
        <a class="button" href={INSIDE_LINK}>Inside</a>
      </div>
    </section>
  );
}

function PinLine({ pin }: { pin: PinState }): JSX.Element {
  return (
    <a class="pin-line" href={folderLink(pin.prefix)}>
      <Icon name={pin.done === pin.total ? 'check' : 'pin'} size={16} />
      <span class="grow">{plain(pin.prefix.slice(0, -1)) || 'Everything'}</span>
      <span class="side-count">{pin.total ? Math.floor((pin.done / pin.total) * 100) : 0}&#8239;%</span>
    </a>
  );
}

export function Device({ session }: { session: Session }): JSX.Element {
  const { library, pins } = session;
  const all = useCell(pins.all);
  const [space, look] = useSpace(session);
  const protect = (): Promise<void> =>
    app.attempt('It cannot be protected', async () => {
      const isProtected = await navigator.storage.persist();
      app.tell(isProtected ? 'The browser will not remove these copies by itself.' : 'The browser did not agree. It may once you use this app more.');
      look();
    });
  const free = async (): Promise<void> => {
    const loose = library.loose();
    await app.attempt('Room cannot be made', async () => {
      await library.drop(loose);
      app.tell(`${counted(loose.length, 'copy').replace('copys', 'copies')} removed from this device. The bucket has them all.`);
    });
  };
  const loose = library.loose().length;
  return (
    <div class="device">
      <div class="figures">
        <div>
          <p class="figure">{space ? bytes(space.bytes) : '\u2013'}</p>
          <p class="small">in {space ? counted(space.items, 'copy').replace('copys', 'copies') : ''}</p>
        </div>
        <div>
          <p class="figure">{space?.quota ? bytes(space.quota) : '\u2013'}</p>
          <p class="small">this browser may give</p>
        </div>
      </div>
      <meter min={0} max={space?.quota || 1} value={space?.bytes ?? 0} aria-label="Room that is used" />
      <h3>Folders kept offline</h3>
      {all.length === 0 && <p class="small">None yet. Open a folder and choose Keep offline.</p>}
      <ul class="pins">{all.map((pin) => <PinRow key={pin.prefix} pin={pin} session={session} />)}</ul>
      <h3>Room</h3>
      <div class="device-actions">
        <button type="button" class="button" disabled={!loose} onClick={() => void free()} data-testid="free">
          Remove {count(loose)} other {loose === 1 ? 'copy' : 'copies'}
        </button>
        <button type="button" class="button" disabled={space?.isProtected} onClick={() => void protect()}>
          {space?.isProtected ? 'Protected from cleaning' : 'Protect from cleaning'}
        </button>
        <a class="button" href={INSIDE_LINK} onClick={() => (app.dialog.value = undefined)}>Look inside</a>
      </div>
      <p class="small">Copies come here as things are looked at. Nothing is ever removed from the bucket here.</p>
    </div>
  );
}

function PinRow({ pin, session: { pins } }: { pin: PinState; session: Session }): JSX.Element {
  const name = plain(pin.prefix.slice(0, -1)) || 'Everything';
  const isDone = pin.done === pin.total;
  return (
    <li class="pin">
      <a href={folderLink(pin.prefix)} onClick={() => (app.dialog.value = undefined)}>{name}</a>
      <span class="small grow">{isDone ? counted(pin.total, 'item') : `${count(pin.done)} of ${count(pin.total)}`}</span>
      {pin.phase === 'running' ? (
        <button type="button" class="button small" onClick={() => void pins.cancel(pin.prefix)} aria-label={`Stop keeping ${name}`}>Stop</button>
      ) : (
        !isDone && <button type="button" class="button small" onClick={() => void pins.run(pin.prefix)} aria-label={`Go on with ${name}`}>Go on</button>
      )}
      <button type="button" class="button small quiet" onClick={() => void pins.unpin(pin.prefix)} aria-label={`Remove ${name} from this device`}>Remove</button>
      {pin.phase === 'running' && <progress max={pin.total || 1} value={pin.done} aria-label={`Keeping ${name} offline`} />}
      {pin.problem && <p class="small bad" role="alert">{pin.problem}</p>}
    </li>
  );
}
