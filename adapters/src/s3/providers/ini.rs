//! The form of AWS's shared files: sections in brackets, and `name = value` in them.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// What stands in one section: names in lower case, and values.
pub(super) type Section = BTreeMap<String, Zeroizing<String>>;

/// The sections of a file; of names that come twice, the later one counts. Lines that are indented belong to the value
/// above, of which no credentials are made. Else the number of the line that cannot be read.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Section>, usize> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut current = None;
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let trimmed = line.trim();
        let is_indented = line.starts_with([' ', '\t']);
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) || is_indented {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            let (name, after) = rest.split_once(']').ok_or(at + 1)?;
            let after = after.trim_start();
            if !(after.is_empty() || after.starts_with(['#', ';'])) {
                return Err(at + 1);
            }
            let name = words(name);
            sections.entry(name.clone()).or_default();
            current = Some(name);
            continue;
        }
        let (name, value) = trimmed.split_once('=').ok_or(at + 1)?;
        let section = current.as_ref().and_then(|name| sections.get_mut(name)).ok_or(at + 1)?;
        let value = Zeroizing::new(without_comment(value).trim().to_owned());
        section.insert(name.trim().to_ascii_lowercase(), value);
    }
    Ok(sections)
}

/// A comment in a line starts behind a space.
fn without_comment(value: &str) -> &str {
    let marks = [" #", " ;", "\t#", "\t;"];
    let end = marks.iter().filter_map(|mark| value.find(mark)).min();
    &value[..end.unwrap_or(value.len())]
}

/// The name of a section with one space between its words; quotes may stand around one.
fn words(name: &str) -> String {
    let name = name.trim();
    match name.split_once([' ', '\t']) {
        Some((kind, rest)) => format!("{kind} {}", rest.trim().trim_matches(['"', '\''])),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
