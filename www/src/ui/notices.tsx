/** What waits, what needs a choice, and what went wrong, in a corner. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { QueuedWrite } from 'tiered-storage/queue';
import { app, type Session } from '../app.js';
import { nameOf } from '../catalog.js';
import { bytes, count, counted } from '../format.js';
import { isDenied, sentenceOf } from '../library.js';
import type { Choice } from '../writes.js';
import { Icon } from './icons.js';
import { useCell } from './use-cell.js';

export function Notices({ session }: { session: Session | undefined }): JSX.Element {
  const toasts = useCell(app.toasts);
  return (
    <div class="notices">
      {session && <Pending session={session} />}
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

const NARROW = matchMedia('(width < 860px)');
/** How many are listed; of the others, their number. */
const SHOWN = 20;

function Pending({ session }: { session: Session }): JSX.Element | null {
  const pending = useCell(session.writes.pending);
  const reach = useCell(session.library.network.reach);
  const [isFolded, setIsFolded] = useState<boolean>();
  useEffect(() => void (pending.length || setIsFolded(undefined)), [pending.length]);
  if (!pending.length) return null;
  const shown = pending.slice(0, SHOWN);
  const asking = pending.filter(({ state }) => state === 'conflict' || state === 'failed').length;
  // Where there is little room, it lies over what is looked at only if it has a question.
  const isOpen = isFolded === undefined ? !NARROW.matches || asking > 0 : !isFolded;
  return (
    <section class="uploads" aria-label="Waiting to be sent" data-testid="pending">
      <h2 class="side-title">
        <button type="button" class="fold" aria-expanded={isOpen} onClick={() => setIsFolded(isOpen)}>
          <span class="grow">{counted(pending.length, 'change')} to be sent{asking > 0 && !isOpen && `, ${count(asking)} to be decided`}</span>
          <Icon name="next" size={16} />
        </button>
      </h2>
      <ul hidden={!isOpen}>{shown.map((write) => <Row key={write.id} write={write} session={session} isAway={reach === 'offline'} />)}</ul>
      {isOpen && pending.length > SHOWN && <p class="small">and {counted(pending.length - SHOWN, 'more change')}</p>}
    </section>
  );
}

const CHOICES: Record<QueuedWrite['kind'], readonly { label: string; choice: Choice }[]> = {
  set: [
    { label: 'Keep mine', choice: 'mine' },
    { label: 'Keep theirs', choice: 'theirs' },
    { label: 'Keep both', choice: 'both' },
  ],
  delete: [
    { label: 'Delete it', choice: 'mine' },
    { label: 'Keep it', choice: 'theirs' },
  ],
};

function Row({ write, session: { writes, library }, isAway }: { write: QueuedWrite; session: Session; isAway: boolean }): JSX.Element {
  const { id, key, kind, state, size, error } = write;
  const lacksKey = state === 'failed' && !library.hasCredentials && isDenied(error);
  const name = nameOf(key);
  const attempt = (work: () => Promise<void>): void => void app.attempt('It cannot be done', work);
  return (
    <li class="upload">
      <div class="upload-line">
        <Icon name={kind === 'set' ? 'upload' : 'trash'} size={16} />
        <span class="grow upload-name" title={key}>{name}</span>
        {kind === 'set' && <span class="small">{bytes(size)}</span>}
        <button type="button" class="button quiet small" aria-label={`Give up: ${name}`} onClick={() => attempt(() => writes.cancel(id))}><Icon name="close" size={16} /></button>
      </div>
      {state === 'sending' && !isAway ? <Sending write={write} writes={writes} /> : <p class={`small ${state === 'failed' ? 'bad' : ''}`}>{lacksKey ? 'This bucket takes changes only with a key.' : wordsOf(write, isAway && (library.isLocked ? 'key' : 'network'))}</p>}
      {state === 'conflict' && (
        <div class="upload-line" role="group" aria-label={`What to do with ${name}`}>
          {CHOICES[kind].map(({ label, choice }) => (
            <button type="button" class="button small" key={choice} onClick={() => attempt(() => writes.choose(write, choice))}>{label}</button>
          ))}
        </div>
      )}
      {lacksKey && <button type="button" class="button small" onClick={() => (app.dialog.value = { name: 'settings', isForKey: true })}>Enter a key</button>}
      {state === 'failed' && !lacksKey && <button type="button" class="button small" onClick={() => attempt(() => writes.choose(write, 'mine'))}>Try again</button>}
    </li>
  );
}

/** How much of a write has left: known of what takes a while. */
function Sending({ write: { id, key, size }, writes }: { write: QueuedWrite; writes: Session['writes'] }): JSX.Element {
  const sent = useCell(writes.sent);
  const label = `Sending ${nameOf(key)}`;
  if (sent?.id !== id || !size) return <div class="sending"><progress aria-label={label} /></div>;
  const share = Math.min(1, sent.bytes / size);
  return (
    <div class="sending">
      <progress aria-label={label} max={1} value={share} />
      <span class="small">{Math.floor(share * 100)}&#8239;%</span>
    </div>
  );
}

/** `lacking`: what it waits for. */
function wordsOf({ kind, state, current, error }: QueuedWrite, lacking: 'network' | 'key' | false): string {
  if (state === 'failed') return sentenceOf(error);
  if (state !== 'conflict') return lacking ? `Waits for the ${lacking}` : 'Waits for its turn';
  if (current === null) return 'Somebody deleted it in the meantime.';
  return kind === 'set' ? 'The bucket has another one of this name.' : 'Somebody changed it in the meantime.';
}
