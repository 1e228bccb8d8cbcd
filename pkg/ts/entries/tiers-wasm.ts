/** The type of `tiered-storage/tiers.wasm`, where a bundler gives modules. */

export type {} from '../dom.js';

declare const module: WebAssembly.Module;
export default module;
