//! Reading the XML that S3 answers with. What is not well-formed, or nested too deep, is read up to there.

use quick_xml::{Reader, events::Event};

/// S3's own documents are four deep.
const DEPTH_MAX: usize = 16;

/// Calls `visit` for each element as it ends, with the local names from the root down to it and the text that stood
/// directly in it. Says whether the document was whole.
pub(super) fn walk(document: &[u8], mut visit: impl FnMut(&[&str], &str)) -> bool {
    let Ok(document) = core::str::from_utf8(document) else { return false };
    let mut reader = Reader::from_str(document);
    let mut open: Vec<(String, String)> = Vec::new();
    let mut seen_root = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) if open.len() < DEPTH_MAX => {
                seen_root = true;
                open.push((start.local_name().as_ref().to_owned(), String::new()));
            }
            Ok(Event::Empty(empty)) if open.len() < DEPTH_MAX => {
                let name = empty.local_name().as_ref().to_owned();
                let path: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
                visit(&[&path[..], &[name.as_str()]].concat(), "");
                seen_root = true;
            }
            Ok(Event::Text(text)) => push(&mut open, &text.xml10_content()),
            Ok(Event::CData(text)) => push(&mut open, &text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => match resolve(&reference) {
                Some(c) => push(&mut open, c.encode_utf8(&mut [0; 4])),
                None => return false,
            },
            Ok(Event::End(_)) => {
                let Some((_, text)) = open.last_mut() else { return false };
                let text = core::mem::take(text);
                let path: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
                visit(&path, &text);
                open.pop();
            }
            Ok(Event::Decl(_) | Event::Comment(_) | Event::PI(_)) => {}
            Ok(Event::Eof) => return seen_root && open.is_empty(),
            // A document type declares entities, which S3 does not use and others misuse.
            Ok(Event::DocType(_) | Event::Start(_) | Event::Empty(_)) | Err(_) => return false,
        }
    }
}

fn push(open: &mut [(String, String)], text: &str) {
    if let Some((_, so_far)) = open.last_mut() {
        so_far.push_str(text);
    }
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

#[cfg(test)]
mod tests;
