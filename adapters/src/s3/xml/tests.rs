use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn check(document: &str, expected: Expect) {
    let mut seen = String::new();
    let is_whole = walk(document.as_bytes(), |path, text| {
        seen.push_str(&format!("{}={text:?} ", path.join("/")));
    });
    seen.push_str(if is_whole { "whole" } else { "broken" });
    expected.assert_eq(&seen);
}

#[test]
fn elements_come_with_their_path_and_text() {
    check(
        "<?xml version=\"1.0\"?>\n<!-- x --><n:A xmlns:n=\"u\"><B a=\"1\">x&lt;&amp;&#10;&#x41;<![CDATA[<y>]]></B><C/></n:A>",
        expect![[r#"A/B="x<&\nA<y>" A/C="" A="" whole"#]],
    );
    check("<Empty/>", expect![[r#"Empty="" whole"#]]);
}

#[test]
fn what_is_not_whole_says_so() {
    check("", expect!["broken"]);
    check("just text", expect!["broken"]);
    check("<html><body>502<br></body></html>", expect!["broken"]);
    check("<A><B>1</B>", expect![[r#"A/B="1" broken"#]]);
    check("<A>1</B>", expect!["broken"]);
    check("<A>&nosuch;</A>", expect!["broken"]);
    check("<A>&#0;</A>", expect!["broken"]);
    check("<A>", expect!["broken"]);
    assert!(!walk(b"<A>\xff</A>", |_, _| ()), "not UTF-8");
}

#[test]
fn entities_cannot_be_declared() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><A>&c;</A>";
    check(bomb, expect!["broken"]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(walk(nested(DEPTH_MAX).as_bytes(), |_, _| ()));
    assert!(!walk(nested(DEPTH_MAX + 1).as_bytes(), |_, _| ()));
    assert!(!walk("<a>".repeat(1_000_000).as_bytes(), |_, _| ()));
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(pieces in proptest::collection::vec(prop_oneof![
        Just("<"), Just(">"), Just("/"), Just("<a>"), Just("</a>"), Just("<a/>"), Just("&"), Just("&amp;"),
        Just("&#"), Just("&#x110000;"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("<?"), Just("="), Just("\"")
    ], 0..30)) {
        walk(pieces.concat().as_bytes(), |path, _| assert!(!path.is_empty()));
    }
}
