use std::sync::Arc;

use tiered_storage_core::{Checksum, Tier, WriteId, engine::Outcome};
use wasm_bindgen::JsError;

use super::*;
use crate::{
    driver::{Body, Want, Whole},
    store::TieredStorage,
    web::testing::{Tested, check, failure, get, js, same, text},
};

/// A storage over a cold tier in JavaScript.
struct Asking {
    storage: TieredStorage,
    place: Arc<PortTier>,
    port: JsValue,
}

impl Asking {
    /// A port that answers every call with these statements, which know `words`.
    fn of(statements: &str) -> Result<Self, JsError> {
        Self::with("{}", statements)
    }

    fn with(traits: &str, statements: &str) -> Result<Self, JsError> {
        let port = js(&format!(
            "({{ traits: {traits}, asked: [], call(...words) {{ this.asked.push(words); {statements} }} }})"
        ))?;
        let place = Arc::new(PortTier::new(port.clone().unchecked_into()));
        let storage = TieredStorage::builder(place.clone()).open_at_once()?;
        Ok(Self { storage, place, port })
    }

    async fn act(&self, action: Action, body: &[u8]) -> Result<(Outcome, Option<Vec<u8>>), Error> {
        let body = Body::Whole(Whole { plain: Uint8Array::from(body).into(), packed: None });
        let (body, mut found) = (Some(body), None);
        let inner = &self.storage.inner;
        let outcome = inner.act(&self.place, &action, body, Want::Whole, &mut found).await?;
        let bytes = |body| match body {
            Body::Whole(whole) => Some(whole.plain.as_js().to_vec()),
            _ => None,
        };
        Ok((outcome, found.and_then(bytes)))
    }

    async fn read(&self) -> Result<(Outcome, Option<Vec<u8>>), Error> {
        self.act(Action::Read(Tier::Cold, Key::new("a key")?, None), &[]).await
    }

    /// A word of a call, by the path of its numbers.
    fn asked(&self, path: &str) -> JsValue {
        get(&self.port, &format!("asked.{path}"))
    }
}

fn key() -> Result<Key, JsError> {
    Ok(Key::new("a key")?)
}

fn metadata(body: &[u8]) -> Result<Metadata, JsError> {
    let mut hasher = tiered_storage_core::digest::Sha256::new();
    hasher.update(body);
    let metadata = Metadata::new(key()?, body.len() as u64, Timestamp::from_millis(1_000));
    Ok(metadata.with_checksum(hasher.finish()).with_write_id(WriteId(0xab)))
}

/// An expression for an entry as a port gives it.
fn stored(body: &[u8]) -> Result<String, JsError> {
    let line = format::encode(&metadata(body)?, Audience::Local);
    Ok(format!("{{ line: {line:?}, body: new Uint8Array({body:?}) }}"))
}

/// One of each action.
fn actions() -> Result<Vec<Action>, JsError> {
    let (tier, key, metadata) = (Tier::Cold, key()?, metadata(&[])?);
    Ok(vec![
        Action::Read(tier, key.clone(), None),
        Action::Head(tier, key.clone()),
        Action::Write(tier, metadata.clone()),
        Action::Patch(tier, metadata.clone()),
        Action::Remove(tier, vec![key.clone()]),
        Action::RemoveVersion(tier, metadata),
        Action::List(tier, String::new(), None),
        Action::Clear(tier),
        Action::Announce(tier, key),
    ])
}

#[wasm_bindgen]
pub async fn ports_answer_at_once_or_with_a_promise() -> Tested {
    let entry = stored(&[1, 2, 3])?;
    let answers =
        [entry.clone(), format!("Promise.resolve({entry})"), format!("(async () => ({entry}))()")];
    for answer in answers {
        let (outcome, body) = Asking::of(&format!("return {answer}"))?.read().await?;
        let Outcome::Found(found) = outcome else { return Err(JsError::new("it is not found")) };
        check!(found == metadata(&[1, 2, 3])?);
        same!(body, Some(vec![1, 2, 3]));
    }
    for answer in ["null", "undefined", "Promise.resolve(null)", "Promise.resolve()"] {
        let asking = Asking::of(&format!("return {answer}"))?;
        check!(matches!(asking.read().await?.0, Outcome::Missing));
        let (outcome, _) = asking.act(Action::Head(Tier::Cold, key()?), &[]).await?;
        check!(matches!(outcome, Outcome::Missing));
    }
    for answer in ["true", "Promise.resolve(true)"] {
        let asking = Asking::of(&format!("return {answer}"))?;
        let action = Action::Read(Tier::Cold, key()?, Some(ETag::new("\"v1\"")));
        check!(matches!(asking.act(action, &[]).await?.0, Outcome::Unchanged));
        same!(asking.asked("0.0"), READ);
        same!(
            (text(&asking.asked("0"), "1"), text(&asking.asked("0"), "2")),
            ("a key".into(), "\"v1\"".into())
        );
    }
    let line = format::encode(&metadata(&[])?, Audience::Local);
    let asking = Asking::of(&format!("return {line:?}"))?;
    let (outcome, body) = asking.act(Action::Head(Tier::Cold, key()?), &[]).await?;
    check!(matches!(outcome, Outcome::Found(found) if found == metadata(&[])?) && body.is_none());
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_that_answer_with_something_else_are_corrupt() -> Tested {
    let line = format::encode(&metadata(&[1])?, Audience::Local);
    let tier = Tier::Cold;
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
        // Of another length, and of other bytes, than the line says.
        format!("{{ line: {line:?}, body: new Uint8Array(2) }}"),
        format!("{{ line: {line:?}, body: new Uint8Array(1) }}"),
        "{ line: 5, body: new Uint8Array(1) }".to_owned(),
        "{ line: 'no line', body: new Uint8Array(1) }".to_owned(),
        "{ get line() { throw 1 }, get body() { throw 2 } }".to_owned(),
    ] {
        let asking = Asking::of(&format!("return Promise.resolve({answer})"))?;
        same!((&answer, failure(asking.read().await)?.kind()), (&answer, ErrorKind::Corrupt));
    }
    for answer in ["17", "true", "{}", "'no line'"] {
        let asking = Asking::of(&format!("return {answer}"))?;
        let error = failure(asking.act(Action::Head(tier, key()?), &[]).await)?;
        same!((answer, error.kind()), (answer, ErrorKind::Corrupt));
    }
    for answer in ["null", "17", "{}", "{ bytes: 1 }", "{ bytes: '1', items: 2 }"] {
        let asking = Asking::of(&format!("return {answer}"))?;
        same!((answer, failure(asking.place.usage().await)?.kind()), (answer, ErrorKind::Corrupt));
    }
    for answer in ["null", "{}", "{ keys: 'abc' }", "{ keys: [1] }", "{ keys: ['a', undefined] }"] {
        let asking = Asking::of(&format!("return {answer}"))?;
        let error = failure(asking.act(Action::List(tier, String::new(), None), &[]).await)?;
        same!((answer, error.kind()), (answer, ErrorKind::Corrupt));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_fail_as_they_say() -> Tested {
    use ErrorKind::{Denied, Full, Unavailable};
    for (failing, kind, message) in [
        ("throw new Error('gone')", Unavailable, "the tier failed: gone"),
        ("return Promise.reject(new Error('gone'))", Unavailable, "the tier failed: gone"),
        ("return Promise.reject()", Unavailable, "the tier failed: "),
        ("throw ['full', 'no room', undefined, undefined, false, undefined]", Full, "no room"),
        ("return Promise.reject({ kind: 'denied', message: 'not you' })", Denied, "not you"),
    ] {
        let asking = Asking::of(failing)?;
        for action in actions()? {
            let name = format!("{action:?}");
            let error = failure(asking.act(action, &[]).await)?;
            same!((failing, &name, error.kind(), error.message()), (failing, &name, kind, message));
        }
        let error = failure(asking.place.usage().await)?;
        same!((failing, error.kind(), error.message()), (failing, kind, message));
        let error = failure(asking.place.close().await)?;
        same!((failing, error.kind(), error.message()), (failing, kind, message));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_are_asked_by_number() -> Tested {
    let asking = Asking::of("return words[0] === 6 ? { keys: [] } : undefined")?;
    for (at, action) in actions()?.into_iter().enumerate() {
        asking.act(action, &[]).await?;
        same!((at, asking.asked(&format!("{at}.0"))), (at, JsValue::from(at as u32)));
    }
    asking.place.close().await?;
    same!(asking.asked("9.0"), CLOSE);
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_are_given_bodies_and_facts() -> Tested {
    let asking = Asking::of("return words[0] === 2 ? '\"v2\"' : null")?;
    let mut metadata = metadata(&[1, 2])?.with_content(Content::Json);
    metadata.expires_at = Some(Timestamp::from_millis(9_000));
    metadata.last_accessed = Timestamp::from_millis(2_000);
    metadata.access_count = 3;
    let (outcome, _) = asking.act(Action::Write(Tier::Cold, metadata.clone()), &[1, 2]).await?;
    check!(matches!(outcome, Outcome::Done(Some(etag)) if etag.as_str() == "\"v2\""));
    same!(text(&asking.asked("0"), "1"), "a key");
    same!(Uint8Array::new(&asking.asked("0.2")).to_vec(), [1, 2]);
    let line = text(&asking.asked("0"), "3.0");
    check!(format::decode(&key()?, &line)? == metadata);
    same!(text(&asking.asked("0"), "3.1"), "00000000000000ab");
    let fresh_at = metadata.fresh_at.as_millis() as i32;
    for (at, number) in [(2, 9_000), (3, fresh_at), (4, 1), (5, 2_000), (6, 3), (7, 2)] {
        same!((at, asking.asked(&format!("0.3.{at}"))), (at, JsValue::from(number)));
    }
    metadata.expires_at = None;
    let (outcome, _) = asking.act(Action::Patch(Tier::Cold, metadata), &[]).await?;
    check!(matches!(outcome, Outcome::Missing));
    same!(asking.asked("1.2.2"), f64::INFINITY);
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_are_given_whole_chunks_of_parts() -> Tested {
    let port = js("({ asked: [], call(...words) { this.asked.push(words) } })")?;
    let place = Arc::new(PortTier::new(port.clone().unchecked_into()));
    let builder = TieredStorage::builder(place.clone()).range_caching(1 << 16);
    let inner = builder.open_at_once()?.inner.clone();
    let (chunk, size) = (1_u64 << 16, 200_000);
    let metadata = Metadata::new(key()?, size, Timestamp::from_millis(1_000));
    // From 5 on, to the end; what is of no chunk that is all there is left out.
    for (start, end, kept) in
        [(5, size, Some((chunk, size))), (0, chunk + 5, Some((0, chunk))), (5, chunk, None)]
    {
        let part = Uint8Array::new_with_length((end - start) as u32);
        let body = Some(Body::Part(start, part.into()));
        let action = Action::WritePart(Tier::Cold, metadata.clone());
        let outcome = inner.act(&place, &action, body, Want::Whole, &mut None).await?;
        check!(matches!(outcome, Outcome::Done(None)));
        let asked = get(&port, "asked").unchecked_into::<Array>().pop();
        same!((start, end, asked.is_undefined()), (start, end, kept.is_none()));
        let Some((from, to)) = kept else { continue };
        same!(
            (get(&asked, "0"), get(&asked, "4")),
            (WRITE_PART.into(), JsValue::from(from as f64))
        );
        same!(Uint8Array::new(&get(&asked, "2")).length(), (to - from) as u32);
        same!(
            (text(&asked, "1"), get(&asked, "3.7")),
            ("a key".into(), JsValue::from(size as f64))
        );
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_give_versions_of_what_they_wrote() -> Tested {
    for (answer, etag) in [("undefined", None), ("Promise.resolve('e')", Some("e")), ("5", None)] {
        let asking = Asking::of(&format!("return {answer}"))?;
        for action in
            [Action::Write(Tier::Cold, metadata(&[])?), Action::Patch(Tier::Cold, metadata(&[])?)]
        {
            let (outcome, _) = asking.act(action, &[]).await?;
            let Outcome::Done(given) = outcome else { return Err(JsError::new("it is not done")) };
            same!((answer, given.as_ref().map(ETag::as_str)), (answer, etag));
        }
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn ports_list_page_by_page() -> Tested {
    let asking = Asking::of("return { keys: ['a', 'b'], next: 'b' }")?;
    let list = |after: Option<&str>| Action::List(Tier::Cold, "p".into(), after.map(Into::into));
    let (outcome, _) = asking.act(list(Some("o")), &[]).await?;
    let Outcome::Keys(keys, next) = outcome else { return Err(JsError::new("it is no page")) };
    same!(keys.iter().map(Key::as_str).collect::<Vec<_>>(), ["a", "b"]);
    same!(next.as_deref(), Some("b"));
    same!((text(&asking.asked("0"), "1"), text(&asking.asked("0"), "2")), ("p".into(), "o".into()));
    same!(asking.asked("0.3"), PAGE_KEYS as u32);
    asking.act(list(None), &[]).await?;
    check!(asking.asked("1.2").is_undefined());
    // What is no key to the core cannot be asked for either.
    let asking = Asking::of("return { keys: [''] }")?;
    check!(asking.act(list(None), &[]).await.is_err());
    Ok(())
}

#[wasm_bindgen]
pub fn ports_tell_accesses_and_what_is_none_is_left_out() -> Tested {
    let asking = Asking::of("return ['a', 2, 1000, 5, 1, 1, '', 1, 1, 'c', 1, 3000.5]")?;
    let told = asking.place.accesses(9);
    let told: Vec<_> =
        told.iter().map(|one| (one.key.as_str(), one.count, one.last.as_millis())).collect();
    same!(told, [("a", 2, 1000), ("c", 1, 3000)]);
    same!((asking.asked("0.0"), asking.asked("0.1")), (ACCESSES.into(), 9.into()));
    check!(Asking::of("throw new Error('not now')")?.place.accesses(9).is_empty());
    Ok(())
}

#[wasm_bindgen]
pub fn ports_have_traits() -> Tested {
    let plain = Properties {
        is_volatile: false,
        is_guarded: false,
        wants_announcements: false,
        entry_bytes_max: None,
        items_max: None,
    };
    for traits in ["{}", "undefined", "17", "{ entryBytesMax: '5' }"] {
        same!((traits, Asking::with(traits, "")?.place.properties()), (traits, plain));
    }
    let traits = "{ volatile: true, announced: 1, entryBytesMax: 100.5, itemsMax: 7 }";
    same!(
        Asking::with(traits, "")?.place.properties(),
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
    let (torn, whole) = (stored(&[1, 2])?.replace("1, 2]", "1, 3]"), stored(&[1, 2])?);
    let statements = format!("return this.asked.length > 1 ? {whole} : {torn}");
    let careful = Asking::with("{ rereads: true }", &statements)?;
    same!(careful.read().await?.1, Some(vec![1, 2]));
    same!(careful.asked("length"), 2);
    same!(careful.read().await?.1, Some(vec![1, 2]));
    same!(careful.asked("length"), 3);
    let careless = Asking::of(&statements)?;
    same!(failure(careless.read().await)?.kind(), ErrorKind::Corrupt);
    same!(careless.asked("length"), 1);
    Ok(())
}

#[wasm_bindgen]
pub fn versions_are_those_of_the_write() -> Tested {
    let plain = Metadata::new(key()?, 5, Timestamp::from_millis(1_000));
    same!(version(&plain), "5-1000-");
    let hashed = plain.with_checksum(Checksum([0xab; 32]));
    same!(version(&hashed), format!("5-1000-{}", "ab".repeat(32)));
    let mut tagged = hashed;
    tagged.etag = Some(ETag::new("\"e\""));
    same!(version(&tagged), "\"e\"");
    same!(version(&tagged.with_write_id(WriteId(1))), "0000000000000001");
    Ok(())
}
