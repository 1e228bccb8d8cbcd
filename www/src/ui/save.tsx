/** Keeping an entry as a file of the user's own. */

import type { ComponentChildren, JSX } from 'preact';
import { app } from '../app.js';
import { nameOf } from '../catalog.js';

const FRAME = 'save';

interface SaveLinkProps {
  /** Where its bytes are. */
  readonly url: string;
  readonly entry: string;
  readonly class: string;
  readonly label?: string;
  readonly children: ComponentChildren;
}

/** Browsers ask no service worker for what a link with `download` names: its answers say themselves that they are to be kept. */
export function SaveLink({ url, entry, class: name, label, children }: SaveLinkProps): JSX.Element {
  const where = url.startsWith('blob:') ? { href: url, download: nameOf(entry) } : { href: `${url}&save`, target: FRAME };
  return <a {...where} class={name} aria-label={label}>{children}</a>;
}

/** Where links of the above lead to. Nothing is ever shown there; what comes into it all the same says why there is no file. */
export function SaveFrame(): JSX.Element {
  const onLoad = ({ currentTarget }: JSX.TargetedEvent<HTMLIFrameElement>): void => {
    const text = currentTarget.contentDocument?.body?.textContent?.trim();
    if (text) app.tell(`It cannot be downloaded: ${text}`, 'problem');
  };
  return <iframe name={FRAME} title="Downloads" hidden onLoad={onLoad} />;
}
