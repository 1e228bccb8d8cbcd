/** The page's side of the service worker: tells it where entries are, and takes its next version over. */

import { activateWaiting } from 'tiered-storage/sw';
import { Cell } from './cell.js';
import type { Access } from './place.js';

/** What pages tell the worker. Credentials stay in its memory; once it was stopped, it asks again. */
export interface Told {
  type: 'access';
  id: string;
  access: Access;
  /** Folders whose copies are not given up. */
  pinned: readonly string[];
}

/** What the worker tells pages. */
export type Said = { type: 'who'; id: string } | { type: 'kept'; id: string; key: string };

export class WorkerLink {
  /** Whether entries can be shown: the worker answers for this page. */
  readonly isServing = new Cell(false);
  /** Whether a new version of the app waits. */
  readonly hasUpdate = new Cell(false);
  readonly onKept: (id: string, key: string) => void;
  #told: Told | undefined;
  #registration: ServiceWorkerRegistration | undefined;

  constructor(onKept: (id: string, key: string) => void) {
    this.onKept = onKept;
  }

  /** Registers the worker. Where there are none, as in private windows of some browsers, nothing is served. */
  async start(): Promise<void> {
    const { serviceWorker } = navigator;
    if (!serviceWorker) return;
    let isReplaced = serviceWorker.controller !== null;
    serviceWorker.addEventListener('controllerchange', () => {
      if (isReplaced) return location.reload();
      isReplaced = true;
      this.#serve();
    });
    serviceWorker.addEventListener('message', ({ data }: MessageEvent<Said>) => {
      if (data.type === 'who' && data.id === this.#told?.id) this.#tell();
      if (data.type === 'kept') this.onKept(data.id, data.key);
    });
    serviceWorker.startMessages();
    this.#serve();
    const registration = await serviceWorker.register('/sw.js', { type: 'module', updateViaCache: 'none' });
    this.#registration = registration;
    this.#watch(registration);
  }

  /** Has the worker answer with what is in this place. */
  open(id: string, access: Access, pinned: readonly string[]): void {
    this.#told = { type: 'access', id, access, pinned };
    this.#serve();
  }

  /** Loads the app's new version, in every tab. */
  update(): void {
    if (this.#registration) activateWaiting(this.#registration);
  }

  #serve(): void {
    if (!navigator.serviceWorker?.controller || !this.#told) return;
    this.#tell();
    this.isServing.value = true;
  }

  #tell(): void {
    navigator.serviceWorker.controller?.postMessage(this.#told);
  }

  #watch(registration: ServiceWorkerRegistration): void {
    const look = (): void => {
      this.hasUpdate.value = registration.waiting !== null && navigator.serviceWorker.controller !== null;
    };
    look();
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void registration.update().catch(() => undefined);
    });
  }
}
