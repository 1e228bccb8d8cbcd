//! The calls of a storage, by the numbers that `ts/wasm.ts` gives them.

use core::future::ready;

use js_sys::{Array, Function, JsString, Promise, Reflect};
use tiered_storage::{
    Content, ETag, Entry, Error, Scope, SetOptions, Tier, TieredStorage, Written,
    host::Task,
    respond::Request,
    stats::{Stats, TierStats},
    tier::{Body, Payload},
    web::{
        Change,
        error::from_js,
        flow,
        port::{accesses, content_number, line},
    },
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::{
    args::{Args, body, line_or_null, number, page},
    flow::Flow,
    lines::metadata,
};

/// What a call gives.
type Answer = Task<Result<JsValue, Error>>;

/// Runs a call. What it takes and gives is in `ts/wasm.ts`.
pub(crate) fn run(storage: TieredStorage, call: u8, args: Args) -> Answer {
    match call {
        0 => Box::pin(get(storage, args)),
        1 => Box::pin(set(storage, args)),
        2 => Box::pin(async move { storage.metadata(args.key(0)?).await.map(line_or_null) }),
        7 => Box::pin(keys(storage, args)),
        8 => Box::pin(async move { storage.stats().await.map(|stats| stats_array(&stats)) }),
        9 => Box::pin(export(storage)),
        10 => Box::pin(import(storage, args)),
        11 => Box::pin(async move { storage.bootstrap_hot(args.limit(0)).await.map(number) }),
        12 => Box::pin(async move {
            storage.bootstrap_warm(args.limit(0), args.time(1)).await.map(number)
        }),
        13 => Box::pin(async move {
            storage.settled().await;
            Ok(JsValue::UNDEFINED)
        }),
        14 => Box::pin(pieces(storage, args)),
        15 => Box::pin(part(storage, args)),
        16 => Box::pin(update(storage, args)),
        17 => Box::pin(respond(storage, args)),
        19 => {
            storage.count_accesses(accesses(&args.0));
            Box::pin(ready(Ok(JsValue::UNDEFINED)))
        }
        20 => Box::pin(async move { storage.close().await.map(|()| JsValue::UNDEFINED) }),
        _ => Box::pin(async move { storage.change(change(call, &args)?).await.map(number) }),
    }
}

fn change(call: u8, args: &Args) -> Result<Change, Error> {
    Ok(match call {
        3 => Change::Delete(args.key(0)?, args.text(1).map(ETag::new)),
        4 => Change::Touch(args.key(0)?, args.duration(1)),
        5 => {
            Change::Invalidate(args.text(0).unwrap_or_default(), args.tiers(1).unwrap_or_default())
        }
        6 => Change::Clear(args.tiers(0).unwrap_or_default()),
        _ => Change::Elsewhere(scope(args)?, args.tiers(2).unwrap_or_default()),
    })
}

/// What a change was about: its name, and whether that is a prefix.
fn scope(args: &Args) -> Result<Scope, Error> {
    if args.is(1) {
        return Ok(Scope::Prefix(args.text(0).unwrap_or_default()));
    }
    args.key(0).map(Scope::Key)
}

async fn get(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let entry = storage.fetch(&args.text(0).unwrap_or_default()).await?;
    Ok(entry.map_or(JsValue::NULL, |entry| entry_array(&entry)))
}

fn entry_array(entry: &Entry) -> JsValue {
    let entry = Array::of(&[
        entry.data.as_js().into(),
        line(&entry.metadata),
        entry.source.as_str().into(),
        content_number(entry.metadata.content()).into(),
    ]);
    entry.into()
}

async fn pieces(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let found = storage.fetch_pieces(&args.text(0).unwrap_or_default()).await?;
    let Some((metadata, source, pieces)) = found else { return Ok(JsValue::NULL) };
    let body = Flow::pieces(pieces).into();
    Ok(Array::of(&[body, line(&metadata), source.as_str().into()]).into())
}

async fn part(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let found = storage.get_range(args.text(0).unwrap_or_default(), args.range(1)).await?;
    Ok(found.map_or(JsValue::NULL, |part| {
        let (data, line) = (part.data.as_js().into(), line(&part.metadata));
        Array::of(&[data, line, part.source.as_str().into(), number(part.range.start)]).into()
    }))
}

async fn respond(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let sent = args.0.get(2);
    let header = |name: &str| Reflect::get(&sent, &name.into()).ok()?.as_string();
    let request = Request::new(&args.text(1).unwrap_or_default(), header);
    let (answer, body) = storage.answer(&request, args.key(0)?, args.text(3).as_deref()).await?;
    let headers = Array::new();
    for (name, value) in &answer.headers {
        headers.push(&JsString::from(*name));
        headers.push(&JsString::from(value.as_str()));
    }
    let body = match (answer.body, body) {
        (None, _) => JsValue::NULL,
        (_, Body::Whole(body)) => body.as_js().into(),
        (_, Body::Pieces(pieces)) => Flow::pieces(pieces).into(),
    };
    Ok(Array::of(&[answer.status.into(), headers.into(), body]).into())
}

async fn set(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let (key, options) = (args.key(0)?, set_options(&args));
    let given = args.0.get(1);
    let written = match body(&given) {
        Some(body) => storage.set_with(key, body, options).await?,
        None => {
            let written = storage.store_pieces(key.clone(), flow::pieces(given), options).await;
            written.map_err(|error| error.with_key(&key))?
        }
    };
    Ok(written_array(&written))
}

/// What follows a key and a body.
fn set_options(args: &Args) -> SetOptions {
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
    options.condition = args.condition(8);
    options
}

fn written_array(written: &Written) -> JsValue {
    let names = Array::new();
    for tier in written.tiers_written.iter() {
        names.push(&JsString::from(tier.as_str()));
    }
    Array::of(&[line(&written.metadata), names.into()]).into()
}

/// Asks a function what is to become of an entry.
async fn update(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let change: Function = args.0.get(1).unchecked_into();
    let written = storage.update(args.key(0)?, |entry| {
        let entry = entry.map_or(JsValue::NULL, |entry| entry_array(&entry));
        let asked = change.call1(&JsValue::UNDEFINED, &entry);
        async move {
            let asked = Promise::resolve(&asked.map_err(from_js)?);
            let given = JsFuture::from(asked).await.map_err(from_js)?;
            if given.is_undefined() {
                return Ok(None);
            }
            let given = Args(given.unchecked_into());
            let body: Payload = body(&given.0.get(1)).unwrap_or_default();
            Ok(Some((body, set_options(&given))))
        }
    });
    Ok(written.await?.map_or(JsValue::UNDEFINED, |written| written_array(&written)))
}

async fn keys(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let (keys, next) = storage.page(args.text(0).unwrap_or_default(), args.text(1)).await?;
    Ok(page(&keys, next.as_deref()))
}

async fn import(storage: TieredStorage, args: Args) -> Result<JsValue, Error> {
    let mut entries = Vec::new();
    for at in (0..args.len()).step_by(2) {
        entries.push(metadata(args.key(at)?, &args.array(at + 1))?);
    }
    storage.import_entries(entries).await.map(|()| JsValue::UNDEFINED)
}

async fn export(storage: TieredStorage) -> Result<JsValue, Error> {
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
