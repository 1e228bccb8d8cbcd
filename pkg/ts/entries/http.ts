/** What answers requests, beside any of the other entries. It brings no module. */

export type {} from '../dom.js';
export type { RespondOptions } from '../http.js';
export { respond } from '../http.js';
