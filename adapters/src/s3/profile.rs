//! In what stores that speak S3's protocol differ, as flags.

use super::Request;

/// Whose store it is. A profile sets nothing but defaults and [`Flags`]; what the builder is told goes before it.
///
/// A store that is not Amazon's needs its [endpoint](crate::s3::S3TierBuilder::endpoint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// Amazon S3. The bucket is in the host, also under an endpoint such as a dual-stack or VPC one (unless that is an IP
    /// address, or the bucket's name has a dot).
    Aws,
    /// Cloudflare R2. Region `auto`. It takes parts of one size alone, as every upload here sends them.
    R2,
    /// MinIO.
    MinIo,
    /// Google Cloud Storage, by its XML API and HMAC keys. Region `auto`; objects are removed one by one, and conditions
    /// of writes are not heeded.
    Gcs,
    /// Backblaze B2. It needs its region, the second word of the endpoint.
    B2,
    /// Garage. Region `garage`; conditions of writes are not heeded.
    Garage,
    /// Ceph's object gateway (RGW). Releases up to 16 know the ETag of a condition only without its quotes; later ones know
    /// both.
    Ceph,
    /// Any other, with the flags that fit it.
    Custom(Flags),
}

/// What a store can do. The default is for one of which nothing is known: what fails is done in another way then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flags {
    /// Whether 1,000 objects can be removed with one request. Default `true`; a store that refuses is not asked again.
    pub removes_many: bool,
    /// Whether `If-Match` can go with the removal of an object. Default `true`. Without it, a version is compared before it
    /// is removed, and a write in between is lost.
    pub removes_versions: bool,
    /// Whether writes can have conditions. Default [`ConditionalWrites::Probe`].
    pub conditional_writes: ConditionalWrites,
    /// Whether the ETag in `If-Match` goes without its quotes. Default `false`.
    pub bare_if_match: bool,
    /// How many bytes the store copies with one request at most. Default 5 GiB, as on S3.
    pub copied_bytes_max: u64,
}

/// Whether a store heeds `If-Match` and `If-None-Match` of a write. Some take the headers and write all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConditionalWrites {
    /// It does.
    Supported,
    /// It does not: calls that need it fail.
    Unsupported,
    /// It is to be found out before the first one.
    Probe,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            removes_many: true,
            removes_versions: true,
            conditional_writes: ConditionalWrites::Probe,
            bare_if_match: false,
            copied_bytes_max: 5 << 30,
        }
    }
}

impl Profile {
    /// What it can do.
    pub fn flags(self) -> Flags {
        use ConditionalWrites::{Supported, Unsupported};
        let known = Flags { removes_versions: false, ..Flags::default() };
        match self {
            Self::Aws => Flags { conditional_writes: Supported, ..Flags::default() },
            Self::R2 => Flags { conditional_writes: Supported, ..known },
            Self::MinIo => Flags { conditional_writes: Supported, ..known },
            Self::Gcs => Flags { conditional_writes: Unsupported, removes_many: false, ..known },
            Self::B2 => known,
            Self::Garage => Flags { conditional_writes: Unsupported, ..known },
            Self::Ceph => Flags { bare_if_match: true, ..known },
            Self::Custom(flags) => flags,
        }
    }

    /// The region that requests are signed for where none is given; `None` where one must be.
    pub(super) const fn region(self) -> Option<&'static str> {
        match self {
            Self::R2 | Self::Gcs => Some("auto"),
            Self::Garage => Some("garage"),
            Self::B2 => None,
            _ => Some("us-east-1"),
        }
    }

    /// Whether it is at no endpoint of its own.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const fn needs_endpoint(self) -> bool {
        !matches!(self, Self::Aws | Self::Custom(_))
    }
}

impl Flags {
    /// Writes conditions as the store knows them.
    pub(super) fn adapt(&self, request: &mut Request) {
        if !self.bare_if_match {
            return;
        }
        for (name, value) in &mut request.headers {
            let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            if let Some(bare) = quoted.filter(|_| name == "if-match") {
                *value = bare.to_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests;
