/** A folder or an entry, in a grid or a list. */

import type { JSX } from 'preact';
import { memo } from 'preact/compat';
import { useEffect, useState } from 'preact/hooks';
import type { StorageMetadata } from 'tiered-storage';
import { nameOf, plain, type Folder } from '../catalog.js';
import { bytes, count, counted, day } from '../format.js';
import { isPicture, kindOf, extensionOf, wordOf, type Kind } from '../kinds.js';
import type { Library } from '../library.js';
import type { Writes } from '../writes.js';
import { entryLink, folderLink } from '../route.js';
import { Icon, iconOf, type IconName } from './icons.js';

/** Where an entry is: on this device, in the bucket alone, out of reach; or what is to become of it. */
export type Presence = 'kept' | 'away' | 'missing' | 'coming' | 'going' | 'choice';

interface EntryProps {
  readonly library: Library;
  readonly entry: string;
  readonly presence: Presence;
  readonly isServing: boolean;
  readonly tabIndex: 0 | -1;
  /** Set where what is found is shown: in which folder it is. */
  readonly where: string | undefined;
  /** Changes with the entry. */
  readonly url: string;
  readonly writes: Writes;
  /** The write that the entry waits for, while it is not in the bucket. */
  readonly queued: number | undefined;
}

/** How long an entry must be in sight before anything is asked of it. */
const REST_MS = 200;

const PRESENCE: Record<Presence, string> = {
  kept: 'On this device',
  away: '',
  missing: 'Not on this device',
  coming: 'Waits to be sent',
  going: 'To be deleted',
  choice: 'Needs a choice',
};
const BADGES: Partial<Record<Presence, IconName>> = { kept: 'check', missing: 'cloud', coming: 'upload', going: 'trash', choice: 'settings' };
/** Of these, the card says more than what they are. */
const TOLD: readonly Presence[] = ['missing', 'coming', 'going', 'choice'];
/** Of these, there is something to be shown. */
const THERE: readonly Presence[] = ['kept', 'away', 'going', 'coming'];

export const EntryCard = memo(function EntryCard(props: EntryProps): JSX.Element {
  const { entry, presence, tabIndex, where } = props;
  const kind = kindOf(entry);
  return (
    <a class={`card ${presence}`} href={entryLink(entry)} tabIndex={tabIndex} draggable={false}>
      <Picture {...props} size={30} />
      <span class="card-name" title={plain(entry)}>{nameOf(entry)}</span>
      <span class="card-sub">
        <span class="grow">{TOLD.includes(presence) ? PRESENCE[presence] : (where === undefined ? wordOf(kind) : plain(where))}</span>
        <Badge presence={presence} />
      </span>
    </a>
  );
});

export const EntryRow = memo(function EntryRow(props: EntryProps): JSX.Element {
  const { library, entry, presence, tabIndex, where } = props;
  const details = useDetails(library, entry);
  return (
    <a class={`row ${presence}`} href={entryLink(entry)} tabIndex={tabIndex} draggable={false}>
      <Picture {...props} size={20} />
      <span class="row-name" title={plain(entry)}>
        {nameOf(entry)}
        {where !== undefined && <span class="row-where">{plain(where)}</span>}
      </span>
      <span class="row-kind">{wordOf(kindOf(entry))}</span>
      <span class="row-size">{details ? bytes(details.size) : ''}</span>
      <span class="row-time">{details ? day(details.createdAt) : ''}</span>
      <Badge presence={presence} />
    </a>
  );
});

interface FolderCardProps {
  readonly folder: Folder;
  /** URLs of pictures in it, one a line. */
  readonly covers: string;
  /** What most of it is. */
  readonly kind: Kind | undefined;
  readonly tabIndex: 0 | -1;
}

export const FolderCard = memo(function FolderCard({ folder, covers, kind, tabIndex }: FolderCardProps): JSX.Element {
  const urls = covers.split('\n').filter(Boolean);
  const isMarked = urls.length > 0 || kind !== undefined;
  return (
    <a class="card folder" href={folderLink(folder.prefix)} tabIndex={tabIndex} draggable={false}>
      <span class={`tile ${isMarked ? 'covered' : ''}`}>
        {urls.length > 0 && <span class={`covers of-${urls.length}`}>{urls.map((url) => <Cover key={url} url={url} />)}</span>}
        {kind && !urls.length && <Icon name={iconOf(kind)} size={44} />}
        <span class="folder-icon"><Icon name="folder" size={isMarked ? 18 : 38} /></span>
      </span>
      <span class="card-name" title={plain(folder.prefix)}>{folder.name}</span>
      <span class="card-sub">{counted(folder.count, 'item')}</span>
    </a>
  );
});

function Cover({ url }: { url: string }): JSX.Element {
  const hide = ({ currentTarget }: JSX.TargetedEvent<HTMLImageElement>): void => void (currentTarget.hidden = true);
  return <img src={url} alt="" decoding="async" draggable={false} onError={hide} />;
}

export const FolderRow = memo(function FolderRow({ folder, tabIndex }: { folder: Folder; tabIndex: 0 | -1 }): JSX.Element {
  return (
    <a class="row folder" href={folderLink(folder.prefix)} tabIndex={tabIndex} draggable={false}>
      <span class="thumb"><Icon name="folder" size={20} /></span>
      <span class="row-name" title={plain(folder.prefix)}>{folder.name}</span>
      <span class="row-kind">Folder</span>
      <span class="row-size">{count(folder.count)}</span>
      <span class="row-time" />
      <span class="badge" />
    </a>
  );
});

/** A small picture, or what stands for one. */
function Picture({ entry, url: served, writes, queued, presence, isServing, size }: EntryProps & { size: number }): JSX.Element {
  const kind = kindOf(entry);
  const preview = usePreview(writes, isPicture(kind) ? queued : undefined, entry);
  const url = queued === undefined ? served : preview;
  const [failed, setFailed] = useState<string>();
  const [loaded, setLoaded] = useState<string>();
  const isShown = isPicture(kind) && url !== undefined && (isServing || preview !== undefined) && THERE.includes(presence) && failed !== url;
  return (
    <span class={`${size > 24 ? 'tile' : 'thumb'} ${isShown ? kind : ''}`}>
      {isShown ? (
        <img src={url} alt="" loading="lazy" decoding="async" draggable={false} class={loaded === url ? 'in' : ''} onLoad={() => setLoaded(url)} onError={() => setFailed(url)} />
      ) : (
        <>
          <Icon name={iconOf(kind)} size={size} />
          {size > 24 && <span class="extension">{extensionOf(entry)}</span>}
        </>
      )}
    </span>
  );
}

function Badge({ presence }: { presence: Presence }): JSX.Element {
  return (
    <span class="badge">
      {BADGES[presence] && <Icon name={BADGES[presence]} size={14} />}
      {presence !== 'away' && <span class="unseen">{PRESENCE[presence]}</span>}
    </span>
  );
}

/** Where a queued write can be looked at, as soon as that is known. */
export function usePreview(writes: Writes, queued: number | undefined, key: string): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (queued === undefined) return;
    let isLeft = false;
    writes.preview(queued, key).then((made) => !isLeft && setUrl(made), () => undefined);
    return () => {
      isLeft = true;
      setUrl(undefined);
    };
  }, [writes, queued, key]);
  return url;
}

function useDetails(library: Library, key: string): StorageMetadata | null | undefined {
  const [found, setFound] = useState<StorageMetadata | null>();
  useEffect(() => {
    let isLeft = false;
    const timer = setTimeout(() => {
      library.details(key).then((details) => !isLeft && setFound(details), () => undefined);
    }, REST_MS);
    return () => {
      isLeft = true;
      clearTimeout(timer);
    };
  }, [library, key]);
  return found?.key === key ? found : undefined;
}
