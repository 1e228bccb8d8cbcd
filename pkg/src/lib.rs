//! The core of the npm package, compiled to WebAssembly: engine and driver, gzip, SHA-256, and S3.
//!
//! Thin on purpose: what users see is written in TypeScript (`ts/`). Exports never panic; they throw, or reject with,
//! the array that [`tiered_storage::web::error::to_js`] makes.
#![cfg(target_arch = "wasm32")]
#![expect(missing_docs, reason = "the generated glue is private; ts/wasm.ts describes it")]

mod args;
mod calls;
mod config;
pub mod flow;
pub mod lines;
pub mod order;
pub mod policy;
mod promise;
pub mod s3;
pub mod storage;

/// It has a third of the code of the one that comes with the standard library.
#[global_allocator]
static ALLOCATOR: rlsf::GlobalTlsf<Options> = rlsf::GlobalTlsf::new();

struct Options;

impl rlsf::GlobalTlsfOptions for Options {
    /// Growing in place takes more code than it saves time here, where bodies are not in this memory.
    const ENABLE_REALLOCATION: bool = false;
}
