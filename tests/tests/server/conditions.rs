use futures::future::join_all;
use tiered_storage_tests::server::client::Call;

use super::{BUCKET, granted, refused, send, start, verdict};

#[tokio::test]
async fn writes_keep_their_conditions() {
    let (server, client) = start();
    let failed = || refused(412, "PreconditionFailed");
    let if_match = |etag: &str| Call::put(BUCKET, "k", "1").header("if-match", etag);
    assert_eq!(verdict(&client, if_match("\"x\"")).await, refused(404, "NoSuchKey"));
    let create = || Call::put(BUCKET, "k", "0").header("if-none-match", "*");
    assert_eq!(verdict(&client, create()).await, granted(200));
    assert_eq!(verdict(&client, create()).await, failed());
    assert_eq!(verdict(&client, if_match("\"x\"")).await, failed());
    assert_eq!(server.object(BUCKET, "k").expect("it was created").body, "0");

    let etag = server.object(BUCKET, "k").expect("it was created").etag;
    assert_eq!(verdict(&client, if_match(&etag)).await, granted(200));
    assert_eq!(verdict(&client, if_match(&etag)).await, failed());
    let not_this = Call::put(BUCKET, "k", "2").header("if-none-match", &etag);
    assert_eq!(verdict(&client, not_this).await, refused(501, "NotImplemented"));
    assert_eq!(server.object(BUCKET, "k").expect("it is there").body, "1");
}

#[tokio::test]
async fn deletes_and_copies_keep_their_conditions() {
    let (server, client) = start();
    let put = send(&client, Call::put(BUCKET, "k", "1")).await;
    let etag = put.header("etag");
    let failed = || refused(412, "PreconditionFailed");
    let copy = |etag: &str| {
        Call::put(BUCKET, "k", "")
            .header("x-amz-copy-source", "bucket/k")
            .header("x-amz-metadata-directive", "REPLACE")
            .header("x-amz-copy-source-if-match", etag)
    };
    assert_eq!(verdict(&client, copy("\"x\"")).await, failed());
    assert_eq!(verdict(&client, copy(etag)).await, granted(200));
    let delete = |etag: &str| Call::delete(BUCKET, "k").header("if-match", etag);
    assert_eq!(verdict(&client, delete("\"x\"")).await, failed());
    assert!(server.object(BUCKET, "k").is_some());
    assert_eq!(verdict(&client, delete(etag)).await, granted(204));
    assert_eq!(verdict(&client, delete(etag)).await, refused(404, "NoSuchKey"));
}

#[tokio::test]
async fn reads_keep_their_conditions() {
    let (_server, client) = start();
    let put = send(&client, Call::put(BUCKET, "k", "1")).await;
    let etag = put.header("etag");
    let modified = send(&client, Call::head(BUCKET, "k")).await;
    let modified = modified.header("last-modified");
    let early = "Thu, 01 Jan 1970 00:00:01 GMT";
    for (name, value, status) in [
        ("if-match", etag, 200),
        ("if-match", "\"x\"", 412),
        ("if-none-match", "\"x\"", 200),
        ("if-none-match", etag, 304),
        ("if-none-match", "*", 304),
        ("if-modified-since", early, 200),
        ("if-modified-since", modified, 304),
        ("if-unmodified-since", modified, 200),
        ("if-unmodified-since", early, 412),
    ] {
        for call in [Call::get(BUCKET, "k"), Call::head(BUCKET, "k")] {
            let answer = send(&client, call.header(name, value)).await;
            assert_eq!(answer.status, status, "{name}: {value}");
            if status == 304 {
                assert_eq!((answer.header("etag"), answer.body.len()), (etag, 0));
            }
        }
    }
}

#[tokio::test]
async fn an_etag_outranks_a_date() {
    let (_server, client) = start();
    let put = send(&client, Call::put(BUCKET, "k", "1")).await;
    let head = send(&client, Call::head(BUCKET, "k")).await;
    let changed = Call::get(BUCKET, "k")
        .header("if-none-match", "\"x\"")
        .header("if-modified-since", head.header("last-modified"));
    assert_eq!(send(&client, changed).await.status, 200);
    let same = Call::get(BUCKET, "k")
        .header("if-match", put.header("etag"))
        .header("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT");
    assert_eq!(send(&client, same).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_that_create_one_wins() {
    let (server, client) = start();
    for round in 0..20 {
        let key = format!("k{round}");
        let race = (0..8).map(|racer: usize| {
            let (client, body) = (client.clone(), racer.to_string());
            let call = Call::put(BUCKET, &key, body).header("if-none-match", "*");
            tokio::spawn(async move { (racer, send(&client, call).await.status) })
        });
        let ends: Vec<(usize, u16)> =
            join_all(race).await.into_iter().map(|racer| racer.expect("no racer panics")).collect();
        let winners: Vec<usize> =
            ends.iter().filter(|(_, status)| *status == 200).map(|(racer, _)| *racer).collect();
        assert_eq!(winners.len(), 1, "{ends:?}");
        assert!(ends.iter().all(|(_, status)| [200, 412].contains(status)), "{ends:?}");
        let stored = server.object(BUCKET, &key).expect("one has won").body;
        assert_eq!(stored, winners[0].to_string());
    }
}
