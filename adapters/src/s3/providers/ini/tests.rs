use super::*;

fn shown(text: &str) -> String {
    match parse(text) {
        Err(line) => format!("line {line}"),
        Ok(sections) => {
            let sections = sections.into_iter().map(|(name, section)| {
                let pairs = section.into_iter().map(|(name, value)| format!("{name}={}", *value));
                format!("[{name}]{}", pairs.collect::<Vec<_>>().join(","))
            });
            sections.collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn sections_names_and_values_are_read() {
    assert_eq!(shown(""), "");
    assert_eq!(shown("\u{feff}[a]\r\nX = 1\r\n[b]\ny=2\n[a]\nx=3=4\n"), "[a]x=3=4 [b]y=2");
    assert_eq!(shown("# c\n; c\n\n[a] # c\nx = 1 # c\ny = 2;no\nz = #3\n"), "[a]x=1,y=2;no,z=");
    assert_eq!(
        shown("[ profile \t 'my name' ]\n[profile \"b\"]\n[ default ]"),
        "[default] [profile b] [profile my name]"
    );
    assert_eq!(shown("[a]\ns3 =\n  max = 1\n\tmin = 2\nx = 1"), "[a]s3=,x=1");
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    assert_eq!(shown("x = 1"), "line 1");
    assert_eq!(shown("[a]\n\nx"), "line 3");
    assert_eq!(shown("[a"), "line 1");
    assert_eq!(shown("[a]\n[b] c"), "line 2");
}
