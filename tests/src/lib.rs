//! What the tests, the demo and the benches of tiered-storage share.

pub mod explorer;
pub mod orders;
pub mod peers;
pub mod scenario;
pub mod server;
pub mod sign;
pub mod versions;
