//! Known defects that the engine can be made to have, so that the explorer can prove that it would find them.
#![cfg_attr(
    not(feature = "explorer"),
    expect(unreachable_pub, reason = "only the explorer names them")
)]

/// A known defect, for proving that the explorer finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mutant {
    /// A promotion lands whatever happened since its read began.
    NoEpochCheck,
    /// A tier whose write has an unknown end is read as if nothing were.
    NoDistrust,
    /// A read that overlapped a write promotes what it found.
    PromoteOverlapped,
    /// A failed write to cold leaves the upper copies.
    ColdFailureIgnored,
    /// An invalidation raises no fence.
    NoBarrier,
    /// What was changed elsewhere is read in hot until it is gone there.
    ReadEchoed,
    /// A read joins a flight that began before the last write ended.
    JoinOldFlight,
}
