/** A folder, or what was found by name. */

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { QueuedWrite } from 'tiered-storage/queue';
import { app, type Session } from '../app.js';
import { folderOf, nameOf, plain, type Folder } from '../catalog.js';
import { count, counted } from '../format.js';
import { isPicture, kindOf, mainKindOf, type Kind } from '../kinds.js';
import { folderLink } from '../route.js';
import { withComing } from '../writes.js';
import { Icon } from './icons.js';
import { EntryCard, EntryRow, FolderCard, FolderRow, type Presence } from './item.js';
import { uploadAll } from './choose.js';
import { useCell } from './use-cell.js';
import { Virtual } from './virtual.js';

/** Of a folder, to say what it is of. */
const KEYS_LOOKED_AT = 50;
const GRID = { columnWidth: 148, rowHeight: 178, gap: 12 };
const LIST = { columnWidth: 0, rowHeight: 44, gap: 2 };

export function Browse({ session, prefix }: { session: Session; prefix: string }): JSX.Element {
  const { library, writes } = session;
  const known = useCell(library.catalog);
  const pending = useCell(writes.pending);
  const phase = useCell(library.phase);
  const kept = useCell(library.kept);
  const reach = useCell(library.network.reach);
  const isServing = useCell(app.worker.isServing);
  const view = useCell(app.view);
  const search = useCell(app.search).trim();
  const catalog = useMemo(() => withComing(known, pending), [known, pending]);
  const states = useMemo(() => new Map(pending.map((write) => [write.key, write])), [pending]);
  const kinds = useMemo(() => new Map<string, Kind | undefined>(), [known]);
  const listing = useMemo(
    () => (search ? { folders: [], keys: catalog.search(search, prefix) } : catalog.list(prefix)),
    [catalog, search, prefix],
  );
  const { folders, keys } = listing;
  const isAway = reach === 'offline';
  const isGrid = view === 'grid';
  // Pictures that are here anyway: a folder costs no request.
  const coversOf = ({ prefix }: Folder): string => {
    const keys = isServing ? known.pick(prefix, 4, (key) => kept.has(key) && isPicture(kindOf(key))) : [];
    return keys.map((key) => library.url(key)).join('\n');
  };
  const kindIn = ({ prefix }: Folder): Kind | undefined => {
    if (!kinds.has(prefix)) kinds.set(prefix, mainKindOf(known.some(prefix, KEYS_LOOKED_AT)));
    return kinds.get(prefix);
  };
  const item = (index: number, tabIndex: 0 | -1): JSX.Element => {
    if (index < folders.length) {
      const folder = folders[index] as Folder;
      return isGrid ? <FolderCard folder={folder} covers={coversOf(folder)} kind={kindIn(folder)} tabIndex={tabIndex} /> : <FolderRow folder={folder} tabIndex={tabIndex} />;
    }
    const entry = keys[index - folders.length] as string;
    const presence = presenceOf(states.get(entry), kept.has(entry), isAway);
    const where = search ? folderOf(entry).slice(0, -1) || 'Library' : undefined;
    const queued = known.has(entry) ? undefined : states.get(entry)?.id;
    const props = { library, writes, entry, presence, tabIndex, where, isServing, queued, url: library.url(entry) } as const;
    return isGrid ? <EntryCard {...props} /> : <EntryRow {...props} />;
  };
  const total = folders.length + keys.length;
  const label = search ? `Found: ${search}` : 'Contents';
  return (
    <section class="browse" aria-label="Browse">
      <Head session={session} prefix={prefix} search={search} total={total} folders={folders.length} />
      {total === 0 ? (
        <Empty isLoading={phase === 'loading'} isFailed={phase === 'failed'} search={search} prefix={prefix} session={session} />
      ) : (
        <Virtual
          key={view}
          id={`${view}:${prefix}:${search}`}
          label={label}
          count={total}
          layout={isGrid ? GRID : LIST}
          keyOf={(index) => folders[index]?.prefix ?? (keys[index - folders.length] as string)}
          item={item}
        />
      )}
    </section>
  );
}

interface HeadProps {
  readonly session: Session;
  readonly prefix: string;
  readonly search: string;
  readonly total: number;
  readonly folders: number;
}

function presenceOf(write: QueuedWrite | undefined, isKept: boolean, isAway: boolean): Presence {
  if (write) return write.state === 'conflict' || write.state === 'failed' ? 'choice' : write.kind === 'set' ? 'coming' : 'going';
  return isKept ? 'kept' : isAway ? 'missing' : 'away';
}

/** What is in a folder, such as `2 folders, 1 item, 51 in all`. */
function inWords(folders: number, items: number, all: number): string {
  const parts = [folders && counted(folders, 'folder'), (items || !folders) && counted(items, 'item'), folders && `${count(all)} in all`];
  return parts.filter(Boolean).join(', ');
}

function Head({ session, prefix, search, total, folders }: HeadProps): JSX.Element {
  const { library, pins } = session;
  const all = useCell(pins.all);
  const pin = all.find((one) => one.prefix === prefix);
  const size = useCell(library.catalog).count(prefix);
  const missing = (pin?.total ?? 0) - (pin?.done ?? 0);
  const words = { running: 'Stop', idle: missing ? 'Finish' : 'Kept offline', failed: 'Try again' };
  const onPin = (): void => {
    if (pin?.phase === 'running') void pins.cancel(prefix);
    else if (pin && !missing) app.dialog.value = { name: 'device' };
    else void pins.run(prefix);
  };
  return (
    <header class="head">
      <div class="head-text">
        <Crumbs prefix={prefix} />
        <p class="head-sub" aria-live="polite">{search ? `${counted(total, 'item')} found` : inWords(folders, total - folders, size)}</p>
      </div>
      <div class="head-actions">
        <button type="button" class={`button ${pin && !missing ? 'on' : ''}`} disabled={!size} onClick={onPin} data-testid="pin">
          <Icon name={pin && !missing ? 'check' : 'pin'} /> {pin ? words[pin.phase] : 'Keep offline'}
        </button>
        <UploadButton session={session} prefix={prefix} />
      </div>
      {pin?.phase === 'running' && (
        <div class="head-progress">
          <progress max={pin.total || 1} value={pin.done} aria-label={`Keeping ${prefix || 'the library'} offline`} />
          <span class="small">{count(pin.done)} of {count(pin.total)}</span>
        </div>
      )}
      {pin?.phase === 'failed' && (
        <div class="head-progress">
          <p class="small bad grow" role="alert">{pin.problem}</p>
          <button type="button" class="button small" onClick={() => (app.dialog.value = { name: 'device' })}>Make room</button>
        </div>
      )}
    </header>
  );
}

function UploadButton({ session, prefix }: { session: Session; prefix: string }): JSX.Element {
  const onChange = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement;
    uploadAll(session, prefix, [...(input.files ?? [])]);
    input.value = '';
  };
  return (
    <label class="button primary">
      <Icon name="upload" /> Upload
      <input type="file" multiple class="unseen" onChange={onChange} data-testid="upload" />
    </label>
  );
}

function Crumbs({ prefix }: { prefix: string }): JSX.Element {
  const parts = prefix.split('/').slice(0, -1);
  const links = parts.map((name, at) => ({ name: plain(name) || '(no name)', prefix: `${parts.slice(0, at + 1).join('/')}/` }));
  const last = links.pop();
  return (
    <nav class="crumbs" aria-label="Folders">
      {last && <a href={folderLink('')}>Library</a>}
      {links.map((link) => <a href={folderLink(link.prefix)} key={link.prefix}>{link.name}</a>)}
      <h1 aria-current="page">{last?.name ?? 'Library'}</h1>
    </nav>
  );
}

interface EmptyProps {
  readonly session: Session;
  readonly isLoading: boolean;
  readonly isFailed: boolean;
  readonly search: string;
  readonly prefix: string;
}

function Empty({ session: { library }, isLoading, isFailed, search, prefix }: EmptyProps): JSX.Element {
  const problem = useCell(library.problem);
  if (isLoading) {
    return (
      <div class="scroller loading" role="status">
        <span class="unseen">Looking into the bucket</span>
        {Array.from({ length: 12 }, (_, at) => <div class="card ghost" key={at} />)}
      </div>
    );
  }
  if (isFailed) {
    return (
      <div class="empty" role="alert">
        <Icon name="cloud" size={40} />
        <h2>Nothing to show</h2>
        <p>{problem} Nothing of it is on this device yet.</p>
        <div class="empty-actions">
          <button type="button" class="button" onClick={() => void app.lookAgain()}>Try again</button>
          <button type="button" class="button" onClick={() => (app.dialog.value = { name: 'settings', ...(library.isLocked && { isForKey: true }) })}>{library.isLocked ? 'Enter the key' : 'Settings'}</button>
        </div>
      </div>
    );
  }
  return (
    <div class="empty">
      <Icon name={search ? 'search' : 'folder'} size={40} />
      <h2>{search ? 'Nothing found' : 'This folder is empty'}</h2>
      <p>{search ? `No name ${prefix ? `in ${nameOf(prefix)}` : 'here'} has ${search} in it.` : 'Drop files here to upload them.'}</p>
      {search && prefix && <div class="empty-actions"><a class="button" href={folderLink('')}>Search everything</a></div>}
    </div>
  );
}
