//! Setting a storage up.

use std::{sync::Arc, time::Duration};

use tiered_storage_core::{
    Error, ErrorKind, Tier, TierSet,
    config::{Config, ExpiredCold, Promotion},
    placement::Placement,
    seal::{Compression, Verify},
};

#[cfg(not(target_arch = "wasm32"))]
use crate::native::clock::default_host;
#[cfg(target_arch = "wasm32")]
use crate::web::clock::default_host;
use crate::{
    driver::Inner,
    events::{Event, Subscribers},
    host::Host,
    neighbours::Neighbours,
    store::{Settings, TieredStorage},
    tier::{Place, Shareable},
    upkeep,
};

/// Whether durable copies are verified when they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyMode {
    /// By the tier's own checksum where it has one, by SHA-256 where it has none and whenever bytes come from cold.
    #[default]
    Always,
    /// Only by length, and by a tier's own checksum where it has one.
    Never,
}

/// Puts a [`TieredStorage`] together. Nothing is checked or started before [`Builder::open`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct Builder {
    tiers: [Option<Arc<Place>>; 3],
    config: Config,
    settings: Settings,
    verify: VerifyMode,
    subscribers: Subscribers,
    access_flush_interval: Duration,
    host: Option<Arc<dyn Host>>,
    neighbours: Option<Arc<dyn Neighbours>>,
}

impl Builder {
    pub(crate) fn new(cold: Arc<Place>) -> Self {
        Self {
            tiers: [None, None, Some(cold)],
            config: Config::new(TierSet::EMPTY),
            settings: Settings { compression: Compression::Off, default_ttl: None },
            verify: VerifyMode::Always,
            subscribers: Subscribers::default(),
            access_flush_interval: Duration::from_secs(30),
            host: None,
            neighbours: None,
        }
    }

    /// With a hot tier.
    pub fn hot(mut self, tier: Arc<Place>) -> Self {
        self.tiers[Tier::Hot as usize] = Some(tier);
        self
    }

    /// With a warm tier.
    pub fn warm(mut self, tier: Arc<Place>) -> Self {
        self.tiers[Tier::Warm as usize] = Some(tier);
        self
    }

    /// Whether bodies are stored as gzip. Default: off. Entries say how they are stored, so that it may be changed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.compression = compression;
        self
    }

    /// For how long entries are live that do not say. Default: for ever.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = Some(ttl);
        self
    }

    /// When reads fill the upper tiers. Default: lazy.
    pub fn promotion(mut self, promotion: Promotion) -> Self {
        self.config.promotion = promotion;
        self
    }

    /// The largest body, in bytes and inclusive, that a read copies into hot. Default: 256 KiB.
    pub fn hot_promotion_bytes_max(mut self, bytes: u64) -> Self {
        self.config.hot_promotion_bytes_max = bytes;
        self
    }

    /// Has warm keep the parts of bodies that were [read from cold](TieredStorage::get_range), in chunks of so many bytes:
    /// 64 KiB to 64 MiB, in whole 64 KiB; 1 MiB does for most. Cold is asked for whole chunks then. When all chunks of an
    /// entry are there, warm has the entry. Default: parts are not kept. It needs a warm tier that can keep them, as the
    /// disk tier can.
    pub fn range_caching(mut self, chunk_bytes: u64) -> Self {
        self.config.part_bytes = Some(chunk_bytes);
        self
    }

    /// Which tiers entries may be in, by key. Default: all.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.config.placement = placement;
        self
    }

    /// Whether durable copies are verified when they are read. Default: always.
    pub fn verify(mut self, verify: VerifyMode) -> Self {
        self.verify = verify;
        self
    }

    /// What becomes of expired entries in cold. Default: they are removed in the background.
    pub fn expired_cold(mut self, expired: ExpiredCold) -> Self {
        self.config.expired_cold = expired;
        self
    }

    /// How old a copy in hot or warm may be, in whole milliseconds, before it is compared with cold's version. The
    /// bound on what other writers' changes may go unseen. Default: none.
    pub fn revalidate_after(mut self, age: Duration) -> Self {
        self.config.revalidate_after_ms = Some(millis(age));
        self
    }

    /// Up to which age, in whole milliseconds, a copy is served that cannot be compared because cold does not answer.
    /// Default: none is.
    pub fn stale_if_unavailable(mut self, age: Duration) -> Self {
        self.config.stale_if_unavailable_ms = Some(millis(age));
        self
    }

    /// How often counted accesses are written to hot and warm. Default: every 30 seconds, and whenever 1,000 keys have
    /// some.
    pub fn access_flush_interval(mut self, interval: Duration) -> Self {
        self.access_flush_interval = interval;
        self
    }

    /// Tells `subscriber` what happens behind the calls' backs. It is called where that happens, and should be quick.
    pub fn on_event(mut self, subscriber: impl Fn(&Event) + Shareable + 'static) -> Self {
        self.subscribers.add(Arc::new(subscriber));
        self
    }

    /// Has the subscribers told what each tier answers that is asked for an entry, hot hits included: see
    /// [`Event::Answered`]. Every read takes a little longer then.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn answers(mut self) -> Self {
        self.subscribers.hear_answers = true;
        self
    }

    /// Beside other instances over the same tiers, which are told of changes, and do not read from cold at once what one of
    /// them brings. Default: none that anything is known of.
    pub fn neighbours(mut self, neighbours: Arc<dyn Neighbours>) -> Self {
        self.neighbours = Some(neighbours);
        self
    }

    /// With another clock and somewhere else to run background work.
    pub fn host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Opens the storage.
    ///
    /// # Errors
    ///
    /// `Invalid` if the configuration is not possible, or if there is no tokio runtime and no other host was given.
    #[expect(clippy::unused_async, reason = "another host may have to wait here")]
    pub async fn open(self) -> Result<TieredStorage, Error> {
        self.build()
    }

    pub(crate) fn build(self) -> Result<TieredStorage, Error> {
        #[cfg_attr(target_arch = "wasm32", expect(unused_mut, reason = "ports tell of requests"))]
        let Self {
            tiers,
            mut config,
            settings,
            verify,
            mut subscribers,
            access_flush_interval,
            host,
            neighbours,
        } = self;
        #[cfg(not(target_arch = "wasm32"))]
        check_apart(&tiers)?;
        let properties = |tier: Tier| tiers[tier as usize].as_ref().map(|tier| tier.properties());
        let which = |is: fn(&crate::tier::Properties) -> bool| -> TierSet {
            Tier::ALL
                .into_iter()
                .filter(|tier| properties(*tier).as_ref().is_some_and(is))
                .collect()
        };
        config.tiers = which(|_| true);
        config.volatile = which(|properties| properties.is_volatile);
        config.announced = which(|properties| properties.wants_announcements).without(Tier::Cold);
        config.entry_bytes_max =
            [Tier::Hot, Tier::Warm].map(|tier| properties(tier)?.entry_bytes_max);
        config.validate()?;
        let interval_ms = millis(access_flush_interval);
        if interval_ms == 0 {
            let message = "the access flush interval is 0; it must be at least a millisecond";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let host = match host {
            Some(host) => host,
            None => default_host()?,
        };
        let verify = if verify == VerifyMode::Always { Verify::Digest } else { Verify::Length };
        #[cfg(not(target_arch = "wasm32"))]
        for tier in Tier::ALL {
            if let Some(place) = &tiers[tier as usize] {
                subscribers.watch(tier, &**place);
            }
        }
        let inner = Inner::new(config, tiers, host.clone(), subscribers, verify, neighbours);
        let inner = Arc::new(inner);
        host.spawn(Box::pin(upkeep::run(Arc::downgrade(&inner), interval_ms)));
        Ok(TieredStorage { inner, settings: Arc::new(settings) })
    }
}

/// What is dropped from hot as a copy would be gone from cold, if they were one.
#[cfg(not(target_arch = "wasm32"))]
fn check_apart([hot, warm, cold]: &[Option<Arc<Place>>; 3]) -> Result<(), Error> {
    let are_one = |one: &Option<Arc<Place>>, other: &Option<Arc<Place>>| {
        one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| Arc::ptr_eq(one, other))
    };
    if are_one(hot, warm) || are_one(warm, cold) || are_one(hot, cold) {
        let message = "one tier stands in two places; give each place a tier of its own";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

/// The whole milliseconds of a duration; the most that can be counted, where there are more.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
