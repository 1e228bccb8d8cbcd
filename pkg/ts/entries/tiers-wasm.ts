/** The type of `tiered-storage/tiers.wasm`, where a bundler gives modules. */

declare const module: WebAssembly.Module;
export default module;
