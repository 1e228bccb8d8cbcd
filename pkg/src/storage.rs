//! The storage, as TypeScript calls it.

use core::{cell::RefCell, fmt, pin::Pin};
use std::{rc::Rc, sync::Arc};

use futures_util::{
    Stream, StreamExt,
    future::{Either, select},
};
use js_sys::{Array, Function, JsString, Promise, Uint8Array};
use tiered_storage::{
    Content, Error, Event, Key, SetOptions, Tier, TieredStorage, Timestamp,
    host::Task,
    stats::{Stats, TierStats},
    tier::Payload,
    web::{
        clock::{JsClock, WebHost},
        error::to_js,
        port::{JsPort, PortTier, content_number},
    },
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::{
    config::{configure, millis, tiers},
    lines::{invalid, line, metadata},
};

/// The most keys that are handed over at once.
const KEYS_MAX: usize = 1_000;

#[wasm_bindgen]
#[derive(Debug)]
pub struct Storage(TieredStorage);

#[wasm_bindgen]
impl Storage {
    /// `ports`: hot, warm and cold, `undefined` where there is no such tier.
    pub fn open(
        config: &Array,
        ports: Array,
        clock: Option<JsClock>,
        on_event: Function,
    ) -> Result<Self, JsValue> {
        let place = |at: u32| {
            let port = ports.get(at);
            let port = (!port.is_undefined()).then(|| port.unchecked_into::<JsPort>());
            port.map(|port| Arc::new(PortTier::new(port)))
        };
        let cold = place(2).ok_or_else(|| to_js(&invalid("there is no cold tier")))?;
        let mut builder = TieredStorage::builder(cold);
        if let Some(hot) = place(0) {
            builder = builder.hot(hot);
        }
        if let Some(warm) = place(1) {
            builder = builder.warm(warm);
        }
        if let Some(clock) = clock {
            builder = builder.host(Arc::new(WebHost::new(clock)));
        }
        let builder = configure(builder, config).map_err(|error| to_js(&error))?;
        let builder = builder.on_event(move |event| {
            // A subscriber that throws harms nobody; TypeScript reports what it threw.
            drop(on_event.call1(&JsValue::UNDEFINED, &event_array(event)));
        });
        builder.open_at_once().map(Self).map_err(|error| to_js(&error))
    }

    /// One byte: 1 while hot hits may be served without asking.
    #[wasm_bindgen(getter)]
    pub fn gate(&self) -> Uint8Array {
        self.0.gate()
    }

    #[wasm_bindgen(js_name = countHotHits)]
    pub fn count_hot_hits(&self, hits: f64) {
        self.0.count_hot_hits(hits as u64);
    }

    /// Body, line, tier and content; `null` if there is none.
    pub fn get(&self, key: String, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move {
            let entry = storage.get_with_metadata(key).await?;
            Ok(entry.map_or(JsValue::NULL, |entry| {
                Array::of(&[
                    entry.data.as_js().into(),
                    line(&entry.metadata),
                    entry.source.as_str().into(),
                    content_number(entry.metadata.content()).into(),
                ])
                .into()
            }))
        })
    }

    /// `tiers`: bits of those to skip, or of the only ones. Gives the line and the tiers that have the entry.
    #[expect(clippy::too_many_arguments, reason = "an object would cost a call for each field")]
    pub fn set(
        &self,
        key: String,
        body: Uint8Array,
        content: u8,
        ttl: Option<f64>,
        mime_type: Option<String>,
        custom: Option<Array>,
        skip: u8,
        only: Option<u8>,
        abort: Option<Promise>,
    ) -> Promise {
        let mut options = SetOptions::default().skip_tiers(tiers(skip)).content(match content {
            1 => Content::Json,
            2 => Content::Custom,
            _ => Content::Bytes,
        });
        options.ttl = ttl.map(millis);
        options.mime_type = mime_type;
        options.only_tiers = only.map(tiers);
        let custom = custom.unwrap_or_default();
        let text = |at: u32| custom.get(at).as_string().unwrap_or_default();
        for at in (0..custom.length()).step_by(2) {
            options = options.field(text(at), text(at + 1));
        }
        let storage = self.0.clone();
        promise(abort, async move {
            let written = storage.set_with(key, Payload::from(body), options).await?;
            let names = written.tiers_written.iter().map(|tier| JsString::from(tier.as_str()));
            Ok(Array::of(&[line(&written.metadata), names.collect::<Array>().into()]).into())
        })
    }

    /// The line, or `null`.
    pub fn head(&self, key: String, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move {
            let metadata = storage.metadata(key).await?;
            Ok(metadata.map_or(JsValue::NULL, |metadata| line(&metadata)))
        })
    }

    pub fn delete(&self, key: String, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move { storage.delete(key).await.map(nothing) })
    }

    pub fn touch(&self, key: String, ttl: Option<f64>, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move { storage.touch(key, ttl.map(millis)).await.map(nothing) })
    }

    pub fn invalidate(&self, prefix: String, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move { storage.invalidate(prefix).await.map(number) })
    }

    #[wasm_bindgen(js_name = invalidateUpperCaches)]
    pub fn invalidate_upper_caches(&self, prefix: String, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move { storage.invalidate_upper_caches(prefix).await.map(number) })
    }

    pub fn keys(&self, prefix: &str) -> Keys {
        let pages: Pages = Box::pin(self.0.keys(prefix).ready_chunks(KEYS_MAX));
        Keys(Rc::new(RefCell::new(Some(pages))))
    }

    pub fn stats(&self, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move { storage.stats().await.map(|stats| stats_array(&stats)) })
    }

    /// Without a tier, all are cleared.
    pub fn clear(&self, tier: Option<u8>, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move {
            match tier.and_then(|at| Tier::ALL.get(usize::from(at))) {
                Some(tier) => storage.clear_tier(*tier).await.map(nothing),
                None => storage.clear().await.map(nothing),
            }
        })
    }

    /// The time, the statistics, and keys and lines by turns.
    pub fn export(&self, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move {
            let (now, entries, stats) = storage.export_entries().await?;
            let lines = Array::new();
            for entry in &entries {
                lines.push(&entry.key().as_str().into());
                lines.push(&line(entry));
            }
            let now = now.as_millis() as f64;
            Ok(Array::of(&[now.into(), stats_array(&stats), lines.into()]).into())
        })
    }

    /// `entries`: keys and fields by turns, as [`crate::lines::inscribe`] takes them.
    pub fn import(&self, entries: Array, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move {
            let entry = |at: u32| {
                let key = entries.get(at).as_string().unwrap_or_default();
                metadata(&key, &entries.get(at + 1).unchecked_into())
            };
            let entries = (0..entries.length()).step_by(2).map(entry).collect::<Result<_, _>>()?;
            storage.import_entries(entries).await.map(nothing)
        })
    }

    #[wasm_bindgen(js_name = bootstrapHot)]
    pub fn bootstrap_hot(&self, limit: Option<f64>, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        let limit = limit.map(|limit| limit as usize);
        promise(abort, async move { storage.bootstrap_hot(limit).await.map(number) })
    }

    #[wasm_bindgen(js_name = bootstrapWarm)]
    pub fn bootstrap_warm(
        &self,
        limit: Option<f64>,
        since: Option<f64>,
        abort: Option<Promise>,
    ) -> Promise {
        let storage = self.0.clone();
        let limit = limit.map(|limit| limit as usize);
        let since = since.map(|ms| Timestamp::from_millis(ms.max(0.0) as u64));
        promise(abort, async move { storage.bootstrap_warm(limit, since).await.map(number) })
    }

    pub fn settled(&self, abort: Option<Promise>) -> Promise {
        let storage = self.0.clone();
        promise(abort, async move {
            storage.settled().await;
            Ok(nothing(()))
        })
    }

    pub fn close(&self) -> Promise {
        let storage = self.0.clone();
        promise(None, async move { storage.close().await.map(nothing) })
    }
}

type Pages = Pin<Box<dyn Stream<Item = Vec<Result<Key, Error>>>>>;

/// Keys of cold, as many at once as are there.
#[wasm_bindgen]
pub struct Keys(Rc<RefCell<Option<Pages>>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

#[wasm_bindgen]
impl Keys {
    /// The next keys; `null` after the last. A second call while one runs finds the end.
    pub fn next(&self, abort: Option<Promise>) -> Promise {
        let keys = self.0.clone();
        promise(abort, async move {
            let Some(mut pages) = keys.take() else { return Ok(JsValue::NULL) };
            let Some(page) = pages.next().await else { return Ok(JsValue::NULL) };
            let page = page.into_iter().map(|key| key.map(|key| JsString::from(key.as_str())));
            let page = page.collect::<Result<Vec<_>, _>>()?;
            keys.replace(Some(pages));
            Ok(page.into_iter().collect::<Array>().into())
        })
    }
}

/// A promise of what `work` gives. If `abort` rejects before, so does the promise, and `work` is dropped.
pub(crate) fn promise(
    abort: Option<Promise>,
    work: impl Future<Output = Result<JsValue, Error>> + 'static,
) -> Promise {
    boxed_promise(abort, Box::pin(work))
}

/// Not generic: it would be in the module once for each call of the storage.
fn boxed_promise(abort: Option<Promise>, work: Task<Result<JsValue, Error>>) -> Promise {
    future_to_promise(async move {
        let Some(abort) = abort else { return work.await.map_err(|error| to_js(&error)) };
        match select(work, JsFuture::from(abort)).await {
            Either::Left((done, _)) => done.map_err(|error| to_js(&error)),
            Either::Right((Err(reason) | Ok(reason), _)) => Err(reason),
        }
    })
}

pub(crate) fn nothing(_: ()) -> JsValue {
    JsValue::UNDEFINED
}

pub(crate) fn number(count: u64) -> JsValue {
    JsValue::from_f64(count as f64)
}

/// For hot, warm and cold what the contract has of a tier (`undefined` where there is none), then the sums.
fn stats_array(stats: &Stats) -> JsValue {
    let optional = |count: Option<u64>| count.map_or(JsValue::UNDEFINED, number);
    let tier = |tier: &TierStats| {
        let TierStats { bytes, items, hits, misses, evictions, .. } = *tier;
        let counts = [Some(bytes), Some(items), hits, misses, evictions];
        Array::of(&counts.map(optional)).into()
    };
    let upper = |stats: &Option<TierStats>| stats.as_ref().map_or(JsValue::UNDEFINED, tier);
    Array::of(&[
        upper(&stats.hot),
        upper(&stats.warm),
        tier(&stats.cold),
        number(stats.total_hits),
        number(stats.total_misses),
        stats.hit_rate.into(),
    ])
    .into()
}

/// The event's name, tier, key, action, error and count.
fn event_array(event: &Event) -> JsValue {
    let (name, tier, key) = match event {
        Event::TierFailed { tier, key, .. } => ("tierFailed", Some(tier), key.as_ref()),
        Event::CopyCorrupt { tier, key } => ("copyCorrupt", Some(tier), Some(key)),
        Event::Promoted { tier, key } => ("promoted", Some(tier), Some(key)),
        Event::ExpiredRemoved { key } => ("expiredRemoved", None, Some(key)),
        Event::AccessesDropped { .. } => ("accessesDropped", None, None),
        _ => ("other", None, None),
    };
    let (action, error) = match event {
        Event::TierFailed { action, error, .. } => (JsValue::from_str(action), to_js(error)),
        _ => (JsValue::UNDEFINED, JsValue::UNDEFINED),
    };
    let count = match event {
        Event::AccessesDropped { count } => (*count as f64).into(),
        _ => JsValue::UNDEFINED,
    };
    Array::of(&[
        name.into(),
        tier.map_or(JsValue::UNDEFINED, |tier| tier.as_str().into()),
        key.map_or(JsValue::UNDEFINED, |key| key.as_str().into()),
        action,
        error,
        count,
    ])
    .into()
}
