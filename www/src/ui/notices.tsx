/** What goes on and what went wrong, in a corner. */

import type { JSX } from 'preact';
import { app, type Session } from '../app.js';
import { nameOf } from '../catalog.js';
import { bytes } from '../format.js';
import type { Upload, Uploads } from '../uploads.js';
import { Icon } from './icons.js';
import { useCell } from './use-cell.js';

export function Notices({ session }: { session: Session | undefined }): JSX.Element {
  const toasts = useCell(app.toasts);
  return (
    <div class="notices">
      {session && <UploadList uploads={session.uploads} />}
      <div role="status" aria-live="polite">
        {toasts.map(({ id, text, isProblem }) => (
          <div class={`toast ${isProblem ? 'bad' : ''}`} key={id}>
            <p class="grow">{text}</p>
            <button type="button" class="button quiet small" aria-label="Dismiss" onClick={() => app.dismiss(id)}><Icon name="close" size={16} /></button>
          </div>
        ))}
      </div>
    </div>
  );
}

function UploadList({ uploads }: { uploads: Uploads }): JSX.Element | null {
  const all = useCell(uploads.all);
  if (!all.length) return null;
  return (
    <section class="uploads" aria-label="Uploads">
      <h2 class="side-title">Uploads</h2>
      <ul>{all.map((upload) => <UploadRow key={upload.id} upload={upload} uploads={uploads} />)}</ul>
    </section>
  );
}

const PHASES: Record<Upload['phase'], string> = {
  waiting: 'Waits',
  running: 'On its way',
  done: 'Done',
  failed: 'Failed',
  conflict: 'There is one of this name',
};

function UploadRow({ upload, uploads }: { upload: Upload; uploads: Uploads }): JSX.Element {
  const { id, key, phase, problem, size } = upload;
  return (
    <li class="upload">
      <div class="upload-line">
        <span class="grow upload-name" title={key}>{nameOf(key)}</span>
        <span class="small">{bytes(size)}</span>
        <button type="button" class="button quiet small" aria-label={`Cancel ${nameOf(key)}`} onClick={() => uploads.cancel(id)}><Icon name="close" size={16} /></button>
      </div>
      {phase === 'running' ? <progress aria-label={`Uploading ${nameOf(key)}`} /> : <p class={`small ${phase === 'failed' ? 'bad' : ''}`}>{problem ?? PHASES[phase]}</p>}
      {phase === 'conflict' && (
        <div class="upload-line">
          <button type="button" class="button small" onClick={() => uploads.resolve(id, 'replace')}>Replace it</button>
          <button type="button" class="button small" onClick={() => uploads.resolve(id, 'rename')}>Keep both</button>
        </div>
      )}
    </li>
  );
}
