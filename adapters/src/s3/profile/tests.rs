use ConditionalWrites::{Probe, Supported, Unsupported};

use super::*;
use crate::s3::Method;

fn flags(profile: Profile) -> (bool, bool, ConditionalWrites, bool) {
    let Flags {
        removes_many,
        removes_versions,
        conditional_writes,
        bare_if_match,
        copied_bytes_max,
    } = profile.flags();
    assert_eq!(copied_bytes_max, 5 << 30);
    (removes_many, removes_versions, conditional_writes, bare_if_match)
}

#[test]
fn each_store_has_its_flags() {
    assert_eq!(flags(Profile::Aws), (true, true, Supported, false));
    assert_eq!(flags(Profile::R2), (true, false, Supported, false));
    assert_eq!(flags(Profile::MinIo), (true, false, Supported, false));
    assert_eq!(flags(Profile::Gcs), (false, false, Unsupported, false));
    assert_eq!(flags(Profile::B2), (true, false, Probe, false));
    assert_eq!(flags(Profile::Garage), (true, false, Unsupported, false));
    assert_eq!(flags(Profile::Ceph), (true, false, Probe, true));
    let mut own = Flags::default();
    assert_eq!(flags(Profile::Custom(own)), (true, true, Probe, false));
    own.removes_many = false;
    assert_eq!(flags(Profile::Custom(own)), (false, true, Probe, false));
}

#[test]
fn only_if_match_loses_its_quotes_and_only_where_the_store_wants_that() {
    let request = || Request {
        method: Method::Put,
        url: String::new(),
        headers: vec![
            ("if-match".into(), "\"e-1\"".to_owned()),
            ("if-none-match".into(), "\"e\"".to_owned()),
            ("x-amz-copy-source-if-match".into(), "\"e\"".to_owned()),
        ],
        body: crate::payload::Payload::default(),
    };
    let mut bare = request();
    Profile::Ceph.flags().adapt(&mut bare);
    assert_eq!(bare.header("if-match"), Some("e-1"));
    assert_eq!(bare.headers[1..], request().headers[1..]);
    let mut quoted = request();
    Profile::Aws.flags().adapt(&mut quoted);
    assert_eq!(quoted, request());
}
