/** What `wasm-bindgen` generates. */
declare module '#glue' {
  type Source = WebAssembly.Module | ArrayBuffer | ArrayBufferView | Response | Request | URL | string;
  type Wasm = import('../wasm.js').Wasm;
  type Lines = import('../lines.js').RawLines;
  /** Compiles and starts the module, once. */
  const start: (from: { module_or_path: Source | Promise<Source> }) => Promise<unknown>;
  export default start;
  export const Policy: Wasm['Policy'];
  export const S3: Wasm['S3'];
  export const Storage: Wasm['Storage'];
  export const describe: Lines['describe'];
  export const factsOf: Lines['factsOf'];
  export const inscribe: Lines['inscribe'];
  export const order: Wasm['order'];
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
