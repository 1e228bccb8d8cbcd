//! The calls of a storage, by the numbers that `ts/wasm.ts` gives them.

use js_sys::{Array, JsString, Reflect};
use tiered_storage::{
    Content, Error, SetOptions, Tier, TieredStorage,
    respond::Request,
    stats::{Stats, TierStats},
    tier::Payload,
    web::{
        Change,
        port::{content_number, line},
    },
};
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    args::{Args, line_or_null, number, page},
    lines::metadata,
};

/// Runs a call. What it takes and gives is in `ts/wasm.ts`.
pub(crate) async fn run(storage: TieredStorage, call: u8, args: Args) -> Result<JsValue, Error> {
    let limit = || args.number(0).map(|limit| limit as usize);
    let change = match call {
        0 => return get(&storage, &args).await,
        1 => return set(&storage, &args).await,
        2 => return storage.metadata(args.key(0)?).await.map(line_or_null),
        3 => Change::Delete(args.key(0)?),
        4 => Change::Touch(args.key(0)?, args.duration(1)),
        5 => {
            Change::Invalidate(args.text(0).unwrap_or_default(), args.tiers(1).unwrap_or_default())
        }
        6 => Change::Clear(args.tiers(0).unwrap_or_default()),
        7 => {
            let (keys, next) = storage.page(args.text(0).unwrap_or_default(), args.text(1)).await?;
            return Ok(page(&keys, next.as_deref()));
        }
        8 => return storage.stats().await.map(|stats| stats_array(&stats)),
        9 => return export(&storage).await,
        10 => {
            let mut entries = Vec::new();
            for at in (0..args.len()).step_by(2) {
                entries.push(metadata(args.key(at)?, &args.array(at + 1))?);
            }
            return storage.import_entries(entries).await.map(|()| JsValue::UNDEFINED);
        }
        11 => return storage.bootstrap_hot(limit()).await.map(number),
        12 => return storage.bootstrap_warm(limit(), args.time(1)).await.map(number),
        13 => {
            storage.settled().await;
            return Ok(JsValue::UNDEFINED);
        }
        14 => return respond(&storage, &args).await,
        _ => return storage.close().await.map(|()| JsValue::UNDEFINED),
    };
    storage.change(change).await.map(number)
}

async fn get(storage: &TieredStorage, args: &Args) -> Result<JsValue, Error> {
    let Some(entry) = storage.fetch(&args.text(0).unwrap_or_default()).await? else {
        return Ok(JsValue::NULL);
    };
    let entry = Array::of(&[
        entry.data.as_js().into(),
        line(&entry.metadata),
        entry.source.as_str().into(),
        content_number(entry.metadata.content()).into(),
    ]);
    Ok(entry.into())
}

async fn respond(storage: &TieredStorage, args: &Args) -> Result<JsValue, Error> {
    let sent = args.0.get(2);
    let header = |name: &str| Reflect::get(&sent, &name.into()).ok()?.as_string();
    let request = Request::new(&args.text(1).unwrap_or_default(), header);
    let (answer, body) = storage.answer(&request, args.key(0)?, args.text(3).as_deref()).await?;
    let headers = Array::new();
    for (name, value) in &answer.headers {
        headers.push(&JsString::from(*name));
        headers.push(&JsString::from(value.as_str()));
    }
    let body = match answer.body {
        Some(_) => body.whole().await?.as_js().into(),
        None => JsValue::NULL,
    };
    Ok(Array::of(&[answer.status.into(), headers.into(), body]).into())
}

async fn set(storage: &TieredStorage, args: &Args) -> Result<JsValue, Error> {
    let mut options = SetOptions::default();
    options.content = match args.count(2) {
        1 => Content::Json,
        2 => Content::Custom,
        _ => Content::Bytes,
    };
    options.ttl = args.duration(3);
    options.mime_type = args.text(4);
    options.metadata = args.array(5).map();
    options.skip_tiers = args.tiers(6).unwrap_or_default();
    options.only_tiers = args.tiers(7);
    let body = Payload::from(args.0.get(1).unchecked_into::<js_sys::Uint8Array>());
    let written = storage.set_with(args.key(0)?, body, options).await?;
    let names = Array::new();
    for tier in written.tiers_written.iter() {
        names.push(&JsString::from(tier.as_str()));
    }
    Ok(Array::of(&[line(&written.metadata), names.into()]).into())
}

async fn export(storage: &TieredStorage) -> Result<JsValue, Error> {
    let (now, entries, stats) = storage.export_entries().await?;
    let lines = Array::new();
    for entry in &entries {
        lines.push(&entry.key().as_str().into());
        lines.push(&line(entry));
    }
    Ok(Array::of(&[number(now.as_millis()), stats_array(&stats), lines.into()]).into())
}

/// For hot, warm and cold what the contract has of a tier (`undefined` where there is none), then the sums.
fn stats_array(stats: &Stats) -> JsValue {
    let optional = |count: Option<u64>| count.map_or(JsValue::UNDEFINED, number);
    let array = Array::new();
    for tier in Tier::ALL {
        let tier = match tier {
            Tier::Hot => stats.hot.as_ref(),
            Tier::Warm => stats.warm.as_ref(),
            Tier::Cold => Some(&stats.cold),
        };
        array.push(&tier.map_or(JsValue::UNDEFINED, |tier| {
            let TierStats { bytes, items, hits, misses, evictions, .. } = *tier;
            let counts = [Some(bytes), Some(items), hits, misses, evictions];
            Array::of(&counts.map(optional)).into()
        }));
    }
    array.push(&number(stats.total_hits));
    array.push(&number(stats.total_misses));
    array.push(&stats.hit_rate.into());
    array.into()
}
