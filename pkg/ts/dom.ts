/** Names of the DOM that the types of this package mention, for programs that are compiled without its types. */

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
  namespace WebAssembly {
    interface Module {}
  }
}
