use hyper::Method;
use tiered_storage_tests::server::Options;
use tiered_storage_tests::server::client::{Answer, Call, Client};

use super::{BUCKET, granted, refused, send, start_with, verdict};

fn small_parts() -> Options {
    Options { part_bytes_min: 4, ..Options::default() }
}

async fn create(client: &Client) -> String {
    let call = Call::new(Method::POST, "/bucket/k").query("uploads", "");
    let call = call.header("x-amz-meta-m", "1").header("content-type", "text/plain");
    send(client, call).await.element("UploadId")
}

async fn upload(client: &Client, id: &str, number: i32, body: &'static str) -> String {
    let call = Call::put(BUCKET, "k", body).query("partNumber", &number.to_string());
    send(client, call.query("uploadId", id)).await.header("etag").to_owned()
}

fn complete(id: &str, parts: &[(i32, &str)]) -> Call {
    let part = |(number, etag): &(i32, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    Call::new(Method::POST, "/bucket/k").query("uploadId", id).body(body)
}

async fn parts(client: &Client, id: &str) -> Answer {
    send(client, Call::get(BUCKET, "k").query("uploadId", id)).await
}

#[tokio::test]
async fn parts_become_one_object() {
    let (server, client) = start_with(small_parts());
    let id = create(&client).await;
    let second = upload(&client, &id, 2, "5678").await;
    let last = upload(&client, &id, 7, "9").await;
    upload(&client, &id, 1, "....").await;
    let first = upload(&client, &id, 1, "1234").await;
    let listed = parts(&client, &id).await;
    assert_eq!(listed.elements("PartNumber"), ["1", "2", "7"]);
    assert_eq!(listed.elements("Size"), ["4", "4", "1"]);
    assert!(server.object(BUCKET, "k").is_none(), "nothing is there before the upload is complete");

    let answer = send(&client, complete(&id, &[(1, &first), (2, &second), (7, &last)])).await;
    // The MD5 of the MD5s of the parts, as S3 makes it.
    let etag = "\"393e928fcf5925fcbd3a06aaf20b2d38-3\"";
    assert_eq!((answer.status, answer.element("ETag").as_str()), (200, etag));
    let get = send(&client, Call::get(BUCKET, "k")).await;
    assert_eq!((get.text().as_str(), get.header("etag")), ("123456789", etag));
    assert_eq!((get.header("x-amz-meta-m"), get.header("content-type")), ("1", "text/plain"));
    assert_eq!(parts(&client, &id).await.element("Code"), "NoSuchUpload");
}

#[tokio::test]
async fn wrong_completions_are_refused_and_leave_the_upload() {
    let (server, client) = start_with(small_parts());
    let id = create(&client).await;
    let first = upload(&client, &id, 1, "123").await;
    let second = upload(&client, &id, 2, "4567").await;
    for (named, code) in [
        (vec![(1, first.as_str()), (2, &second)], "EntityTooSmall"),
        (vec![(2, &second), (1, &first)], "InvalidPartOrder"),
        (vec![(1, &second)], "InvalidPart"),
        (vec![(3, &second)], "InvalidPart"),
        (vec![], "MalformedXML"),
    ] {
        assert_eq!(verdict(&client, complete(&id, &named)).await, refused(400, code));
    }
    let unknown = complete("upload-x", &[(1, &first)]);
    assert_eq!(verdict(&client, unknown).await, refused(404, "NoSuchUpload"));
    assert!(server.object(BUCKET, "k").is_none());
    assert_eq!(verdict(&client, complete(&id, &[(1, &first)])).await, granted(200));
}

#[tokio::test]
async fn a_completion_keeps_its_condition() {
    let (server, client) = start_with(small_parts());
    let id = create(&client).await;
    let etag = upload(&client, &id, 1, "1234").await;
    send(&client, Call::put(BUCKET, "k", "other")).await;
    let call = || complete(&id, &[(1, &etag)]).header("if-none-match", "*");
    assert_eq!(verdict(&client, call()).await, refused(412, "PreconditionFailed"));
    assert_eq!(server.object(BUCKET, "k").expect("it was put").body, "other");
    send(&client, Call::delete(BUCKET, "k")).await;
    assert_eq!(verdict(&client, call()).await, granted(200));
}

#[tokio::test]
async fn a_part_may_be_copied() {
    let (server, client) = start_with(small_parts());
    let source = send(&client, Call::put(BUCKET, "source", "0123456789")).await;
    let copy = |id: &str, number: &str| {
        let call = Call::put(BUCKET, "k", "").query("partNumber", number).query("uploadId", id);
        call.header("x-amz-copy-source", "/bucket/source")
    };
    let id = create(&client).await;
    let range = copy(&id, "1").header("x-amz-copy-source-range", "bytes=2-5");
    let range = range.header("x-amz-copy-source-if-match", source.header("etag"));
    let first = send(&client, range).await.element("ETag");
    let whole = send(&client, copy(&id, "2")).await.element("ETag");
    for range in ["bytes=2-10", "bytes=5-2", "bytes=-2", "2-5"] {
        let call = copy(&id, "3").header("x-amz-copy-source-range", range);
        assert_eq!(verdict(&client, call).await, refused(400, "InvalidArgument"), "{range}");
    }
    let other = copy(&id, "3").header("x-amz-copy-source-if-match", "\"other\"");
    assert_eq!(verdict(&client, other).await, refused(412, "PreconditionFailed"));
    assert_eq!(verdict(&client, copy("upload-x", "1")).await, refused(404, "NoSuchUpload"));
    assert_eq!(server.uploads(BUCKET), 1);
    let parts = [(1, first.as_str()), (2, &whole)];
    assert_eq!(verdict(&client, complete(&id, &parts)).await, granted(200));
    assert_eq!(server.object(BUCKET, "k").expect("it is there").body, "23450123456789");
    assert_eq!((server.uploads(BUCKET), server.counts().copy_part), (0, 8));
}

#[tokio::test]
async fn a_server_may_pass_over_conditions() {
    let options = Options { ignores_conditions: true, ..small_parts() };
    let (server, client) = start_with(options);
    send(&client, Call::put(BUCKET, "k", "other")).await;
    let put = Call::put(BUCKET, "k", "again").header("if-none-match", "*");
    assert_eq!(verdict(&client, put).await, granted(200));
    let id = create(&client).await;
    let etag = upload(&client, &id, 1, "1234").await;
    let call = complete(&id, &[(1, &etag)]).header("if-match", "\"never\"");
    assert_eq!(verdict(&client, call).await, granted(200));
    assert_eq!(server.object(BUCKET, "k").expect("it is there").body, "1234");
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let (_server, client) = start_with(small_parts());
    let id = create(&client).await;
    let etag = upload(&client, &id, 1, "1234").await;
    let abort = || Call::delete(BUCKET, "k").query("uploadId", &id);
    assert_eq!(verdict(&client, abort()).await, granted(204));
    assert_eq!(verdict(&client, abort()).await, refused(404, "NoSuchUpload"));
    let late = verdict(&client, complete(&id, &[(1, &etag)])).await;
    assert_eq!(late, refused(404, "NoSuchUpload"));
    let part = Call::put(BUCKET, "k", "").query("partNumber", "1").query("uploadId", &id);
    assert_eq!(verdict(&client, part).await, refused(404, "NoSuchUpload"));
}

#[tokio::test]
async fn parts_are_listed_in_pages() {
    let (_server, client) = start_with(small_parts());
    let id = create(&client).await;
    for number in 1..=3 {
        upload(&client, &id, number, "1234").await;
    }
    let page = |after: &str| {
        let call = Call::get(BUCKET, "k").query("uploadId", &id).query("max-parts", "2");
        send(&client, call.query("part-number-marker", after))
    };
    let first = page("0").await;
    assert_eq!(first.elements("PartNumber"), ["1", "2"]);
    let next = first.element("NextPartNumberMarker");
    assert_eq!((first.element("IsTruncated").as_str(), next.as_str()), ("true", "2"));
    let last = page("2").await;
    assert_eq!(last.elements("PartNumber"), ["3"]);
    assert_eq!(last.element("IsTruncated"), "false");
}
