/** What `wasm-bindgen` generates, as far as the entries use it; `../wasm.ts` says what it exports besides. */
declare module '#glue' {
  type Source = WebAssembly.Module | BufferSource | Response | Request | URL | string;
  /** Compiles and starts the module, once. */
  const start: (from: { module_or_path: Source | Promise<Source> }) => Promise<unknown>;
  export default start;
}

/** The module, gzipped, in base64. */
declare module '#text' {
  export const text: string;
}

declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}

declare module '*.wasm?module' {
  const module: WebAssembly.Module;
  export default module;
}
