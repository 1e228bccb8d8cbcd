/** What an entry looks like. Nothing of it runs: the service worker sends it in a sandbox, and names are text. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { nameOf } from '../catalog.js';
import { bytes } from '../format.js';
import { extensionOf, kindOf } from '../kinds.js';
import { Icon } from './icons.js';
import { SaveLink } from './save.js';

/** How much of a text is shown. */
const TEXT_BYTES = 256 * 1024;
const SAMPLE = 'Sphinx of black quartz, judge my vow';
/** Fonts for the web come in one file for each script, which is in their names. */
const SAMPLES = [
  [/cyrillic/i, '\u0421\u044a\u0435\u0448\u044c \u0436\u0435 \u0435\u0449\u0451 \u044d\u0442\u0438\u0445 \u043c\u044f\u0433\u043a\u0438\u0445 \u0444\u0440\u0430\u043d\u0446\u0443\u0437\u0441\u043a\u0438\u0445 \u0431\u0443\u043b\u043e\u043a'],
  [/greek/i, '\u039e\u03b5\u03c3\u03ba\u03b5\u03c0\u03ac\u03b6\u03c9 \u03c4\u03b7\u03bd \u03c8\u03c5\u03c7\u03bf\u03c6\u03b8\u03cc\u03c1\u03b1 \u03b2\u03b4\u03b5\u03bb\u03c5\u03b3\u03bc\u03af\u03b1'],
  [/vietnamese/i, '\u0102 \u0103 \u0110 \u0111 \u01a0 \u01a1 \u01af \u01b0 \u1ea0 \u1ea1 \u1ebe \u1ebf \u1ed8 \u1ed9 \u1ef2 \u1ef3'],
  [/latin-ext/i, '\u0100 \u0101 \u010c \u010d \u0118 \u0119 \u011e \u011f \u0141 \u0142 \u0150 \u0151 \u0160 \u0161 \u017d \u017e'],
] as const;
const GLYPHS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789 .,:;!?&@#()[]{}';

interface BodyProps {
  readonly url: string;
  readonly entry: string;
}

export function Body({ url, entry }: BodyProps): JSX.Element {
  const [problem, setProblem] = useState<string>();
  const name = nameOf(entry);
  const fail = (): void => void reason(url).then(setProblem);
  if (problem) return <Problem text={problem} />;
  switch (kindOf(entry)) {
    case 'image':
      return <img class="picture" src={url} alt={name} onError={fail} />;
    case 'svg':
      return <Sides name="Drawing" shown={<img class="picture" src={url} alt={name} onError={fail} />} url={url} />;
    case 'video':
      return <video class="film" src={url} controls preload="metadata" playsInline onError={fail} aria-label={name} />;
    case 'audio':
      return (
        <div class="sound">
          <Icon name="audio" size={72} />
          <audio src={url} controls preload="metadata" onError={fail} aria-label={name} />
        </div>
      );
    case 'font':
      return <Specimen url={url} sample={SAMPLES.find(([script]) => script.test(name))?.[1] ?? SAMPLE} onFail={fail} />;
    case 'pdf':
      return navigator.pdfViewerEnabled ? <iframe class="page" src={url} title={name} /> : <Download url={url} entry={entry} />;
    case 'html':
      // Of its own origin, or the service worker would not be asked for it: its answer has the rest of the sandbox.
      return <Sides name="Page" shown={<iframe class="page" src={url} title={name} sandbox="allow-same-origin" />} url={url} />;
    case 'text':
      return <Text url={url} onFail={fail} />;
    case 'other':
      return <Download url={url} entry={entry} />;
  }
}

function Download({ url, entry }: BodyProps): JSX.Element {
  return (
    <div class="empty">
      <Icon name="file" size={56} />
      <h2>{extensionOf(entry) ? `${extensionOf(entry).toUpperCase()} file` : 'File'}</h2>
      <p>It cannot be shown here, but it can be downloaded.</p>
      <SaveLink class="button" url={url} entry={entry}><Icon name="download" /> Download</SaveLink>
    </div>
  );
}

function Problem({ text }: { text: string }): JSX.Element {
  return (
    <div class="empty" role="alert">
      <Icon name="cloud" size={40} />
      <h2>It cannot be shown</h2>
      <p>{text}</p>
    </div>
  );
}

/** What it looks like, and its source. */
function Sides({ name, shown, url }: { name: string; shown: JSX.Element; url: string }): JSX.Element {
  const [isSource, setIsSource] = useState(false);
  const [problem, setProblem] = useState<string>();
  const sides = [name, 'Source'].map((label, at) => (
    <button type="button" key={label} class="side" aria-pressed={isSource === (at === 1)} onClick={() => setIsSource(at === 1)}>{label}</button>
  ));
  return (
    <div class="sides">
      <div class="side-buttons" role="group" aria-label="Show as">{sides}</div>
      {problem ? <Problem text={problem} /> : isSource ? <Text url={url} onFail={() => void reason(url).then(setProblem)} /> : shown}
    </div>
  );
}

function Text({ url, onFail }: { url: string; onFail: () => void }): JSX.Element {
  const [found, setFound] = useState<{ text: string; more: number }>();
  useEffect(() => {
    const abort = new AbortController();
    textOf(url, abort.signal).then(setFound, () => abort.signal.aborted || onFail());
    return () => abort.abort();
  }, [url]);
  if (!found) return <p class="small" role="status">Reading</p>;
  return (
    <div class="source" tabIndex={0} role="region" aria-label="Text">
      <pre>{found.text}</pre>
      {found.more > 0 && <p class="small">{bytes(found.more)} more are not shown. Download it to see all.</p>}
    </div>
  );
}

async function textOf(url: string, signal: AbortSignal): Promise<{ text: string; more: number }> {
  const response = await fetch(url, { headers: { range: `bytes=0-${TEXT_BYTES - 1}` }, signal });
  // There is no range of nothing.
  if (response.status === 416) return { text: '', more: 0 };
  if (!response.ok) throw new Error(`${response.status}`);
  const read = await response.arrayBuffer();
  const size = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? read.byteLength);
  return { text: new TextDecoder().decode(read), more: size - read.byteLength };
}

interface SpecimenProps {
  readonly url: string;
  readonly sample: string;
  readonly onFail: () => void;
}

function Specimen({ url, sample: given, onFail }: SpecimenProps): JSX.Element {
  const [family, setFamily] = useState<string>();
  const [sample, setSample] = useState(given);
  useEffect(() => {
    const name = `specimen-${Math.random().toString(36).slice(2)}`;
    const face = new FontFace(name, `url("${url}")`);
    let isLeft = false;
    face.load().then(
      (loaded) => {
        if (isLeft) return;
        document.fonts.add(loaded);
        setFamily(name);
      },
      () => isLeft || onFail(),
    );
    return () => {
      isLeft = true;
      document.fonts.delete(face);
    };
  }, [url]);
  const style = { fontFamily: family ? `"${family}"` : 'inherit', visibility: family ? ('visible' as const) : ('hidden' as const) };
  return (
    <div class="specimen" data-testid={family ? 'specimen' : undefined}>
      <label class="field">
        <span>Sample</span>
        <input value={sample} onInput={(event) => setSample(event.currentTarget.value)} />
      </label>
      <div style={style}>
        {[64, 36, 22, 15].map((size) => <p key={size} style={{ fontSize: `${size}px` }}>{sample}</p>)}
        <p class="glyphs">{GLYPHS}</p>
        <p class="small font-note">Letters that the font lacks are those of another.</p>
      </div>
    </div>
  );
}

/** Why an entry cannot be shown: elements do not tell, but an answer does. */
async function reason(url: string): Promise<string> {
  const response = await fetch(url, { headers: { range: 'bytes=0-0' } }).catch(() => undefined);
  if (!response) return 'The app cannot be reached.';
  const text = response.ok || response.status === 416 ? '' : await response.text();
  return text.trim() || 'This browser does not know how to show it, or it is damaged.';
}
