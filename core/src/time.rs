//! Points in time, absolute and in milliseconds. The core reads no clock: `now` is an argument.

use alloc::{format, string::String};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, as a JavaScript `Date` counts them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

const DAY_MS: u64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write.
const MAX_MS: u64 = 253_402_300_799_999;

impl Timestamp {
    /// The point `ms` milliseconds after 1970-01-01T00:00:00Z; later than the year 9999 is that year's end.
    pub const fn from_millis(ms: u64) -> Self {
        if ms > MAX_MS { Self(MAX_MS) } else { Self(ms) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The point `ms` milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, ms: u64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this point; 0 if it is not earlier.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Year, month (1 to 12), day (1 to 31), and milliseconds of the day, in UTC.
    pub fn civil(self) -> (u64, u64, u64, u64) {
        // Days are counted from 0000-03-01, so that a leap day ends its year.
        let days = self.0 / DAY_MS + 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        (year + era * 400 + carry, month, day, self.0 % DAY_MS)
    }

    /// The point of a UTC date and a time of that day, or `None` where there is no such date from 1970 to 9999.
    pub fn from_civil(year: u64, month: u64, day: u64, ms_of_day: u64) -> Option<Self> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || ms_of_day >= DAY_MS {
            return None;
        }
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 => 28 + u64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !(1..=last).contains(&day) {
            return None;
        }
        let (shifted, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let of_year = (153 * month + 2) / 5 + day - 1;
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
        Some(Self(days * DAY_MS + ms_of_day))
    }

    /// Reads an RFC 3339 date and time as `Date.prototype.toISOString` and S3 write them: UTC, with any number of
    /// decimals of a second (more than three are cut).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let [year, month, day] = numbers(date, '-')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [hour, minute, second] = numbers(time, ':')?;
        if hour > 23 || minute > 59 || second > 59 || !is_number(fraction) {
            return None;
        }
        let digit =
            |at: usize| fraction.as_bytes().get(at).map_or(0, |byte| u64::from(byte - b'0'));
        let ms = digit(0) * 100 + digit(1) * 10 + digit(2);
        Self::from_civil(year, month, day, ((hour * 60 + minute) * 60 + second) * 1_000 + ms)
    }

    /// The point as `Date.prototype.toISOString` writes it, such as `2026-01-01T00:00:00.000Z`.
    pub fn to_rfc3339(self) -> String {
        let (year, month, day, ms) = self.civil();
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        let ms = ms % 1_000;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }

    /// Reads a date of HTTP in any of its three forms: `Sun, 06 Nov 1994 08:49:37 GMT`, and the obsolete
    /// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. The day of the week is not looked at; two digits
    /// of a year are of 1970 to 2069.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let dated = text.split_once(',');
        let date = match dated {
            Some((_weekday, date)) => date.strip_prefix(' ')?.strip_suffix(" GMT")?,
            None => text,
        };
        let mut parts = [""; 7];
        for (at, part) in date.split([' ', '-']).enumerate() {
            *parts.get_mut(at)? = part;
        }
        // A day of one digit stands behind a second space.
        let (day, month, year, time) = match (dated.is_some(), parts) {
            (true, [day, month, year, time, "", "", ""]) => (digits(day, 2)?, month, year, time),
            (false, [_weekday, month, "", day, time, year, ""]) => {
                (digits(day, 1)?, month, year, time)
            }
            (false, [_weekday, month, day, time, year, "", ""]) => {
                (digits(day, 2)?, month, year, time)
            }
            _ => return None,
        };
        let [hour, minute, second] = numbers(time, ':')?;
        if time.len() != 8 || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let month = 1 + MONTHS.iter().position(|name| *name == month)? as u64;
        let year = match digits(year, 2) {
            Some(year) => year + if year < 70 { 2_000 } else { 1_900 },
            None => digits(year, 4)?,
        };
        // A leap second is the one before it.
        let ms_of_day = ((hour * 60 + minute) * 60 + second.min(59)) * 1_000;
        Self::from_civil(year, month, day, ms_of_day)
    }

    /// The point as HTTP writes it, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Milliseconds are cut.
    pub fn to_http_date(self) -> String {
        let (year, month, day, ms) = self.civil();
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        let weekday = WEEKDAYS[(self.0 / DAY_MS % 7) as usize];
        let month = MONTHS[month as usize - 1];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// From that of 1970-01-01.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A number of exactly `len` digits.
fn digits(text: &str, len: usize) -> Option<u64> {
    (text.len() == len && is_number(text)).then(|| text.parse().ok())?
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = || parts.next().filter(|part| is_number(part))?.parse().ok();
    let found = [next()?, next()?, next()?];
    parts.next().is_none().then_some(found)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// As RFC 3339 text, which is how JSON carries a `Date`.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "{text:?} is not a date such as 2026-01-01T00:00:00.000Z"
            ))
        })
    }
}

#[cfg(test)]
mod tests;
