//! What requests to a store that bills them add up to, and what they may cost.

use alloc::{collections::BTreeMap, string::String};
use core::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// A request as S3 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `GetObject`, whole or in part.
    Get,
    /// `HeadObject`.
    Head,
    /// `ListObjectsV2`, and the listings of uploads and their parts.
    List,
    /// `PutObject`.
    Put,
    /// `CopyObject`.
    Copy,
    /// `CreateMultipartUpload`.
    CreateUpload,
    /// `UploadPart`.
    UploadPart,
    /// `CompleteMultipartUpload`.
    CompleteUpload,
    /// `AbortMultipartUpload`.
    AbortUpload,
    /// `DeleteObject`.
    Delete,
    /// `DeleteObjects`: up to 1,000 at once.
    DeleteMany,
}

/// How a request is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// `GET` and `HEAD` of objects: the cheap ones.
    Get,
    /// `PUT`, `COPY`, `POST` and `LIST`: on most stores ten times as dear.
    Put,
    /// `DELETE` of one object, of many, and of unfinished uploads: free on most stores.
    Delete,
}

impl Operation {
    /// All operations, in the order in which they are counted.
    pub const ALL: [Self; 11] = [
        Self::Get,
        Self::Head,
        Self::List,
        Self::Put,
        Self::Copy,
        Self::CreateUpload,
        Self::UploadPart,
        Self::CompleteUpload,
        Self::AbortUpload,
        Self::Delete,
        Self::DeleteMany,
    ];

    /// How it is billed.
    pub const fn class(self) -> Class {
        match self {
            Self::Get | Self::Head => Class::Get,
            Self::AbortUpload | Self::Delete | Self::DeleteMany => Class::Delete,
            Self::List | Self::Put | Self::Copy => Class::Put,
            Self::CreateUpload | Self::UploadPart | Self::CompleteUpload => Class::Put,
        }
    }

    /// Its name in statistics and events, such as `deleteMany`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Put => "put",
            Self::Copy => "copy",
            Self::CreateUpload => "createUpload",
            Self::UploadPart => "uploadPart",
            Self::CompleteUpload => "completeUpload",
            Self::AbortUpload => "abortUpload",
            Self::Delete => "delete",
            Self::DeleteMany => "deleteMany",
        }
    }
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Get, Self::Put, Self::Delete];
}

/// How many requests were sent, and what they carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Tally {
    /// Requests that were sent. One that was tried again counts each time, as it is billed.
    pub sent: u64,
    /// Of those, the ones that got no whole answer, or an error for one. That an object is not there, or is another
    /// version than was asked for, is an answer.
    pub failed: u64,
    /// Bytes of the bodies that were sent, each time.
    pub bytes_sent: u64,
    /// Bytes of the bodies of answers, as far as they came.
    pub bytes_received: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

/// Every request that a tier sent since it was made, by operation and by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Shown", into = "Shown")]
pub struct Requests([Tally; Operation::ALL.len()]);

impl Requests {
    /// Asks `count` for each operation.
    pub fn count(count: impl FnMut(Operation) -> Tally) -> Self {
        Self(Operation::ALL.map(count))
    }

    /// The requests of one operation.
    pub const fn operation(&self, operation: Operation) -> Tally {
        self.0[operation as usize]
    }

    /// The requests of one class.
    pub fn class(&self, class: Class) -> Tally {
        self.sum(Some(class))
    }

    /// All requests.
    pub fn total(&self) -> Tally {
        self.sum(None)
    }

    fn sum(&self, class: Option<Class>) -> Tally {
        let mut sum = Tally::default();
        for operation in Operation::ALL {
            if class.is_none_or(|class| operation.class() == class) {
                sum += self.operation(operation);
            }
        }
        sum
    }
}

/// [`Requests`] as statistics show them. The classes are there for the reader; only the operations are read back.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Shown {
    get: Tally,
    put: Tally,
    delete: Tally,
    operations: BTreeMap<String, Tally>,
}

impl Default for Shown {
    fn default() -> Self {
        Requests::default().into()
    }
}

impl From<Requests> for Shown {
    fn from(requests: Requests) -> Self {
        let shown = |operation: Operation| {
            let tally = requests.operation(operation);
            (tally.sent > 0).then(|| (operation.as_str().into(), tally))
        };
        Self {
            get: requests.class(Class::Get),
            put: requests.class(Class::Put),
            delete: requests.class(Class::Delete),
            operations: Operation::ALL.into_iter().filter_map(shown).collect(),
        }
    }
}

impl From<Shown> for Requests {
    fn from(shown: Shown) -> Self {
        Self::count(|operation| {
            shown.operations.get(operation.as_str()).copied().unwrap_or_default()
        })
    }
}

/// What a store asks for requests, in dollars. The default is Amazon S3's: see [`Prices::AWS`].
///
/// ```
/// use tiered_storage_core::cost::{Operation, Prices, Requests, Tally};
///
/// let mut reads = Tally::default();
/// reads.sent = 50_000;
/// let requests =
///     Requests::count(|operation| if operation == Operation::Get { reads } else { Tally::default() });
/// assert_eq!(Prices::AWS.estimate(&requests), 0.02);
/// let free = Prices { get_per_1000: 0.0, ..Prices::AWS };
/// assert_eq!(free.estimate(&requests), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a table of prices is written with `..Prices::AWS`")]
pub struct Prices {
    /// For 1,000 requests of [`Class::Put`].
    pub put_per_1000: f64,
    /// For 1,000 requests of [`Class::Get`].
    pub get_per_1000: f64,
    /// For 1,000 requests of [`Class::Delete`].
    pub delete_per_1000: f64,
    /// For 2^30 bytes of answers.
    pub out_per_gib: f64,
    /// For 2^30 bytes of bodies that are sent.
    pub in_per_gib: f64,
}

impl Prices {
    /// Amazon S3 Standard in us-east-1, read over the internet: $0.005 for 1,000 `PUT`, `COPY`, `POST` or `LIST`,
    /// $0.0004 for 1,000 `GET` or `HEAD`, nothing for `DELETE`, $0.09 for a GB out (the first 10 TB of a month),
    /// nothing for what comes in. From Amazon's public price list, where these figures stood from 2024 to 2026. Programs
    /// in the region of their bucket pay nothing for transfer: set [`Prices::out_per_gib`] to 0 for them.
    pub const AWS: Self = Self {
        put_per_1000: 0.005,
        get_per_1000: 0.0004,
        delete_per_1000: 0.0,
        out_per_gib: 0.09,
        in_per_gib: 0.0,
    };

    /// What `requests` may cost, in dollars: an upper bound, for stores waive some errors of their own and give away a
    /// first part of each month. What the store asks for keeping the bytes comes on top.
    #[expect(clippy::cast_precision_loss, reason = "no bill is exact to the 53rd bit")]
    pub fn estimate(&self, requests: &Requests) -> f64 {
        const GIB: f64 = (1_u64 << 30) as f64;
        let per_1000 = [
            (Class::Put, self.put_per_1000),
            (Class::Get, self.get_per_1000),
            (Class::Delete, self.delete_per_1000),
        ];
        let total = requests.total();
        let traffic = total.bytes_received as f64 / GIB * self.out_per_gib
            + total.bytes_sent as f64 / GIB * self.in_per_gib;
        per_1000.into_iter().fold(traffic, |sum, (class, price)| {
            sum + requests.class(class).sent as f64 * price / 1_000.0
        })
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self::AWS
    }
}

#[cfg(test)]
mod tests;
