//! Numbers as people read them.

use std::time::Duration;

/// `12,345`.
pub(crate) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 file`, `2 files`.
pub(crate) fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `12.3 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    match scaled(bytes as f64, 1000.0, &["B", "kB", "MB", "GB", "TB"]) {
        (whole, "B") => format!("{whole:.0} B"),
        (scaled, unit) => format!("{scaled:.1} {unit}"),
    }
}

/// `12.3 ms`.
pub(crate) fn time(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    match scaled(nanos, 1000.0, &["ns", "us", "ms", "s"]) {
        (whole, "ns") => format!("{whole:.0} ns"),
        (scaled, unit) => format!("{scaled:.1} {unit}"),
    }
}

/// `12 %` of `whole`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "0 %".to_owned() } else { format!("{:.0} %", share(part, whole) * 100.0) }
}

/// `1,234` of something in each second.
pub(crate) fn rate(number: u64, took: Duration) -> String {
    count((number as f64 / took.as_secs_f64().max(1e-9)) as u64)
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn scaled<'a>(number: f64, step: f64, units: &[&'a str]) -> (f64, &'a str) {
    let mut scaled = (number, units[0]);
    for unit in &units[1..] {
        if scaled.0 < step {
            break;
        }
        scaled = (scaled.0 / step, unit);
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [count(7_u64), count(1_000_u64), count(1_234_567_u64)],
            ["7", "1,000", "1,234,567"]
        );
        assert_eq!([bytes(999), bytes(72_400_000)], ["999 B", "72.4 MB"]);
        let nanos = |nanos| time(Duration::from_nanos(nanos));
        assert_eq!(
            [nanos(310), nanos(45_600), nanos(61_000_000_000)],
            ["310 ns", "45.6 us", "61.0 s"]
        );
        assert_eq!([percent(1, 3), percent(0, 0)], ["33 %", "0 %"]);
        assert_eq!(rate(3_000, Duration::from_millis(1_500)), "2,000");
        assert_eq!([counted(1_u64, "file"), counted(2_000_u64, "file")], ["1 file", "2,000 files"]);
    }
}
