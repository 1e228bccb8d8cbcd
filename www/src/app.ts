/** The app: which library is open, and what the user is asked and told. */

import { Cell } from './cell.js';
import { Keyring } from './keyring.js';
import { Library, sentenceOf } from './library.js';
import { Pins } from './pins.js';
import { suggested, type Access } from './place.js';
import { State, type Chosen } from './state.js';
import { WorkerLink } from './worker-link.js';
import { Writes } from './writes.js';

/** A library, and what goes on in it. */
export interface Session {
  readonly library: Library;
  readonly pins: Pins;
  readonly writes: Writes;
}

export type Dialog =
  /** `isForKey`: what lacks is the key. */
  | { readonly name: 'settings'; readonly isForKey?: true }
  | { readonly name: 'device' }
  | { readonly name: 'ask'; readonly question: Question };

/** A question with buttons; `undefined` is the answer of who closes it. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly choices: readonly { readonly label: string; readonly value: string; readonly isDangerous?: boolean }[];
  readonly answer: (value: string | undefined) => void;
}

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly isProblem: boolean;
}

const TOAST_MS = 5_000;
const TOASTS_MAX = 4;
/** How often a bucket that cannot be reached is looked for. */
const AGAIN_MS = 10_000;

export class App {
  readonly session = new Cell<Session | undefined>(undefined);
  readonly dialog = new Cell<Dialog | undefined>(undefined);
  readonly toasts = new Cell<readonly Toast[]>([]);
  readonly search = new Cell('');
  readonly view = new Cell<'grid' | 'list'>('grid');
  /** What is in the settings: the place that was chosen, or the server's. */
  readonly access = new Cell<Access | undefined>(undefined);
  /** Whether the settings are the user's own, and whether credentials are kept on this device. */
  readonly isOwn = new Cell(false);
  readonly isRemembering = new Cell(false);
  readonly worker = new WorkerLink((id, key) => {
    const library = this.session.value?.library;
    if (library?.id === id) library.noteKept(key);
  });
  /** What other tabs know of this tab's place. */
  readonly #keyring = new Keyring(() => this.access.value, (access) => void this.#unlock(access));
  #state: State | undefined;
  #toasts = 0;
  /** The place is the server's of the last time, which could not be asked how to get in. */
  #isUnsure = false;

  async start(): Promise<void> {
    void this.worker.start().catch((error: unknown) => this.tell(`The app cannot work offline here: ${sentenceOf(error)}`, 'problem'));
    this.#watch();
    const state = (this.#state = await State.open());
    this.view.value = (await state.get('view')) ?? 'grid';
    const [chosen, offered] = await Promise.all([state.get('chosen'), suggested()]);
    this.isOwn.value = chosen?.isOwn ?? false;
    this.isRemembering.value = chosen?.isOwn === true && chosen.credentials !== null;
    // Without a network, what the server suggested the last time; it takes no credentials to show what is here.
    const remembered = chosen && rememberedAccess(chosen);
    const access = chosen?.isOwn ? remembered : (offered ?? remembered);
    if (!access) return void (this.dialog.value = { name: 'settings' });
    this.#isUnsure = !chosen?.isOwn && !offered;
    if (offered && !chosen?.isOwn) await this.#remember({ place: access.place, credentials: null, isOwn: false });
    await this.#open(access);
    if (access.isLocked) this.#keyring.ask(access.place);
  }

  /** Opens another place, if it can be listed; fails with what is wrong. */
  async choose(access: Access, credentials: 'remember' | 'forget'): Promise<void> {
    const kept = credentials === 'remember' ? (access.credentials ?? null) : null;
    await this.#open(access, 'if it can be listed');
    this.#isUnsure = false;
    this.isOwn.value = true;
    this.isRemembering.value = kept !== null;
    await this.#remember({ place: access.place, credentials: kept, isSigned: access.credentials !== undefined, isOwn: true });
    this.#keyring.tell();
    await this.session.value?.writes.tryRefused();
  }

  /** Another tab has the key. */
  async #unlock(access: Access): Promise<void> {
    // Two tabs may answer.
    this.access.value = access;
    await this.attempt('The library cannot be opened', () => this.#open(access));
  }

  /** Goes back to what the server suggests. `false` if it suggests nothing. */
  async useSuggested(): Promise<boolean> {
    const access = await suggested();
    if (!access) return false;
    this.#isUnsure = false;
    this.isOwn.value = false;
    this.isRemembering.value = false;
    await this.#remember({ place: access.place, credentials: null, isOwn: false });
    await this.#open(access);
    return true;
  }

  /** Looks whether the bucket can be reached now; who served the app may have to say first how to get in. */
  async lookAgain(): Promise<void> {
    if (this.#isUnsure && (await this.useSuggested())) return;
    await this.session.value?.library.refresh();
  }

  setView(view: 'grid' | 'list'): void {
    this.view.value = view;
    void this.#state?.set('view', view).catch(() => undefined);
  }

  /** Keeps the choice for the next time, if there is room to. The app works all the same. */
  #remember(chosen: Chosen): Promise<void> {
    return this.attempt('The settings are not remembered', async () => this.#state?.set('chosen', chosen));
  }

  tell(text: string, kind: 'news' | 'problem' = 'news'): void {
    this.#toasts += 1;
    const toast: Toast = { id: this.#toasts, text, isProblem: kind === 'problem' };
    const others = this.toasts.value.filter((other) => other.text !== text);
    this.toasts.value = [...others, toast].slice(-TOASTS_MAX);
    // What went wrong stays until it was seen.
    if (!toast.isProblem) setTimeout(() => this.dismiss(toast.id), TOAST_MS);
  }

  dismiss(id: number): void {
    this.toasts.value = this.toasts.value.filter((toast) => toast.id !== id);
  }

  /** Does something that may fail, and tells the user if it did. */
  async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.tell(`${what}: ${sentenceOf(error)}`, 'problem');
    }
  }

  ask(title: string, text: string, choices: Question['choices']): Promise<string | undefined> {
    return new Promise((resolve) => {
      const answer = (value: string | undefined): void => {
        this.dialog.value = undefined;
        resolve(value);
      };
      this.dialog.value = { name: 'ask', question: { title, text, choices, answer } };
    });
  }

  /** While the bucket cannot be reached, it is looked for: when the browser says so, and now and then. */
  #watch(): void {
    const look = (): void => {
      const { library } = this.session.value ?? {};
      if (library?.network.reach.value === 'offline' && document.visibilityState === 'visible') void this.lookAgain().catch(() => undefined);
    };
    addEventListener('online', look);
    document.addEventListener('visibilitychange', look);
    setInterval(look, AGAIN_MS);
  }

  async #open(access: Access, when: 'at once' | 'if it can be listed' = 'at once'): Promise<void> {
    if (!this.#state) return;
    const library = await Library.open(access, this.#state);
    if (when === 'if it can be listed') {
      await library.refresh();
      const { value: problem } = library.problem;
      if (problem !== undefined) {
        await library.close();
        throw new Error(problem);
      }
    }
    const before = this.session.value;
    const pins = new Pins(library, this.#state);
    this.access.value = access;
    this.session.value = { library, pins, writes: await Writes.open(library, this.#isUnsure ? 'manual' : 'auto') };
    const serve = (): void => this.worker.open(library.id, access, library.pinned.value);
    library.pinned.listen(serve);
    serve();
    before?.pins.close();
    void before?.writes.close().then(() => before.library.close());
    if (when === 'at once') await library.refresh();
    await pins.restore();
  }
}

/** How to get in, as far as it was kept. */
function rememberedAccess({ place, credentials, isSigned }: Chosen): Access {
  return { place, credentials: credentials ?? undefined, ...(isSigned && !credentials && { isLocked: true }) };
}

export const app = new App();
