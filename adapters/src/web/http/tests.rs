use futures_util::{FutureExt, StreamExt};
use tiered_storage_core::Timestamp;
use wasm_bindgen::JsError;

use super::*;
use crate::web::testing::{Tested, check, failure, get, inside, js, same, text};

/// What a `fetch` that notes its calls is made of, and the answer it gives.
fn answering(answer: &str) -> Result<(FetchHttp, JsValue), JsError> {
    let both = js(&format!(
        "(() => {{ const asked = []; return [asked, (...words) => {{ asked.push(words); {answer} }}] }})()"
    ))?;
    Ok((FetchHttp::new(Some(get(&both, "1").unchecked_into())), get(&both, "0")))
}

fn request(method: Method) -> Request {
    let headers =
        vec![("x-amz-date".into(), "now".to_owned()), ("range".into(), "bytes=0-4".to_owned())];
    Request { method, url: "http://localhost/a%20key".to_owned(), headers, body: inside(b"body") }
}

async fn kind_of(answer: &str) -> Result<(HttpErrorKind, String), JsError> {
    let (http, _) = answering(answer)?;
    let error = failure(http.send(request(Method::Get)).await)?;
    Ok((error.kind, error.message))
}

#[wasm_bindgen]
pub async fn fetch_is_told_all_of_a_request() -> Tested {
    for method in [Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete] {
        let (http, asked) = answering("return new Response('')")?;
        let request = request(method);
        let body = request.body.clone();
        http.send(request).await.map_err(|error| JsError::new(&error.message))?;
        same!(text(&asked, "0.0"), "http://localhost/a%20key");
        let init = get(&asked, "0.1");
        same!(text(&init, "method"), method.as_str());
        same!(text(&init, "headers.x-amz-date"), "now");
        same!(text(&init, "headers.range"), "bytes=0-4");
        same!(text(&init, "credentials"), "omit");
        same!(text(&init, "redirect"), "manual");
        same!(text(&init, "cache"), "no-store");
        check!(get(&init, "signal.aborted").as_bool().is_some());
        let sends = matches!(method, Method::Put | Method::Post);
        let sent = get(&init, "body");
        check!(if sends { sent == JsValue::from(body.as_js()) } else { sent.is_undefined() });
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn fetch_gives_status_headers_and_body() -> Tested {
    let response = "new Response(new Uint8Array([1, 2, 3]), { status: 206, headers: { ETag: '\"v\"', 'X-Amz-Meta-A': 'b c' } })";
    for answer in [format!("return {response}"), format!("return Promise.resolve({response})")] {
        let (http, _) = answering(&answer)?;
        let response =
            http.send(request(Method::Get)).await.map_err(|error| JsError::new(&error.message))?;
        same!(response.status, 206);
        same!(response.header("etag"), Some("\"v\""));
        same!(response.header("x-amz-meta-a"), Some("b c"));
        same!(response.body.as_js().to_vec(), [1, 2, 3]);
        check!(!response.is_filtered);
    }
    let (http, _) = answering(
        "return { type: 'cors', status: 200, headers: new Headers(), arrayBuffer: () => new ArrayBuffer(2) }",
    )?;
    let response =
        http.send(request(Method::Get)).await.map_err(|error| JsError::new(&error.message))?;
    check!(response.is_filtered && response.body.len() == 2);
    // Some give no headers at all.
    let (http, _) =
        answering("return { status: 404, arrayBuffer: async () => new ArrayBuffer(0) }")?;
    let response =
        http.send(request(Method::Get)).await.map_err(|error| JsError::new(&error.message))?;
    same!((response.status, response.headers.len()), (404, 0));
    Ok(())
}

#[wasm_bindgen]
pub async fn fetch_that_fails_says_why() -> Tested {
    let connect = HttpErrorKind::Connect;
    same!(kind_of("throw new Error('no network')").await?, (connect, "no network".to_owned()));
    same!(
        kind_of(
            "return Promise.reject(new TypeError('fetch failed', { cause: new Error('refused') }))"
        )
        .await?,
        (connect, "fetch failed: refused".to_owned())
    );
    same!(kind_of("return Promise.reject()").await?.0, connect);
    let broken = HttpErrorKind::Broken;
    for answer in [
        "return undefined",
        "return 5",
        "return {}",
        "return { status: 0 }",
        "return { status: 99999 }",
        "return { status: '200' }",
        "return { type: 'opaque', status: 0 }",
        "return { status: 200 }",
        "return { status: 200, arrayBuffer: () => 'text' }",
        "return { status: 200, arrayBuffer: () => undefined }",
    ] {
        same!((answer, kind_of(answer).await?.0), (answer, broken));
    }
    for answer in ["throw new Error('cut')", "return Promise.reject(new Error('cut'))"] {
        let answer = format!("return {{ status: 200, arrayBuffer() {{ {answer} }} }}");
        same!(kind_of(&answer).await?, (broken, "cut".to_owned()));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn fetch_follows_no_redirect() -> Tested {
    let (kind, message) = kind_of("return { type: 'opaqueredirect', status: 0 }").await?;
    same!(kind, HttpErrorKind::Redirected);
    check!(message.contains("redirect"));
    // Where a runtime shows redirects, they are answers.
    let (http, _) =
        answering("return new Response(null, { status: 307, headers: { location: '/there' } })")?;
    let response =
        http.send(request(Method::Get)).await.map_err(|error| JsError::new(&error.message))?;
    same!((response.status, response.header("location")), (307, Some("/there")));
    Ok(())
}

#[wasm_bindgen]
pub async fn fetch_is_aborted_when_nobody_waits() -> Tested {
    let (http, asked) = answering("return new Promise(() => {})")?;
    let mut sending = http.send(request(Method::Get));
    check!((&mut sending).now_or_never().is_none());
    same!(get(&asked, "0.1.signal.aborted"), false);
    drop(sending);
    same!(get(&asked, "0.1.signal.aborted"), true);
    // As is the reading of a body.
    let (http, asked) =
        answering("return { status: 200, arrayBuffer: () => new Promise(() => {}) }")?;
    let mut sending = http.send(request(Method::Get));
    check!((&mut sending).now_or_never().is_none());
    WebEnvironment.sleep(5).await;
    check!((&mut sending).now_or_never().is_none());
    drop(sending);
    same!(get(&asked, "0.1.signal.aborted"), true);
    Ok(())
}

#[wasm_bindgen]
pub async fn what_fetch_decoded_is_shown_as_if_it_were_stored_so() -> Tested {
    let response = |headers: &str, len: u32| {
        format!(
            "return {{ status: 200, headers: new Headers({headers}), arrayBuffer: () => new ArrayBuffer({len}) }}"
        )
    };
    let encoded = "{ 'content-encoding': 'gzip', 'content-length': '10', 'x-amz-checksum-sha256': 'c', etag: 'e' }";
    for (headers, len, method, is_kept) in [
        (encoded, 100, Method::Get, false),
        (encoded, 10, Method::Get, true),
        (encoded, 0, Method::Head, true),
        ("{ 'content-length': '10', etag: 'e' }", 100, Method::Get, false),
        ("{ 'content-length': '10', etag: 'e' }", 5, Method::Get, true),
        ("{ 'content-length': 'x', etag: 'e' }", 5, Method::Get, true),
    ] {
        let (http, _) = answering(&response(headers, len))?;
        let answer =
            http.send(request(method)).await.map_err(|error| JsError::new(&error.message))?;
        same!((headers, len, answer.header("content-length").is_some()), (headers, len, is_kept));
        let had_encoding = headers.contains("encoding");
        same!(
            (headers, answer.header("content-encoding").is_some()),
            (headers, is_kept && had_encoding)
        );
        same!(answer.header("etag"), Some("e"));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn the_realm_has_a_clock_and_timers() -> Tested {
    let environment = WebEnvironment;
    let before = environment.now();
    environment.sleep(30).await;
    let took = environment.now().as_millis() - before.as_millis();
    check!((28..5_000).contains(&took) && before > Timestamp::from_millis(1_700_000_000_000));
    // A timer that nobody waits for is stopped.
    let cleared = js(
        "(() => { const original = clearTimeout; const cleared = []; globalThis.clearTimeout = (timer) => { cleared.push(timer); original(timer) }; return [cleared, () => (globalThis.clearTimeout = original)] })()",
    )?;
    let mut sleeping = environment.sleep(60_000);
    check!((&mut sleeping).now_or_never().is_none());
    drop(sleeping);
    let give: Function = get(&cleared, "1").unchecked_into();
    give.call0(&JsValue::UNDEFINED).map_err(crate::web::testing::thrown)?;
    same!(get(&cleared, "0.length"), 1);
    Ok(())
}

/// What is opened of an answer with two pieces: `length` is what the head says, `more` goes to the response.
async fn opened(length: u32, more: &str) -> Result<(Opening, JsValue), JsError> {
    let body = "new ReadableStream({ start(sink) { sink.enqueue(new Uint8Array([1, 2])); sink.enqueue(new Uint8Array([3])); sink.close() } })";
    let (http, asked) = answering(&format!(
        "return {{ status: 200, headers: new Headers({{ 'content-length': '{length}' }}), body: {body}, arrayBuffer: async () => new ArrayBuffer(3), {more} }}"
    ))?;
    let opening = http.open(request(Method::Get), 2).await;
    Ok((opening.map_err(|error| JsError::new(&error.message))?, asked))
}

#[wasm_bindgen]
pub async fn fetch_gives_a_long_body_in_pieces() -> Tested {
    let ((response, pieces), _) = opened(3, "").await?;
    check!(response.body.is_empty());
    let mut pieces = pieces.ok_or_else(|| JsError::new("it came whole"))?;
    let mut lens = Vec::new();
    while let Some(piece) = pieces.next().await {
        lens.push(piece.map_err(|error| JsError::new(&error.message))?.len());
    }
    same!(lens, [2, 1]);
    // Who does not read on ends the request.
    let ((_, pieces), asked) = opened(3, "").await?;
    let mut pieces = pieces.ok_or_else(|| JsError::new("it came whole"))?;
    check!(pieces.next().await.is_some());
    same!(get(&asked, "0.1.signal.aborted"), false);
    drop(pieces);
    same!(get(&asked, "0.1.signal.aborted"), true);
    Ok(())
}

#[wasm_bindgen]
pub async fn fetch_gives_whole_what_is_short_or_may_be_decoded() -> Tested {
    let encoded = "headers: new Headers({ 'content-length': '3', 'content-encoding': 'br' })";
    let ours = "type: 'cors', headers: new Headers({ 'content-length': '3', 'x-amz-meta-tiered-storage': '1;s=3' })";
    for (length, more, is_whole) in [
        (2, "", true),
        (3, encoded, true),
        (3, "type: 'cors'", true),
        (3, ours, false),
        (3, "body: null", true),
        (3, "body: undefined", true),
        (3, "body: {}", true),
    ] {
        let ((response, pieces), _) = opened(length, more).await?;
        same!((more, pieces.is_none()), (more, is_whole));
        same!((more, response.body.len()), (more, if is_whole { 3 } else { 0 }));
    }
    Ok(())
}

#[wasm_bindgen]
pub async fn a_body_that_breaks_off_says_why() -> Tested {
    for sink in ["sink.error(new Error('cut'))", "sink.enqueue('text')"] {
        let body = format!("body: new ReadableStream({{ start(sink) {{ {sink} }} }})");
        let ((_, pieces), _) = opened(3, &body).await?;
        let mut pieces = pieces.ok_or_else(|| JsError::new("it came whole"))?;
        let piece = pieces.next().await.ok_or_else(|| JsError::new("it ended"))?;
        same!(failure(piece)?.kind, HttpErrorKind::Broken);
    }
    Ok(())
}
