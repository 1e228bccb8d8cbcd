//! base64 (RFC 4648), in its two alphabets.

use alloc::{string::String, vec::Vec};

/// The digits for 62 and 63.
const STANDARD: [u8; 2] = *b"+/";
const URL: [u8; 2] = *b"-_";

/// Appends base64url without padding.
pub fn push_url(text: &mut String, bytes: &[u8]) {
    push(text, bytes, URL);
}

/// Reads base64url without padding.
pub fn parse_url(text: &str) -> Option<Vec<u8>> {
    parse(text, URL)
}

/// Writes base64 with padding.
pub fn standard(bytes: &[u8]) -> String {
    let mut text = String::new();
    push(&mut text, bytes, STANDARD);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Reads base64 with padding.
pub fn parse_standard(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix('=').unwrap_or(text);
    let digits = digits.strip_suffix('=').unwrap_or(digits);
    if text.len() != digits.len().next_multiple_of(4) {
        return None;
    }
    parse(digits, STANDARD)
}

fn push(text: &mut String, bytes: &[u8], last: [u8; 2]) {
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for at in 0..=group.len() {
            text.push(char::from(digit((bits >> (18 - 6 * at)) as u8 & 63, last)));
        }
    }
}

fn parse(text: &str, last: [u8; 2]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0, 0);
    for digit in text.bytes() {
        bits = (bits << 6) | u32::from(value(digit, last)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // What is left over of the last digit says nothing, and nothing else may be left over.
    (count < 6 && bits == 0).then_some(bytes)
}

fn digit(value: u8, last: [u8; 2]) -> u8 {
    match value {
        0..26 => b'A' + value,
        26..52 => b'a' + (value - 26),
        52..62 => b'0' + (value - 52),
        _ => last[usize::from(value != 62)],
    }
}

fn value(digit: u8, last: [u8; 2]) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        _ if digit == last[0] => 62,
        _ if digit == last[1] => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
