/** What lies over everything else until it is answered. */

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { app, type Question, type Session } from '../app.js';
import { Device } from './device.js';
import { Icon } from './icons.js';
import { Settings } from './settings.js';
import { useCell } from './use-cell.js';

export function Dialogs({ session }: { session: Session | undefined }): JSX.Element | null {
  const dialog = useCell(app.dialog);
  const close = (): void => void (app.dialog.value = undefined);
  switch (dialog?.name) {
    case undefined:
      return null;
    case 'ask':
      return <Ask {...dialog.question} />;
    case 'settings':
      return <Modal title="Settings" onClose={close}><Settings onDone={close} isForKey={dialog.isForKey} /></Modal>;
    case 'device':
      return session ? <Modal title="On this device" onClose={close}><Device session={session} /></Modal> : null;
  }
}

function Ask({ title, text, choices, answer }: Question): JSX.Element {
  return (
    <Modal title={title} onClose={() => answer(undefined)}>
      <p class="ask-text">{text}</p>
      <div class="ask-choices">
        <button type="button" class="button" onClick={() => answer(undefined)}>Cancel</button>
        {choices.map(({ label, value, isDangerous }) => (
          <button type="button" key={value} class={`button ${isDangerous ? 'danger' : 'primary'}`} onClick={() => answer(value)}>{label}</button>
        ))}
      </div>
    </Modal>
  );
}

function Modal({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  // A click beside the dialog is one on its backdrop, which counts as the dialog itself.
  const onClick = (event: MouseEvent): void => void (event.target === element.current && onClose());
  return (
    <dialog ref={element} class="modal" aria-labelledby="modal-title" onClose={onClose} onClick={onClick}>
      <div class="modal-inside">
        <div class="modal-head">
          <h2 id="modal-title">{title}</h2>
          <button type="button" class="button quiet" aria-label="Close" onClick={onClose}><Icon name="close" /></button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
