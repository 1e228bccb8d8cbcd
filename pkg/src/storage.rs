//! The storage, as TypeScript calls it.

use core::{cell::RefCell, fmt, pin::Pin};
use std::sync::Arc;

use futures_util::{
    Stream, StreamExt,
    future::{Either, select},
};
use js_sys::{Array, Function, JsString, Promise, Uint8Array};
use tiered_storage::{
    Content, Error, Event, Key, SetOptions, Tier, TierSet, TieredStorage, Timestamp,
    snapshot::Snapshot,
    tier::Payload,
    web::{
        clock::{JsClock, WebHost},
        error::to_js,
        port::{JsPort, PortTier},
    },
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::{
    config::{configure, millis},
    lines::{invalid, line, to_object},
};

/// The most keys that are handed over at once.
const KEYS_MAX: usize = 1_000;

#[wasm_bindgen]
#[derive(Debug)]
pub struct Storage(TieredStorage);

#[wasm_bindgen]
impl Storage {
    /// `ports`: hot, warm and cold, `undefined` where there is no such tier.
    pub async fn open(
        config: JsValue,
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
        builder.open().await.map(Self).map_err(|error| to_js(&error))
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
    pub async fn get(&self, key: String, abort: Option<Promise>) -> Result<JsValue, JsValue> {
        let entry = unless(abort, self.0.get_with_metadata(key)).await?;
        Ok(entry.map_or(JsValue::NULL, |entry| {
            Array::of(&[
                entry.data.as_js().into(),
                line(&entry.metadata),
                entry.source.as_str().into(),
                content_number(entry.metadata.content()).into(),
            ])
            .into()
        }))
    }

    /// `tiers`: bits of those to skip, or of the only ones. Gives the line and the tiers that have the entry.
    #[expect(clippy::too_many_arguments, reason = "an object would cost a call for each field")]
    pub async fn set(
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
    ) -> Result<JsValue, JsValue> {
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
        let written = unless(abort, self.0.set_with(key, Payload::from(body), options)).await?;
        let names = written.tiers_written.iter().map(|tier| JsString::from(tier.as_str()));
        Ok(Array::of(&[line(&written.metadata), names.collect::<Array>().into()]).into())
    }

    /// The line, or `null`.
    pub async fn head(&self, key: String, abort: Option<Promise>) -> Result<JsValue, JsValue> {
        let metadata = unless(abort, self.0.metadata(key)).await?;
        Ok(metadata.map_or(JsValue::NULL, |metadata| line(&metadata)))
    }

    pub async fn delete(&self, key: String, abort: Option<Promise>) -> Result<(), JsValue> {
        unless(abort, self.0.delete(key)).await
    }

    pub async fn touch(
        &self,
        key: String,
        ttl: Option<f64>,
        abort: Option<Promise>,
    ) -> Result<(), JsValue> {
        unless(abort, self.0.touch(key, ttl.map(millis))).await
    }

    pub async fn invalidate(&self, prefix: String, abort: Option<Promise>) -> Result<f64, JsValue> {
        unless(abort, self.0.invalidate(prefix)).await.map(|count| count as f64)
    }

    #[wasm_bindgen(js_name = invalidateUpperCaches)]
    pub async fn invalidate_upper_caches(
        &self,
        prefix: String,
        abort: Option<Promise>,
    ) -> Result<f64, JsValue> {
        unless(abort, self.0.invalidate_upper_caches(prefix)).await.map(|count| count as f64)
    }

    pub fn keys(&self, prefix: &str) -> Keys {
        Keys(RefCell::new(Some(Box::pin(self.0.keys(prefix).ready_chunks(KEYS_MAX)))))
    }

    pub async fn stats(&self, abort: Option<Promise>) -> Result<JsValue, JsValue> {
        to_object(&unless(abort, self.0.stats()).await?)
    }

    /// Without a tier, all are cleared.
    pub async fn clear(&self, tier: Option<u8>, abort: Option<Promise>) -> Result<(), JsValue> {
        match tier.and_then(|at| Tier::ALL.get(usize::from(at))) {
            Some(tier) => unless(abort, self.0.clear_tier(*tier)).await,
            None => unless(abort, self.0.clear()).await,
        }
    }

    /// Dates are text, as in JSON.
    pub async fn export(&self, abort: Option<Promise>) -> Result<JsValue, JsValue> {
        to_object(&unless(abort, self.0.export()).await?)
    }

    pub async fn import(&self, snapshot: JsValue, abort: Option<Promise>) -> Result<(), JsValue> {
        let snapshot: Snapshot = serde_wasm_bindgen::from_value(snapshot).map_err(|error| {
            to_js(&invalid(&format!("the snapshot is not one that `export` made: {error}")))
        })?;
        unless(abort, self.0.import(&snapshot)).await
    }

    #[wasm_bindgen(js_name = bootstrapHot)]
    pub async fn bootstrap_hot(
        &self,
        limit: Option<f64>,
        abort: Option<Promise>,
    ) -> Result<f64, JsValue> {
        let limit = limit.map(|limit| limit as usize);
        unless(abort, self.0.bootstrap_hot(limit)).await.map(|count| count as f64)
    }

    #[wasm_bindgen(js_name = bootstrapWarm)]
    pub async fn bootstrap_warm(
        &self,
        limit: Option<f64>,
        since: Option<f64>,
        abort: Option<Promise>,
    ) -> Result<f64, JsValue> {
        let limit = limit.map(|limit| limit as usize);
        let since = since.map(|ms| Timestamp::from_millis(ms.max(0.0) as u64));
        unless(abort, self.0.bootstrap_warm(limit, since)).await.map(|count| count as f64)
    }

    pub async fn settled(&self, abort: Option<Promise>) -> Result<(), JsValue> {
        unless(abort, async {
            self.0.settled().await;
            Ok(())
        })
        .await
    }

    pub async fn close(&self) -> Result<(), JsValue> {
        unless(None, self.0.close()).await
    }
}

type Pages = Pin<Box<dyn Stream<Item = Vec<Result<Key, Error>>>>>;

/// Keys of cold, as many at once as are there.
#[wasm_bindgen]
pub struct Keys(RefCell<Option<Pages>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

#[wasm_bindgen]
impl Keys {
    /// The next keys; `null` after the last. A second call while one runs finds the end.
    pub async fn next(&self, abort: Option<Promise>) -> Result<JsValue, JsValue> {
        let Some(mut pages) = self.0.take() else { return Ok(JsValue::NULL) };
        let page = unless(abort, async { Ok(pages.next().await) }).await?;
        let Some(page) = page else { return Ok(JsValue::NULL) };
        let keys = page.into_iter().map(|key| key.map(|key| JsString::from(key.as_str())));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| to_js(&error))?;
        self.0.replace(Some(pages));
        Ok(keys.into_iter().collect::<Array>().into())
    }
}

/// Waits for `work`, unless `abort` rejects before: then `work` is dropped.
async fn unless<T>(
    abort: Option<Promise>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, JsValue> {
    let Some(abort) = abort else { return work.await.map_err(|error| to_js(&error)) };
    let work = core::pin::pin!(work);
    match select(work, JsFuture::from(abort)).await {
        Either::Left((done, _)) => done.map_err(|error| to_js(&error)),
        Either::Right((Err(reason) | Ok(reason), _)) => Err(reason),
    }
}

fn content_number(content: Content) -> u8 {
    match content {
        Content::Json => 1,
        Content::Custom => 2,
        _ => 0,
    }
}

fn tiers(bits: u8) -> TierSet {
    Tier::ALL.into_iter().filter(|tier| bits & (1 << *tier as u8) != 0).collect()
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
