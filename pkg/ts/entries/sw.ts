/** Service workers over a storage, beside any of the other entries. It brings no module. */

export type {} from '../dom.js';
export type { ServiceWorkerOptions } from '../sw.js';
export type { FetchEventLike, MessageEventLike, WorkerEvent, WorkerScope } from '../sw/scope.js';
export type { ShellOptions } from '../sw/shell.js';
export { activateWaiting, sandboxed, serve } from '../sw.js';
