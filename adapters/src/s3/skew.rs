//! How far this host's clock is from the server's.

use tiered_storage_core::Timestamp;

/// What to add to this host's clock to have the server's, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skew(i64);

/// A signature is refused when it is 15 minutes off. What is below this is not why it was.
const SKEW_MS_MIN: u64 = 4 * 60_000;

impl Skew {
    /// The server's time when it is `local` here.
    pub(super) fn server_time(self, local: Timestamp) -> Timestamp {
        Timestamp::from_millis(local.as_millis().saturating_add_signed(self.0))
    }

    /// The skew that a response tells: the server's clock showed `server` about halfway between sending and receiving.
    pub(super) fn measured(server: Timestamp, sent: Timestamp, received: Timestamp) -> Self {
        let halfway = sent.plus_millis(received.millis_since(sent) / 2).as_millis();
        Self(server.as_millis().cast_signed() - halfway.cast_signed())
    }

    /// Whether requests signed with this skew are refused, were `measured` the true one.
    pub(super) fn is_far_from(self, measured: Self) -> bool {
        self.0.abs_diff(measured.0) > SKEW_MS_MIN
    }
}

#[cfg(test)]
mod tests;
