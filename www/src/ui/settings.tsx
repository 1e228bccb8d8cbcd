/** Which bucket, and how to get in. */

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { app } from '../app.js';
import { UNREACHABLE, sentenceOf } from '../library.js';
import type { Access } from '../place.js';
import { useCell } from './use-cell.js';

interface SettingsProps {
  readonly onDone: () => void;
  /** What lacks is the key. */
  readonly isForKey: true | undefined;
}

export function Settings({ onDone, isForKey }: SettingsProps): JSX.Element {
  const access = useCell(app.access);
  const isOwn = useCell(app.isOwn);
  const isRemembering = useCell(app.isRemembering);
  const [isSigned, setIsSigned] = useState(isForKey || access?.isLocked || access?.credentials !== undefined);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setIsBusy(true);
    setProblem(undefined);
    await work().then(onDone, (error: unknown) => setProblem(hinted(sentenceOf(error))));
    setIsBusy(false);
  };
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const isKept = form.get('remember') === 'on';
    void attempt(() => app.choose(accessOf(form), isKept ? 'remember' : 'forget'));
  };
  const onSuggested = (): Promise<void> =>
    attempt(async () => {
      if (!(await app.useSuggested())) throw new Error('The server of this app names no bucket.');
    });
  const place = access?.place;
  return (
    <form class="settings" onSubmit={onSubmit}>
      <Field label="Endpoint" name="endpoint" value={place?.endpoint} placeholder="https://s3.eu-central-1.amazonaws.com" />
      <div class="fields">
        <Field label="Bucket" name="bucket" value={place?.bucket} isRequired />
        <Field label="Region" name="region" value={place?.region} placeholder="us-east-1" />
      </div>
      <Field label="Prefix" name="prefix" value={place?.prefix} placeholder="None: the whole bucket" />
      <fieldset>
        <legend>Access</legend>
        <label class="option"><input type="radio" name="access" checked={!isSigned} onChange={() => setIsSigned(false)} /> Anonymous</label>
        <label class="option"><input type="radio" name="access" checked={isSigned} onChange={() => setIsSigned(true)} /> With a key</label>
      </fieldset>
      {isSigned && (
        <>
          <Field label="Access key" name="accessKeyId" value={isOwn ? access?.credentials?.accessKeyId : ''} isRequired isFirst={isForKey} />
          <Field label="Secret key" name="secretAccessKey" type="password" isRequired />
          <label class="option">
            <input type="checkbox" name="remember" defaultChecked={isRemembering} /> Keep the key on this device
          </label>
          <p class="small">Otherwise it is forgotten when the last tab is closed or loaded again.</p>
        </>
      )}
      <p class="small bad" role="alert">{problem}</p>
      <div class="ask-choices">
        <button type="button" class="button" disabled={isBusy} onClick={() => void onSuggested()}>Use the built-in bucket</button>
        <button type="submit" class="button primary" disabled={isBusy}>Open</button>
      </div>
    </form>
  );
}

/** A bucket that does not let this page in looks to browsers as one that is not there. */
function hinted(problem: string): string {
  if (problem !== UNREACHABLE) return problem;
  return `${problem} Check the endpoint, and that the CORS rules of the bucket let ${location.origin} in.`;
}

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly value?: string | undefined;
  readonly placeholder?: string;
  readonly type?: string;
  readonly isRequired?: boolean;
  /** Whether one begins to type here. */
  readonly isFirst?: true | undefined;
}

function Field({ label, name, value, placeholder, type = 'text', isRequired = false, isFirst }: FieldProps): JSX.Element {
  return (
    <label class="field">
      <span>{label}</span>
      <input name={name} type={type} defaultValue={value ?? ''} placeholder={placeholder} required={isRequired} autofocus={isFirst} autocomplete="off" spellcheck={false} />
    </label>
  );
}

function accessOf(form: FormData): Access {
  const text = (name: string): string => String(form.get(name) ?? '').trim();
  const credentials = { accessKeyId: text('accessKeyId'), secretAccessKey: text('secretAccessKey') };
  const place = { endpoint: text('endpoint').replace(/\/$/, ''), region: text('region'), bucket: text('bucket'), prefix: text('prefix') };
  return { place, credentials: credentials.accessKeyId ? credentials : undefined };
}
