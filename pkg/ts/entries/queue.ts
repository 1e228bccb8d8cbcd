/** Writes that are queued while cold cannot be reached, beside any of the other entries. It brings no module. */

export type {} from '../dom.js';
export type { QueueChoice, QueueDeleteOptions, QueueEvents, QueueOptions, QueueWriteOptions, QueuedWrite } from '../queue/types.js';
export { WriteQueue } from '../queue.js';
export { flushOnSync } from '../queue/sync.js';
