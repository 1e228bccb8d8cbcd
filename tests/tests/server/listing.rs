use tiered_storage_tests::server::client::{Answer, Call};
use tiered_storage_tests::server::{Object, Server};

use super::{BUCKET, refused, send, start, verdict};

const KEYS: [&str; 7] = ["a", "a/1", "a/2", "b", "b/x/1", "b/x/2", "c d+é"];

fn fill(server: &Server) {
    for key in KEYS {
        server.put_object_raw(BUCKET, key, Object::new(key));
    }
}

/// The `Prefix` elements of the common prefixes; the first is that of the request.
fn common(answer: &Answer) -> Vec<String> {
    answer.elements("Prefix").split_off(1)
}

#[tokio::test]
async fn a_page_names_keys_sizes_etags_and_times() {
    let (server, client) = start();
    fill(&server);
    let answer = send(&client, Call::list(BUCKET)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.elements("Key"), KEYS);
    assert_eq!(answer.elements("Size"), KEYS.map(|key| key.len().to_string()));
    assert_eq!(answer.elements("ETag"), KEYS.map(|key| Object::new(key).etag));
    assert!(answer.elements("LastModified").iter().all(|time| time.ends_with(".000Z")));
    assert_eq!(answer.element("KeyCount"), "7");
    assert_eq!(answer.element("IsTruncated"), "false");
    assert_eq!(answer.element("EncodingType"), "");
}

#[tokio::test]
async fn prefix_start_and_delimiter_choose_keys() {
    let (server, client) = start();
    fill(&server);
    let list = |query: &[(&str, &str)]| {
        let call =
            query.iter().fold(Call::list(BUCKET), |call, (name, value)| call.query(name, value));
        send(&client, call)
    };
    assert_eq!(list(&[("prefix", "a/")]).await.elements("Key"), ["a/1", "a/2"]);
    assert_eq!(list(&[("prefix", "z")]).await.element("KeyCount"), "0");
    assert_eq!(list(&[("start-after", "b")]).await.elements("Key"), KEYS[4..]);
    assert_eq!(list(&[("start-after", "a"), ("prefix", "b")]).await.elements("Key"), KEYS[3..6]);

    let answer = list(&[("delimiter", "/")]).await;
    assert_eq!(answer.elements("Key"), ["a", "b", "c d+é"]);
    assert_eq!(common(&answer), ["a/", "b/"]);
    assert_eq!(answer.element("KeyCount"), "5");
    let answer = list(&[("delimiter", "/"), ("prefix", "b/")]).await;
    assert_eq!((answer.elements("Key").len(), common(&answer)), (0, vec!["b/x/".to_owned()]));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let (server, client) = start();
    fill(&server);
    for delimiter in ["", "/"] {
        for size in 1..=KEYS.len() {
            let (mut seen, mut token) = (Vec::<String>::new(), None::<String>);
            loop {
                let mut call = Call::list(BUCKET).query("max-keys", &size.to_string());
                call = call.query("delimiter", delimiter);
                if let Some(token) = &token {
                    call = call.query("continuation-token", token);
                }
                let answer = send(&client, call).await;
                let page: Vec<String> =
                    answer.elements("Key").into_iter().chain(common(&answer)).collect();
                assert!(page.len() <= size);
                seen.extend(page);
                if answer.element("IsTruncated") == "false" {
                    assert_eq!(answer.element("NextContinuationToken"), "");
                    break;
                }
                token = Some(answer.element("NextContinuationToken"));
            }
            seen.sort_unstable();
            let expected = if delimiter.is_empty() {
                KEYS.to_vec()
            } else {
                vec!["a", "a/", "b", "b/", "c d+é"]
            };
            assert_eq!(seen, expected, "{size} of {delimiter:?}");
        }
    }
}

#[tokio::test]
async fn page_sizes_and_tokens_are_checked() {
    let (server, client) = start();
    for number in 0..1_001 {
        server.put_object_raw(BUCKET, &format!("{number:04}"), Object::new(""));
    }
    let full = send(&client, Call::list(BUCKET).query("max-keys", "5000")).await;
    assert_eq!(full.elements("Key").len(), 1_000);
    assert_eq!(
        (full.element("MaxKeys"), full.element("IsTruncated")),
        ("1000".into(), "true".into())
    );
    let none = send(&client, Call::list(BUCKET).query("max-keys", "0")).await;
    assert_eq!(
        (none.element("KeyCount"), none.element("IsTruncated")),
        ("0".into(), "false".into())
    );
    for (name, value) in
        [("continuation-token", "0004"), ("continuation-token", ""), ("max-keys", "-1")]
    {
        let call = Call::list(BUCKET).query(name, value);
        assert_eq!(verdict(&client, call).await, refused(400, "InvalidArgument"), "{name}={value}");
    }
}

#[tokio::test]
async fn url_encoding_is_that_of_forms_and_is_said() {
    let (server, client) = start();
    server.put_object_raw(BUCKET, "p q/c d+é(1)~*._-/x", Object::new(""));
    let call = Call::list(BUCKET)
        .query("encoding-type", "url")
        .query("prefix", "p q/")
        .query("start-after", "p +")
        .query("delimiter", "é");
    let answer = send(&client, call.clone()).await;
    assert_eq!(answer.element("EncodingType"), "url");
    assert_eq!(answer.elements("Prefix"), ["p+q/", "p+q/c+d%2B%C3%A9"]);
    assert_eq!(answer.element("StartAfter"), "p+%2B");
    assert_eq!(answer.element("Delimiter"), "%C3%A9");
    let keys = send(&client, Call::list(BUCKET).query("encoding-type", "url")).await;
    assert_eq!(keys.elements("Key"), ["p+q/c+d%2B%C3%A9%281%29%7E*._-/x"]);
}
