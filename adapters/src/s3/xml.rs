//! Reading the XML that S3 answers with: elements, and the text in them. What is not well-formed, or nested too deep, is
//! read up to there.
//!
//! It is written here because a parser for all of XML is several times larger, and pages download it. `tests` hold it
//! equal to such a parser.

/// S3's own documents are four deep.
const DEPTH_MAX: usize = 16;

/// Calls `visit` for each element as it ends, with its path, which is the local names from the root down to it with
/// slashes between, and the text that stood directly in it. Says whether the document was whole.
pub(super) fn walk(document: &[u8], visit: &mut dyn FnMut(&str, &str)) -> bool {
    core::str::from_utf8(document).is_ok_and(|document| read(document, visit).is_some())
}

/// `None` where the document is not whole.
fn read(document: &str, visit: &mut dyn FnMut(&str, &str)) -> Option<()> {
    let mut open: Vec<(&str, String)> = Vec::new();
    let mut path = String::new();
    let mut seen_root = false;
    let mut rest = document;
    while let Some((text, markup)) = rest.split_once('<') {
        push_resolved(&mut open, text)?;
        if let Some(inside) = markup.strip_prefix('?') {
            (_, rest) = split_at_end(inside, "?>")?;
            continue;
        }
        if let Some(inside) = markup.strip_prefix("!--") {
            (_, rest) = split_at_end(inside, "-->")?;
            continue;
        }
        if let Some(inside) = markup.strip_prefix("![CDATA[") {
            let text;
            (text, rest) = split_at_end(inside, "]]>")?;
            push(&mut open, text);
            continue;
        }
        // What is left of this sort, a document type, declares entities, which S3 does not use and others misuse.
        if markup.starts_with('!') {
            return None;
        }
        let (tag, after) = markup.split_at(end_of_tag(markup)?);
        rest = &after[1..];
        if let Some(name) = tag.strip_prefix('/') {
            let (_, text) = open.pop().filter(|(opened, _)| *opened == name.trim_ascii_end())?;
            visit(&path, &text);
            leave(&mut path);
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name = tag.split(|c: char| c.is_ascii_whitespace()).next()?;
        if name.is_empty() || name.contains('/') || open.len() == DEPTH_MAX {
            return None;
        }
        seen_root = true;
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name.split_once(':').map_or(name, |(_, local)| local));
        if is_empty {
            visit(&path, "");
            leave(&mut path);
        } else {
            open.push((name, String::new()));
        }
    }
    (seen_root && open.is_empty()).then_some(())
}

/// Takes the last name off a path.
fn leave(path: &mut String) {
    path.truncate(path.rfind('/').unwrap_or(0));
}

/// What is in front of `end`, and what is behind it.
fn split_at_end<'a>(text: &'a str, end: &str) -> Option<(&'a str, &'a str)> {
    let at = text.as_bytes().windows(end.len()).position(|window| window == end.as_bytes())?;
    Some((&text[..at], &text[at + end.len()..]))
}

/// Where the `>` is that ends a tag: not in the value of an attribute.
fn end_of_tag(markup: &str) -> Option<usize> {
    let mut quote = None;
    markup.bytes().position(|byte| match quote {
        Some(open) => {
            quote = quote.filter(|_| byte != open);
            false
        }
        None => {
            quote = Some(byte).filter(|byte| matches!(byte, b'"' | b'\''));
            byte == b'>'
        }
    })
}

fn push(open: &mut [(&str, String)], text: &str) {
    if let Some((_, so_far)) = open.last_mut() {
        so_far.push_str(text);
    }
}

fn push_resolved(open: &mut [(&str, String)], text: &str) -> Option<()> {
    let mut pieces = text.split('&');
    push(open, pieces.next()?);
    for piece in pieces {
        let (reference, after) = piece.split_once(';')?;
        push(open, resolve(reference)?.encode_utf8(&mut [0; 4]));
        push(open, after);
    }
    Some(())
}

fn resolve(reference: &str) -> Option<char> {
    let code = match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => reference.strip_prefix('#')?,
    };
    let code = match code.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => code.parse(),
    };
    char::from_u32(code.ok()?).filter(|c| *c != '\0')
}

#[cfg(test)]
mod tests;
