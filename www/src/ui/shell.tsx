/** The frame: what stays, whatever is shown in it. */

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { app, type Session } from '../app.js';
import { nameOf } from '../catalog.js';
import { folderLink, prefixOf, route } from '../route.js';
import { Browse } from './browse.js';
import { uploadAll } from './choose.js';
import { Dialogs } from './dialogs.js';
import { Icon, Mark } from './icons.js';
import { Inside } from './inside.js';
import { Notices } from './notices.js';
import { SaveFrame } from './save.js';
import { Sidebar } from './sidebar.js';
import { useCell } from './use-cell.js';
import { Viewer } from './viewer.js';

export function Shell(): JSX.Element {
  const session = useCell(app.session);
  const shown = useCell(route);
  const prefix = prefixOf(shown);
  const isDropping = useDrop(session, prefix);
  useEffect(() => {
    const name = shown.page === 'inside' ? 'Inside' : shown.page === 'entry' ? nameOf(shown.key) : prefix ? nameOf(prefix) : '';
    document.title = name ? `${name} \u2013 Library` : 'Library';
  }, [shown, prefix]);
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={skip}>Skip to the contents</a>
      <Topbar session={session} prefix={prefix} />
      <Sidebar session={session} prefix={prefix} />
      <main id="main" class="main" tabIndex={-1}>
        <Banner session={session} />
        {!session ? (
          <div class="empty" role="status">Opening the library</div>
        ) : shown.page === 'entry' ? (
          <Viewer session={session} entry={shown.key} />
        ) : (
          shown.page === 'folder' && <Browse session={session} prefix={prefix} />
        )}
        {session && <Inside key={session.library.id} session={session} isShown={shown.page === 'inside'} />}
      </main>
      {isDropping && <div class="drop"><p>Drop to upload into {prefix ? nameOf(prefix) : 'the library'}</p></div>}
      <Notices session={session} />
      <Dialogs session={session} />
      <SaveFrame />
    </div>
  );
}

/** The route is the hash, so a link to a part of the page has to be followed by hand. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Topbar({ session, prefix }: { session: Session | undefined; prefix: string }): JSX.Element {
  const search = useCell(app.search);
  const view = useCell(app.view);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || app.dialog.value) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const onInput = (text: string): void => {
    app.search.value = text;
    if (text && route.value.page !== 'folder') location.hash = folderLink(prefix);
  };
  return (
    <header class="topbar">
      <a class="brand" href={folderLink('')} onClick={() => (app.search.value = '')}><Mark /> Library</a>
      <label class="search">
        <span class="unseen">Search by name</span>
        <Icon name="search" size={18} />
        <input
          ref={input}
          type="search"
          placeholder={prefix ? `Search ${nameOf(prefix)}` : 'Search'}
          value={search}
          onInput={(event) => onInput(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <div class="topbar-actions">
        {session && <Reach session={session} />}
        <button type="button" class="button quiet" aria-label={view === 'grid' ? 'Show as a list' : 'Show as a grid'} onClick={() => app.setView(view === 'grid' ? 'list' : 'grid')}>
          <Icon name={view === 'grid' ? 'list' : 'grid'} />
        </button>
        <button type="button" class="button quiet only-narrow" aria-label="On this device" onClick={() => (app.dialog.value = { name: 'device' })}>
          <Icon name="device" />
        </button>
        <button type="button" class="button quiet" aria-label="Settings" onClick={() => (app.dialog.value = { name: 'settings' })}>
          <Icon name="settings" />
        </button>
      </div>
    </header>
  );
}

function Reach({ session: { library } }: { session: Session }): JSX.Element {
  const reach = useCell(library.network.reach);
  const words = { unknown: 'Connecting', online: 'Online', offline: library.isLocked ? 'Locked' : 'Offline' };
  return <span class={`reach ${reach}`} role="status" data-testid="reach"><span>{words[reach]}</span></span>;
}

function Banner({ session }: { session: Session | undefined }): JSX.Element | null {
  const hasUpdate = useCell(app.worker.hasUpdate);
  if (hasUpdate) {
    return (
      <div class="banner" role="status">
        <p>A new version of this app is here.</p>
        <button type="button" class="button small" onClick={() => app.worker.update()}>Use it</button>
      </div>
    );
  }
  return session ? <Away session={session} /> : null;
}

function Away({ session: { library } }: { session: Session }): JSX.Element | null {
  const reach = useCell(library.network.reach);
  const phase = useCell(library.phase);
  if (reach !== 'offline' || phase === 'failed') return null;
  if (library.isLocked) {
    return (
      <div class="banner" role="status" data-testid="locked">
        <p><strong>The key is needed.</strong> It was not kept. What is on this device can be used, and changes wait here.</p>
        <button type="button" class="button small" onClick={askForKey}>Enter the key</button>
      </div>
    );
  }
  return (
    <div class="banner" role="status" data-testid="offline">
      <p><strong>Offline.</strong> What is on this device can be used.</p>
      <button type="button" class="button small" onClick={() => void app.lookAgain()}>Try again</button>
    </div>
  );
}

const askForKey = (): void => void (app.dialog.value = { name: 'settings', isForKey: true });

/** Whether files are held over the window; dropped, they are uploaded. */
function useDrop(session: Session | undefined, prefix: string): boolean {
  const [isOver, setIsOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true;
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setIsOver(true);
    };
    const leave = (event: DragEvent): void => void (event.relatedTarget === null && setIsOver(false));
    const drop = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setIsOver(false);
      if (session) uploadAll(session, prefix, [...(event.dataTransfer?.files ?? [])]);
    };
    const listeners = [['dragover', over], ['dragleave', leave], ['drop', drop]] as const;
    for (const [type, listener] of listeners) addEventListener(type, listener);
    return () => {
      for (const [type, listener] of listeners) removeEventListener(type, listener);
    };
  }, [session, prefix]);
  return isOver;
}
