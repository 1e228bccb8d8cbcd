use tiered_storage_core::{Checksum, WriteId};
use wasm_bindgen::JsError;

use super::*;
use crate::web::testing::{Tested, check, failure, get, js, same, text};

/// A tier whose port is this expression.
fn tier(expression: &str) -> Result<(PortTier, JsValue), JsError> {
    let port = js(expression)?;
    Ok((PortTier::new(port.clone().unchecked_into()), port))
}

/// A tier whose port has one method, with this body and named parameters.
fn with(name: &str, parameters: &str, body: &str) -> Result<(PortTier, JsValue), JsError> {
    tier(&format!("({{ asked: [], {name}({parameters}) {{ {body} }} }})"))
}

fn key() -> Result<Key, JsError> {
    Ok(Key::new("a key")?)
}

fn metadata(body: &[u8]) -> Result<Metadata, JsError> {
    let mut hasher = tiered_storage_core::digest::Sha256::new();
    hasher.update(body);
    let metadata = Metadata::new(key()?, body.len() as u64, Timestamp::from_millis(1_000));
    let metadata = metadata.with_checksum(hasher.finish()).with_write_id(WriteId(0xab));
    Ok(metadata)
}

/// An expression for an entry as a port gives it.
fn entry(body: &[u8]) -> Result<String, JsError> {
    let line = format::encode(&metadata(body)?, Audience::Local);
    Ok(format!("{{ line: {line:?}, body: new Uint8Array({body:?}) }}"))
}

#[wasm_bindgen]
pub async fn ports_answer_at_once_or_with_a_promise() -> Tested {
    let entry = entry(&[1, 2, 3])?;
    for answer in
        [entry.clone(), format!("Promise.resolve({entry})"), format!("(async () => ({entry}))()")]
    {
        let (tier, _) = with("read", "", &format!("return {answer}"))?;
        let Read::Found(stored) = tier.read(&key()?, None).await? else {
            return Err(JsError::new("it is not found"));
        };
        check!(stored.metadata == metadata(&[1, 2, 3])?);
        same!(stored.body.as_js().to_vec(), [1, 2, 3]);
    }
    for answer in ["null", "undefined", "Promise.resolve(null)", "Promise.resolve()"] {
        let (tier, _) = with("read", "", &format!("return {answer}"))?;
        check!(matches!(tier.read(&key()?, None).await?, Read::Missing));
        let (tier, _) = with("head", "", &format!("return {answer}"))?;
        check!(tier.head(&key()?).await?.is_none());
    }
    for answer in ["true", "Promise.resolve(true)"] {
        let (tier, port) =
            with("read", "...words", &format!("this.asked.push(words); return {answer}"))?;
        check!(matches!(tier.read(&key()?, Some(&ETag::new("\"v1\""))).await?, Read::Unchanged));
        same!(text(&port, "asked.0.0"), "a key");
        same!(text(&port, "asked.0.1"), "\"v1\"");
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_that_answer_with_something_else_are_corrupt() -> Tested {
    let line = format::encode(&metadata(&[1])?, Audience::Local);
    for answer in [
        "17".to_owned(),
        "'text'".to_owned(),
        "false".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "new Uint8Array(3)".to_owned(),
        format!("{{ line: {line:?} }}"),
        format!("{{ line: {line:?}, body: 'text' }}"),
        format!("{{ line: {line:?}, body: new ArrayBuffer(1) }}"),
        format!("{{ line: {line:?}, body: [1] }}"),
        "{ line: 5, body: new Uint8Array(1) }".to_owned(),
        "{ line: 'no line', body: new Uint8Array(1) }".to_owned(),
        "{ get line() { throw 1 }, get body() { throw 2 } }".to_owned(),
    ] {
        let (tier, _) = with("read", "", &format!("return Promise.resolve({answer})"))?;
        let error = failure(tier.read(&key()?, None).await)?;
        same!((&answer, error.kind()), (&answer, ErrorKind::Corrupt));
    }
    for answer in ["17", "true", "{}", "'no line'"] {
        let (tier, _) = with("head", "", &format!("return {answer}"))?;
        same!((answer, failure(tier.head(&key()?).await)?.kind()), (answer, ErrorKind::Corrupt));
    }
    for answer in ["null", "17", "{}", "{ bytes: 1 }", "{ bytes: '1', items: 2 }"] {
        let (tier, _) = with("usage", "", &format!("return {answer}"))?;
        same!((answer, failure(tier.usage().await)?.kind()), (answer, ErrorKind::Corrupt));
    }
    let page = Page { prefix: "", after: None, limit: 10 };
    for answer in ["null", "{}", "{ keys: 'abc' }", "{ keys: [1] }", "{ keys: ['a', undefined] }"] {
        let (tier, _) = with("list", "", &format!("return {answer}"))?;
        same!((answer, failure(tier.list(page).await)?.kind()), (answer, ErrorKind::Corrupt));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_fail_as_they_say() -> Tested {
    for (failing, kind, message) in [
        ("throw new Error('gone')", ErrorKind::Unavailable, "the tier failed: gone"),
        (
            "return Promise.reject(new Error('gone'))",
            ErrorKind::Unavailable,
            "the tier failed: gone",
        ),
        ("return Promise.reject()", ErrorKind::Unavailable, "the tier failed: "),
        (
            "throw ['full', 'no room', undefined, undefined, false, undefined]",
            ErrorKind::Full,
            "no room",
        ),
        (
            "return Promise.reject({ kind: 'denied', message: 'not you' })",
            ErrorKind::Denied,
            "not you",
        ),
    ] {
        let all = [
            "read",
            "head",
            "write",
            "patch",
            "remove",
            "removeVersion",
            "list",
            "usage",
            "clear",
            "announce",
            "close",
        ];
        let methods = all.map(|name| format!("{name}() {{ {failing} }}")).join(", ");
        let (tier, _) = tier(&format!("({{ {methods} }})"))?;
        let metadata = metadata(&[])?;
        let stored = Stored { metadata: metadata.clone(), body: Payload::default() };
        let page = Page { prefix: "", after: None, limit: 10 };
        for error in [
            failure(tier.read(&key()?, None).await)?,
            failure(tier.head(&key()?).await)?,
            failure(tier.write(&key()?, stored).await)?,
            failure(tier.patch(&key()?, &metadata).await)?,
            failure(tier.remove(&[key()?]).await)?,
            failure(tier.remove_version(&key()?, &metadata).await)?,
            failure(tier.list(page).await)?,
            failure(tier.usage().await)?,
            failure(tier.clear().await)?,
            failure(tier.announce(&key()?).await)?,
            failure(tier.close().await)?,
        ] {
            same!((failing, error.kind(), error.message()), (failing, kind, message));
        }
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_without_a_method_are_unavailable() -> Tested {
    let (tier, _) = tier("({ head: 5 })")?;
    same!(failure(tier.read(&key()?, None).await)?.kind(), ErrorKind::Unavailable);
    same!(failure(tier.head(&key()?).await)?.kind(), ErrorKind::Unavailable);
    same!(failure(tier.clear().await)?.kind(), ErrorKind::Unavailable);
    check!(tier.accesses(10).is_empty());
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_are_given_bodies_and_facts() -> Tested {
    let (tier, port) = tier(
        "({ asked: [], write(...words) { this.asked.push(words); return '\"v2\"' }, patch(...words) { this.asked.push(words); return null } })",
    )?;
    let mut metadata = metadata(&[1, 2])?.with_content(Content::Json);
    metadata.expires_at = Some(Timestamp::from_millis(9_000));
    metadata.last_accessed = Timestamp::from_millis(2_000);
    metadata.access_count = 3;
    let body = Uint8Array::from(&[1, 2][..]);
    let stored = Stored { metadata: metadata.clone(), body: Payload::from(body.clone()) };
    same!(tier.write(&key()?, stored).await?, Some(ETag::new("\"v2\"")));
    same!(text(&port, "asked.0.0"), "a key");
    check!(get(&port, "asked.0.1") == JsValue::from(body));
    let line = text(&port, "asked.0.2.0");
    check!(format::decode(&key()?, &line)? == metadata);
    same!(text(&port, "asked.0.2.1"), "00000000000000ab");
    for (at, ms) in
        [(2, 9_000), (3, metadata.fresh_at.as_millis() as i32), (4, 1), (5, 2_000), (6, 3)]
    {
        same!((at, get(&port, &format!("asked.0.2.{at}"))), (at, JsValue::from(ms)));
    }
    metadata.expires_at = None;
    check!(matches!(tier.patch(&key()?, &metadata).await?, Patched::Missing));
    same!(get(&port, "asked.1.1.2"), f64::INFINITY);
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_give_versions_of_what_they_wrote() -> Tested {
    for (answer, etag) in [("undefined", None), ("Promise.resolve('e')", Some("e")), ("5", None)] {
        let methods =
            ["write", "patch"].map(|name| format!("{name}() {{ return {answer} }}")).join(", ");
        let (tier, _) = tier(&format!("({{ {methods} }})"))?;
        let metadata = metadata(&[])?;
        let stored = Stored { metadata: metadata.clone(), body: Payload::default() };
        let etag = etag.map(ETag::new);
        same!((answer, tier.write(&key()?, stored).await?), (answer, etag.clone()));
        let Patched::Done(patched) = tier.patch(&key()?, &metadata).await? else {
            return Err(JsError::new("it is not there"));
        };
        same!((answer, patched), (answer, etag));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_list_page_by_page() -> Tested {
    let (tier, port) =
        with("list", "...words", "this.asked.push(words); return { keys: ['a', 'b'], next: 'b' }")?;
    let listing = tier.list(Page { prefix: "p", after: Some("o"), limit: 7 }).await?;
    same!(listing.keys.iter().map(Key::as_str).collect::<Vec<_>>(), ["a", "b"]);
    same!(listing.next.as_deref(), Some("b"));
    same!((text(&port, "asked.0.0"), text(&port, "asked.0.1")), ("p".to_owned(), "o".to_owned()));
    same!(get(&port, "asked.0.2"), 7);
    tier.list(Page { prefix: "", after: None, limit: usize::MAX }).await?;
    check!(get(&port, "asked.1.1").is_undefined());
    // What is no key of the core's cannot be asked for either.
    let (tier, _) = with("list", "", "return { keys: [''] }")?;
    check!(tier.list(Page { prefix: "", after: None, limit: 7 }).await.is_err());
    Ok(())
}

#[wasm_bindgen]
pub fn ports_tell_accesses_and_what_is_none_is_left_out() -> Tested {
    let (tier, port) = with(
        "accesses",
        "limit",
        "this.asked.push(limit); return ['a', 2, 1000, 5, 1, 1, 'b', 'x', 1, '', 1, 1, 'c', 1, 3000.5, 'd']",
    )?;
    let told = tier.accesses(9);
    let told: Vec<_> =
        told.iter().map(|one| (one.key.as_str(), one.count, one.last.as_millis())).collect();
    same!(told, [("a", 2, 1000), ("c", 1, 3000)]);
    same!(get(&port, "asked.0"), 9);
    let (tier, _) = with("accesses", "", "throw new Error('not now')")?;
    check!(tier.accesses(9).is_empty());
    Ok(())
}

#[wasm_bindgen]
pub fn ports_have_traits() -> Tested {
    let (plain, _) = tier("({})")?;
    same!(
        plain.properties(),
        Properties {
            is_volatile: false,
            is_guarded: false,
            wants_announcements: false,
            entry_bytes_max: None,
            items_max: None,
        }
    );
    let (tier, _) = tier(
        "({ traits: { volatile: true, announced: 1, entryBytesMax: 100.5, itemsMax: 7, rereads: true } })",
    )?;
    same!(
        tier.properties(),
        Properties {
            is_volatile: true,
            is_guarded: false,
            wants_announcements: true,
            entry_bytes_max: Some(100),
            items_max: Some(7),
        }
    );
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_of_two_writes_are_read_once_more() -> Tested {
    let (torn, whole) = (entry(&[1, 2])?.replace("1, 2", "1, 3"), entry(&[1, 2])?);
    let read = |is: &str| {
        format!(
            "({{ traits: {{ rereads: {is} }}, reads: 0, read() {{ this.reads += 1; return this.reads > 1 ? {whole} : {torn} }} }})"
        )
    };
    let (careful, port) = tier(&read("true"))?;
    let Read::Found(stored) = careful.read(&key()?, None).await? else {
        return Err(JsError::new("it is not found"));
    };
    same!((stored.body.as_js().to_vec(), get(&port, "reads").as_f64()), (vec![1, 2], Some(2.0)));
    careful.read(&key()?, None).await?;
    same!(get(&port, "reads"), 3);
    let (careless, port) = tier(&read("false"))?;
    careless.read(&key()?, None).await?;
    same!(get(&port, "reads"), 1);
    Ok(())
}

#[wasm_bindgen]
pub fn versions_are_those_of_the_write() -> Tested {
    let plain = Metadata::new(key()?, 5, Timestamp::from_millis(1_000));
    same!(version(&plain), "5-1000-");
    let hashed = plain.clone().with_checksum(Checksum([0xab; 32]));
    same!(version(&hashed), format!("5-1000-{}", "ab".repeat(32)));
    let mut tagged = hashed.clone();
    tagged.etag = Some(ETag::new("\"e\""));
    same!(version(&tagged), "\"e\"");
    same!(version(&tagged.with_write_id(WriteId(1))), "0000000000000001");
    Ok(())
}
