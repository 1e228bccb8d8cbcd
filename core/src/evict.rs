//! Which entry to give up when there is no room: pure bookkeeping over slot numbers and weights.

mod fifo;
mod ghost;
mod queue;
mod s3fifo;
mod size;

use alloc::format;
use core::{fmt, str::FromStr};

use self::{fifo::Fifo, s3fifo::S3Fifo, size::Size};
use crate::error::{Error, ErrorKind};

/// Which entry is given up first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyKind {
    /// The one that was not used for the longest time. A hit changes the order, so it needs exclusive access.
    Lru,
    /// The one that was written first.
    Fifo,
    /// The largest one.
    Size,
    /// The one that was not read again soon after it came, or not for long (S3-FIFO). It keeps what is read often
    /// through a scan of many entries that are read once, and a hit is one relaxed store. What is new has to prove
    /// itself within a tenth of the weight that the policy holds at the time: it needs to know no limit.
    #[default]
    S3Fifo,
}

impl PolicyKind {
    /// Reads a name: `lru`, `fifo`, `size` or `s3fifo`.
    ///
    /// # Errors
    ///
    /// `Invalid` for any other text.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "lru" => Ok(Self::Lru),
            "fifo" => Ok(Self::Fifo),
            "size" => Ok(Self::Size),
            "s3fifo" => Ok(Self::S3Fifo),
            _ => Err(Error::new(
                ErrorKind::Invalid,
                format!("\"{name}\" is no eviction policy; choose lru, fifo, size or s3fifo"),
            )),
        }
    }

    /// The name that [`PolicyKind::parse`] reads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Fifo => "fifo",
            Self::Size => "size",
            Self::S3Fifo => "s3fifo",
        }
    }
}

impl FromStr for PolicyKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::parse(name)
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an entry had earned when it was removed, so that the one that takes its place need not start again.
///
/// The default is that of a new entry. It is of use only to the policy it came from; another takes it for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing(Option<s3fifo::Standing>);

/// The order in which entries are given up.
///
/// An entry is a slot number, a weight (its size in bytes, say, or 1) and a fingerprint (the hash of its key). The
/// owner has the limit: when it has no room, it calls [`Policy::evict`] until it has, and then [`Policy::insert`].
/// Slot numbers are used again and should be dense, since memory (24 to about 50 bytes a slot) goes with the highest.
/// All calls take constant time on average; with [`PolicyKind::Size`], logarithmic time. The weights of all entries
/// must add up to less than 2^64.
///
/// ```
/// use tiered_storage_core::evict::{Policy, PolicyKind, Standing};
///
/// let mut policy = Policy::new(PolicyKind::S3Fifo);
/// for slot in 0..3 {
///     policy.insert(slot, 100, 0xfeed + u64::from(slot), Standing::default());
/// }
/// assert!(policy.touch_shared(0));
/// assert_eq!(policy.evict(), Some(1));
/// assert_eq!((policy.len(), policy.weight_total()), (2, 200));
/// ```
#[derive(Debug)]
pub struct Policy(Inner);

#[derive(Debug)]
enum Inner {
    Lru(Fifo),
    Fifo(Fifo),
    Size(Size),
    S3Fifo(S3Fifo),
}

impl Policy {
    /// A policy without entries. It takes no memory before the first.
    pub fn new(kind: PolicyKind) -> Self {
        Self(match kind {
            PolicyKind::Lru => Inner::Lru(Fifo::default()),
            PolicyKind::Fifo => Inner::Fifo(Fifo::default()),
            PolicyKind::Size => Inner::Size(Size::default()),
            PolicyKind::S3Fifo => Inner::S3Fifo(S3Fifo::default()),
        })
    }

    /// The kind that it was made of.
    pub fn kind(&self) -> PolicyKind {
        match self.0 {
            Inner::Lru(_) => PolicyKind::Lru,
            Inner::Fifo(_) => PolicyKind::Fifo,
            Inner::Size(_) => PolicyKind::Size,
            Inner::S3Fifo(_) => PolicyKind::S3Fifo,
        }
    }

    /// Adds the entry in slot `id`.
    ///
    /// `fingerprint` is a hash of its key, the same each time: S3-FIFO knows by it what it gave up too early.
    /// `standing` is [`Standing::default`] for a new entry, and for one that takes the place of another what
    /// [`Policy::remove`] returned for that one.
    ///
    /// # Panics
    ///
    /// If the slot is in use.
    pub fn insert(&mut self, id: u32, weight: u64, fingerprint: u64, standing: Standing) {
        match &mut self.0 {
            Inner::Lru(queue) | Inner::Fifo(queue) => queue.insert(id, weight),
            Inner::Size(tree) => tree.insert(id, weight),
            Inner::S3Fifo(queues) => queues.insert(id, weight, fingerprint, standing.0),
        }
    }

    /// Notes a hit on slot `id`. A slot that is not in use is passed over, so that hits may be told late.
    pub fn touch(&mut self, id: u32) {
        match &mut self.0 {
            Inner::Lru(queue) => queue.renew(id),
            Inner::Fifo(_) | Inner::Size(_) => {}
            Inner::S3Fifo(queues) => queues.touch(id),
        }
    }

    /// Notes a hit on slot `id` where that takes no exclusive access; `false` means that nothing was noted and
    /// [`Policy::touch`] must be called.
    ///
    /// Hits on one slot at the same moment may count as one.
    pub fn touch_shared(&self, id: u32) -> bool {
        match &self.0 {
            Inner::Lru(_) => false,
            Inner::Fifo(_) | Inner::Size(_) => true,
            Inner::S3Fifo(queues) => {
                queues.touch(id);
                true
            }
        }
    }

    /// Gives slot `id` another weight and leaves it where it is in the order, unless weight is the order.
    ///
    /// # Panics
    ///
    /// If the slot is not in use.
    pub fn reweigh(&mut self, id: u32, weight: u64) {
        match &mut self.0 {
            Inner::Lru(queue) | Inner::Fifo(queue) => queue.reweigh(id, weight),
            Inner::Size(tree) => tree.reweigh(id, weight),
            Inner::S3Fifo(queues) => queues.reweigh(id, weight),
        }
    }

    /// Takes slot `id` out, and returns what its entry had earned.
    ///
    /// For S3-FIFO that is its queue and its hits. A queue forgets the place itself: by `remove` and
    /// [`Policy::insert`] an entry becomes the newest, where [`Policy::reweigh`] leaves it.
    ///
    /// # Panics
    ///
    /// If the slot is not in use.
    pub fn remove(&mut self, id: u32) -> Standing {
        match &mut self.0 {
            Inner::Lru(queue) | Inner::Fifo(queue) => {
                queue.remove(id);
                Standing::default()
            }
            Inner::Size(tree) => {
                tree.remove(id);
                Standing::default()
            }
            Inner::S3Fifo(queues) => Standing(Some(queues.remove(id))),
        }
    }

    /// Chooses the slot to give up and takes it out; `None` if there is none.
    pub fn evict(&mut self) -> Option<u32> {
        match &mut self.0 {
            Inner::Lru(queue) | Inner::Fifo(queue) => queue.evict(),
            Inner::Size(tree) => tree.evict(),
            Inner::S3Fifo(queues) => queues.evict(),
        }
    }

    /// The number of slots in use.
    pub fn len(&self) -> usize {
        match &self.0 {
            Inner::Lru(queue) | Inner::Fifo(queue) => queue.len(),
            Inner::Size(tree) => tree.len(),
            Inner::S3Fifo(queues) => queues.len(),
        }
    }

    /// Whether no slot is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The weight of all slots in use.
    pub fn weight_total(&self) -> u64 {
        match &self.0 {
            Inner::Lru(queue) | Inner::Fifo(queue) => queue.weight(),
            Inner::Size(tree) => tree.weight(),
            Inner::S3Fifo(queues) => queues.weight(),
        }
    }
}

#[cfg(test)]
mod tests;
