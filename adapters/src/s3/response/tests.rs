use expect_test::expect;

use super::*;

fn response(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Response { status, headers, body: body.as_bytes().into(), is_filtered: false }
}

fn key() -> Key {
    Key::new("k").expect("a key")
}

#[test]
fn faults_are_read_with_whatever_is_missing() {
    let full = "<?xml version=\"1.0\"?><Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <Code>RequestTimeTooSkewed</Code><Message>m</Message><Region>eu-west-1</Region>\
                <ServerTime>2026-01-01T00:00:00Z</ServerTime><RequestId>R</RequestId></Error>";
    expect![[r#"
        Some(
            Fault {
                code: "RequestTimeTooSkewed",
                message: "m",
                region: Some(
                    "eu-west-1",
                ),
                server_time: Some(
                    2026-01-01T00:00:00.000Z,
                ),
                request_id: Some(
                    "R",
                ),
            },
        )
    "#]]
    .assert_debug_eq(&fault(full.as_bytes()));
    assert_eq!(fault(b"<Error/>"), Some(Fault::default()));
    assert_eq!(fault(b"<Error><Code>X</Code>").map(|fault| fault.code), Some("X".to_owned()));
    let nested = b"<ErrorResponse><Error><Code>X</Code></Error></ErrorResponse>";
    assert_eq!(fault(nested).map(|fault| fault.code), Some("X".to_owned()));
}

#[test]
fn what_is_no_fault_is_none() {
    for body in ["", "oops", "<html><Code>X</Code></html>", "{\"Code\":1}", "<CopyObjectResult/>"] {
        assert_eq!(fault(body.as_bytes()), None, "{body:?}");
    }
    let long = format!("<Error><Code>X</Code>{}</Error>", " ".repeat(ERROR_BYTES_MAX));
    assert_eq!(fault(long.as_bytes()), None);
}

#[test]
fn listed_names_are_decoded_only_if_they_were_encoded() {
    let page = |encoding| {
        let body = format!(
            "<ListBucketResult>{encoding}<IsTruncated>true</IsTruncated>\
             <NextContinuationToken>t+%2F</NextContinuationToken>\
             <Contents><Key>a+b%2B&amp;%C3%A9</Key><Size>3</Size><Owner><ID>x</ID></Owner></Contents>\
             <Contents><Key>%FF</Key><Size>x</Size></Contents></ListBucketResult>"
        );
        names_page(body.as_bytes()).expect("whole")
    };
    expect![[r#"
        NamesPage {
            objects: [
                (
                    "a b+&é",
                    3,
                ),
            ],
            is_truncated: true,
            token: Some(
                "t+%2F",
            ),
        }
    "#]]
    .assert_debug_eq(&page("<EncodingType>url</EncodingType>"));
    let raw = page("").objects;
    assert_eq!(raw, [("a+b%2B&%C3%A9".to_owned(), 3), ("%FF".to_owned(), 0)]);
}

#[test]
fn half_a_listing_is_none() {
    for body in ["", "<ListBucketResult><Contents><Key>a</Key></Contents>", "<html></html>"] {
        assert_eq!(names_page(body.as_bytes()), None, "{body:?}");
    }
    assert_eq!(names_page(b"<ListBucketResult/>"), Some(NamesPage::default()));
}

#[test]
fn what_was_not_deleted_is_told() {
    let body = b"<DeleteResult><Deleted><Key>a</Key></Deleted>\
                 <Error><Key>b</Key><Code>AccessDenied</Code></Error>\
                 <Error><Key>c</Key><Code>InternalError</Code><Message>m</Message></Error></DeleteResult>";
    let left = not_deleted(body).expect("whole");
    let left: Vec<_> = left.iter().map(|one| (&*one.name, &*one.code, &*one.message)).collect();
    assert_eq!(left, [("b", "AccessDenied", ""), ("c", "InternalError", "m")]);
    assert_eq!(not_deleted(b"<DeleteResult/>"), Some(Vec::new()));
    assert_eq!(not_deleted(b""), None);
}

#[test]
fn the_etag_of_a_copy_is_quoted_as_headers_are() {
    let (quoted, bare) = (ETag::new("\"x\""), ETag::new("x"));
    let body = b"<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>";
    assert_eq!(copied(body, &quoted), Some(Some(ETag::new("\"e\""))));
    let body = b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
    assert_eq!(copied(body, &quoted), Some(Some(ETag::new("\"e\""))));
    assert_eq!(copied(body, &bare), Some(Some(ETag::new("e"))));
    assert_eq!(copied(b"<CopyObjectResult/>", &bare), Some(None));
    assert_eq!(copied(b"<Error/>", &bare), None);
}

#[test]
fn our_own_metadata_comes_from_one_header() {
    let headers = [
        ("x-amz-meta-tiered-storage", "1;s=5;c=7;z=1"),
        ("etag", "\"e\""),
        ("content-length", "3"),
        ("content-type", "application/octet-stream"),
    ];
    let metadata =
        metadata(&key(), &response(200, &headers, "abc"), Timestamp::default()).expect("readable");
    assert_eq!((metadata.size(), metadata.is_compressed(), metadata.mime_type()), (5, true, None));
    assert_eq!(metadata.etag, Some(ETag::new("\"e\"")));
}

#[test]
fn a_header_that_cannot_be_read_is_corrupt() {
    for line in ["", "1;s=x", "99;s=1"] {
        let response = response(200, &[("x-amz-meta-tiered-storage", line)], "");
        let error = metadata(&key(), &response, Timestamp::default()).expect_err("unreadable");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{line:?}");
    }
}

#[test]
fn objects_of_others_are_described_by_their_headers() {
    let sha256 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let headers = [
        ("content-length", "5"),
        ("last-modified", "Fri, 24 May 2013 00:00:00 GMT"),
        ("content-type", "text/plain"),
        ("content-encoding", "br"),
        ("x-amz-meta-owner", "ada"),
        ("x-amz-checksum-sha256", sha256),
        ("etag", "\"e\""),
    ];
    let metadata =
        metadata(&key(), &response(200, &headers, ""), Timestamp::default()).expect("readable");
    assert_eq!(metadata.size(), 5);
    assert_eq!(metadata.created_at().to_rfc3339(), "2013-05-24T00:00:00.000Z");
    assert_eq!((metadata.mime_type(), metadata.encoding()), (Some("text/plain"), Some("br")));
    assert_eq!(metadata.custom().get("owner").map(String::as_str), Some("ada"));
    assert_eq!(
        metadata.checksum().map(|checksum| checksum.to_string()).as_deref(),
        Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    );
    assert_eq!((metadata.write_id(), &metadata.etag), (None, &Some(ETag::new("\"e\""))));
}

#[test]
fn the_checksum_of_parts_is_not_that_of_the_object() {
    let headers = [("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-3")];
    let now = Timestamp::from_millis(9);
    let metadata = metadata(&key(), &response(200, &headers, "body"), now).expect("readable");
    assert_eq!((metadata.checksum(), metadata.size(), metadata.created_at()), (None, 4, now));
}

#[test]
fn what_cors_hides_is_never_taken_for_what_is_not_there() {
    let filtered =
        |headers: &[(&str, &str)]| Response { is_filtered: true, ..response(200, headers, "body") };
    let read = |response: Response| {
        (lacks_etag(&response), metadata(&key(), &response, Timestamp::default()))
    };
    let etag = ("etag", "\"e\"");
    // Rules that expose nothing, or the ETag alone, as many do.
    let safelisted = [("content-type", "text/plain"), ("last-modified", "x")];
    let (lacks_etag, metadata) = read(filtered(&safelisted));
    assert!(lacks_etag);
    expect![[r#"Error(invalid: the bucket's CORS rules hide headers from this page; let them expose ETag, Date, x-amz-meta-tiered-storage and x-amz-checksum-sha256, as corsRules(origin) does)"#]]
        .assert_eq(&format!("{:?}", metadata.expect_err("hidden")));
    assert_eq!(read(filtered(&[etag])), (false, Err(hidden())));
    // All that is there is shown: an entry, and an object of another program.
    let ours = ("x-amz-meta-tiered-storage", "1;s=5;c=7;z=1");
    let (lacks_etag, metadata) = read(filtered(&[etag, ours]));
    assert!(!lacks_etag && metadata.expect("readable").is_compressed());
    let (lacks_etag, metadata) = read(filtered(&[etag, ("date", "x")]));
    assert!(!lacks_etag && !metadata.expect("readable").is_compressed());
    // Where nothing is filtered, what is not shown is not there.
    let (lacks_etag, metadata) = read(response(200, &[], "body"));
    assert!(!lacks_etag && metadata.is_ok());
}
