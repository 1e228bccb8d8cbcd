/** One entry: shown as what it is, with all that can be done with it. */

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { StorageMetadata } from 'tiered-storage';
import type { QueuedWrite } from 'tiered-storage/queue';
import { app, type Session } from '../app.js';
import { folderOf, nameOf, plain } from '../catalog.js';
import { bytes, moment } from '../format.js';
import { kindOf, wordOf } from '../kinds.js';
import { entryLink, folderLink } from '../route.js';
import { withComing } from '../writes.js';
import { Body } from './body.js';
import { Icon } from './icons.js';
import { usePreview } from './item.js';
import { SaveLink } from './save.js';
import { useCell } from './use-cell.js';

export function Viewer({ session, entry }: { session: Session; entry: string }): JSX.Element {
  const { library } = session;
  const known = useCell(library.catalog);
  const kept = useCell(library.kept);
  const pending = useCell(session.writes.pending);
  const reach = useCell(library.network.reach);
  const isServing = useCell(app.worker.isServing);
  const heading = useRef<HTMLHeadingElement>(null);
  const url = library.url(entry);
  const folder = folderOf(entry);
  const { keys } = useMemo(() => withComing(known, pending).list(folder), [known, pending, folder]);
  const at = keys.indexOf(entry);
  const [before, after] = [keys[at - 1], at < 0 ? undefined : keys[at + 1]];
  useEffect(() => heading.current?.focus({ preventScroll: true }), [entry]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      if (target instanceof HTMLMediaElement || target instanceof HTMLInputElement || event.defaultPrevented || app.dialog.value) return;
      const to = { Escape: folderLink(folder), ArrowLeft: before && entryLink(before), ArrowRight: after && entryLink(after) }[event.key];
      if (to !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) location.hash = to;
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [folder, before, after]);
  const coming = known.has(entry) ? undefined : pending.find(({ key, kind }) => key === entry && kind === 'set');
  const isMissing = !coming && reach === 'offline' && !kept.has(entry);
  const preview = usePreview(session.writes, coming?.id, entry);
  return (
    <section class="viewer" aria-label={nameOf(entry)}>
      <header class="viewer-head">
        <a class="button quiet" href={folderLink(folder)} aria-label="Back to the folder"><Icon name="back" /></a>
        <div class="viewer-title">
          <h1 tabIndex={-1} ref={heading} title={entry}>{nameOf(entry)}</h1>
        </div>
        <Actions session={session} entry={entry} url={coming ? preview : isMissing ? undefined : url} coming={coming} />
      </header>
      <div class={`stage ${kindOf(entry)}`}>
        {before !== undefined && <a class="turn left" href={entryLink(before)} aria-label={`Before: ${nameOf(before)}`}><Icon name="back" /></a>}
        {coming ? <Coming entry={entry} preview={preview} /> : isMissing ? <Missing isLocked={library.isLocked} /> : isServing ? <Body key={url} url={url} entry={entry} /> : <p class="small" role="status">Getting ready</p>}
        {after !== undefined && <a class="turn right" href={entryLink(after)} aria-label={`Next: ${nameOf(after)}`}><Icon name="next" /></a>}
      </div>
      {coming ? <Facts facts={factsOf(coming)} /> : <Details session={session} entry={entry} isKept={kept.has(entry)} url={url} />}
    </section>
  );
}

/** What waits to be sent, shown from this device where that runs nothing of it. */
function Coming({ entry, preview }: { entry: string; preview: string | undefined }): JSX.Element {
  if (preview && !['pdf', 'html', 'other'].includes(kindOf(entry))) return <Body key={preview} url={preview} entry={entry} />;
  return (
    <div class="empty" role="status">
      <Icon name="upload" size={40} />
      <h2>Waits to be sent</h2>
      <p>It is safe on this device, and will be in the bucket once that can be reached.</p>
    </div>
  );
}

function Missing({ isLocked }: { isLocked: boolean }): JSX.Element {
  return (
    <div class="empty" role="status" data-testid="missing">
      <Icon name="cloud" size={40} />
      <h2>Not on this device</h2>
      <p>{isLocked ? 'Enter the key of the bucket to see it.' : 'It will be here again when the bucket can be reached.'}</p>
    </div>
  );
}

interface ActionsProps {
  readonly session: Session;
  readonly entry: string;
  /** Where its bytes are, if they can be had. */
  readonly url: string | undefined;
  readonly coming: QueuedWrite | undefined;
}

function Actions({ session, entry, url, coming }: ActionsProps): JSX.Element {
  const { library } = session;
  const copy = (): Promise<void> =>
    app.attempt('The link cannot be made', async () => {
      await navigator.clipboard.writeText(await library.link(entry));
      app.tell('Link copied. It works for an hour.');
    });
  const remove = async (): Promise<void> => {
    const choices = [{ label: 'Delete', value: 'delete', isDangerous: true }];
    const where = coming ? 'is on this device alone, and will be gone for good' : 'will be gone from the bucket, for everyone';
    if ((await app.ask('Delete this?', `${plain(entry)} ${where}.`, choices)) !== 'delete') return;
    await app.attempt('It cannot be deleted', async () => {
      await (coming ? session.writes.cancel(coming.id) : session.writes.remove(entry));
      location.hash = folderLink(folderOf(entry));
    });
  };
  return (
    <div class="viewer-actions">
      {url !== undefined && <SaveLink class="button quiet" url={url} entry={entry} label="Download"><Icon name="download" /></SaveLink>}
      {library.hasCredentials && !coming && <button type="button" class="button quiet" onClick={() => void copy()} aria-label="Copy link"><Icon name="link" /></button>}
      <button type="button" class="button quiet" onClick={() => void remove()} aria-label="Delete"><Icon name="trash" /></button>
    </div>
  );
}

function Details({ session, entry, isKept, url }: { session: Session; entry: string; isKept: boolean; url: string }): JSX.Element {
  const [found, setFound] = useState<StorageMetadata | null>();
  useEffect(() => {
    let isLeft = false;
    setFound(undefined);
    session.library.details(entry).then((details) => !isLeft && setFound(details), () => undefined);
    return () => void (isLeft = true);
  }, [session, entry, url]);
  const facts: Fact[] = [
    ['Kind', found?.mimeType ?? wordOf(kindOf(entry))],
    ['Size', found ? bytes(found.size) : '\u2013'],
    ['Written', found ? moment(found.createdAt) : '\u2013'],
    ['Copy', isKept ? 'On this device' : 'In the bucket alone'],
  ];
  return <Facts facts={facts} />;
}

type Fact = [name: string, value: string];

const factsOf = ({ key, mimeType, size, queuedAt }: QueuedWrite): Fact[] => [
  ['Kind', mimeType ?? wordOf(kindOf(key))],
  ['Size', bytes(size)],
  ['Added', moment(queuedAt)],
  ['Copy', 'On this device, waits to be sent'],
];

function Facts({ facts }: { facts: readonly Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
