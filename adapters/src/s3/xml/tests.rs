use expect_test::{Expect, expect};
use proptest::{option, prelude::*, sample::select};
use quick_xml::{Reader, events::Event};

use super::*;

fn check(document: &str, expected: Expect) {
    let mut seen = String::new();
    let is_whole = walk(document.as_bytes(), &mut |path, text| {
        seen.push_str(&format!("{path}={text:?} "));
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
    assert!(!walk(b"<A>\xff</A>", &mut |_, _| ()), "not UTF-8");
}

#[test]
fn entities_cannot_be_declared() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><A>&c;</A>";
    check(bomb, expect!["broken"]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(walk(nested(DEPTH_MAX).as_bytes(), &mut |_, _| ()));
    assert!(!walk(nested(DEPTH_MAX + 1).as_bytes(), &mut |_, _| ()));
    assert!(!walk("<a>".repeat(1_000_000).as_bytes(), &mut |_, _| ()));
}

/// As [`walk`], with a parser for all of XML.
fn reference(document: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<(String, String)> = Vec::new();
    let mut seen_root = false;
    loop {
        let event = reader.read_event();
        let text = match &event {
            Ok(Event::Text(text)) => text.to_string(),
            Ok(Event::CData(text)) => text.to_string(),
            Ok(Event::GeneralRef(reference)) => match resolve(reference) {
                Some(c) => c.into(),
                None => return false,
            },
            _ => String::new(),
        };
        if let Some((_, so_far)) = open.last_mut() {
            so_far.push_str(&text);
        }
        let mut path = |name: Option<&str>, text: &str| {
            let names = open.iter().map(|(name, _)| name.as_str());
            visit(&names.chain(name).collect::<Vec<_>>().join("/"), text);
        };
        match event {
            Ok(Event::Start(_) | Event::Empty(_)) if open.len() == DEPTH_MAX => return false,
            Ok(Event::Start(tag)) if !tag.name().as_ref().is_empty() => {
                seen_root = true;
                open.push((tag.local_name().as_ref().to_owned(), String::new()));
            }
            Ok(Event::Empty(tag)) if !tag.name().as_ref().is_empty() => {
                seen_root = true;
                path(Some(tag.local_name().as_ref()), "");
            }
            Ok(Event::End(_)) => {
                let Some((_, text)) = open.last() else { return false };
                let text = text.clone();
                path(None, &text);
                open.pop();
            }
            Ok(Event::Eof) => return seen_root && open.is_empty(),
            Ok(Event::DocType(_) | Event::Start(_) | Event::Empty(_)) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

fn visited(walk: impl FnOnce(&mut dyn FnMut(&str, &str)) -> bool) -> (bool, String) {
    let mut seen = String::new();
    let is_whole = walk(&mut |path, text| seen.push_str(&format!("{path}={text:?} ")));
    (is_whole, seen)
}

/// A document, and now and then something that is not quite one.
fn documents() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("A"), Just("n:B"), Just("C-1")];
    let text = prop_oneof![
        4 => "[ a-z\n\u{e9}>\"'/=;]{0,8}",
        2 => select(vec!["&lt;", "&amp;", "&#65;", "&#x1F600;", "&quot;", "&apos;", "&gt;"]).prop_map(str::to_owned),
        2 => "<!\\[CDATA\\[[<>&a-z]{0,6}\\]\\]>",
        1 => "<!-- [<>&a-z]{0,6} -->",
        1 => "<\\?[a-z][<>&a-z]{0,6}\\?>",
    ];
    let leaf = prop::collection::vec(text, 0..4).prop_map(|texts| texts.concat());
    let attributes = select(vec!["", " a=\"1\"", " a='>' b=\"/>\"", "\n"]);
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let element =
            (name.clone(), attributes.clone(), inner).prop_map(|(name, attributes, inner)| {
                match inner.is_empty() {
                    true => format!("<{name}{attributes}/>"),
                    false => format!("<{name}{attributes}>{inner}</{name}>"),
                }
            });
        prop::collection::vec(element, 1..4)
            .prop_map(|elements| format!("<R>{}</R>", elements.concat()))
    })
}

proptest! {
    #[test]
    fn it_reads_what_a_parser_of_all_of_xml_reads(
        document in documents(),
        cut in option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let document: String = match cut {
            Some(cut) => document.chars().take(cut.index(document.len() + 1)).collect(),
            None => document,
        };
        let ours = visited(|visit| walk(document.as_bytes(), visit));
        prop_assert_eq!(ours, visited(|visit| reference(&document, visit)), "{}", document);
    }

    #[test]
    fn no_input_makes_it_panic(pieces in proptest::collection::vec(prop_oneof![
        Just("<"), Just(">"), Just("/"), Just("<a>"), Just("</a>"), Just("<a/>"), Just("&"), Just("&amp;"),
        Just("&#"), Just("&#x110000;"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("<?"), Just("="), Just("\"")
    ], 0..30)) {
        walk(pieces.concat().as_bytes(), &mut |path, _| assert!(!path.is_empty()));
    }
}
