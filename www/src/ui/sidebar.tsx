/** Beside the contents, where there is room: the first folders, and what is on this device. */

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { app, type Session } from '../app.js';
import { count } from '../format.js';
import { folderLink } from '../route.js';
import { DeviceSummary } from './device.js';
import { Icon } from './icons.js';
import { useCell } from './use-cell.js';

export function Sidebar({ session, prefix }: { session: Session | undefined; prefix: string }): JSX.Element {
  return (
    <aside class="sidebar" aria-label="Library">
      {session ? <Folders session={session} prefix={prefix} /> : <div class="grow" />}
      {session && <DeviceSummary session={session} onMore={() => (app.dialog.value = { name: 'device' })} />}
    </aside>
  );
}

function Folders({ session: { library }, prefix }: { session: Session; prefix: string }): JSX.Element {
  const catalog = useCell(library.catalog);
  const { folders } = useMemo(() => catalog.list(''), [catalog]);
  const top = prefix.slice(0, prefix.indexOf('/') + 1);
  return (
    <nav class="folders" aria-label="Top folders">
      <h2 class="side-title">{library.place.bucket}</h2>
      <ul>
        <li>
          <a href={folderLink('')} aria-current={prefix === '' ? 'page' : undefined}>
            <Icon name="grid" size={18} /> <span class="grow">Everything</span> <span class="side-count">{count(catalog.size)}</span>
          </a>
        </li>
        {folders.slice(0, 40).map((folder) => (
          <li key={folder.prefix}>
            <a href={folderLink(folder.prefix)} aria-current={folder.prefix === top ? (folder.prefix === prefix ? 'page' : 'true') : undefined}>
              <Icon name="folder" size={18} /> <span class="grow">{folder.name}</span> <span class="side-count">{count(folder.count)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
