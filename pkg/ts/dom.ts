/** Names of the DOM and of newer ECMAScript that the types of this package mention, for programs that are compiled without them. */

export {};

declare global {
  interface Blob {}
  interface Cache {}
  interface CacheStorage {}
  interface IDBDatabase {}
  interface IDBFactory {}
  interface IDBKeyRange {}
  interface IDBObjectStore {}
  interface ServiceWorkerRegistration {}
  // The names of its parameters must be those of the DOM.
  interface IDBRequest<T = any> {}
  interface IDBTransaction {}
  interface ReadableStream<R = any> {}
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  namespace WebAssembly {
    interface Module {}
  }
}
