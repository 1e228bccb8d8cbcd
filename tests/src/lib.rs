//! What the tests, the demo and the benches of tiered-storage share.

pub mod explorer;
pub mod ministack;
pub mod scenario;
pub mod server;
pub mod versions;
