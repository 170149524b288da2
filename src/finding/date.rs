//! Days as people write them, and times as reports tell them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A day of the calendar, `2026-12-31`: days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub i64);

impl Day {
    /// Today, by the clock, in UTC.
    #[must_use]
    pub fn today() -> Self {
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Self(i64::try_from(seconds / 86_400).unwrap_or(0))
    }

    /// Reads `2026-12-31`; `None` where there is no such day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if year.len() != 4 || month.len() != 2 || day.len() != 2 || parts.next().is_some() {
            return None;
        }
        let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') || !(1..=12).contains(&month) || !(1..=days).contains(&day) {
            return None;
        }
        // Days from civil, Howard Hinnant's algorithm: http://howardhinnant.github.io/date_algorithms.html
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year - era * 400;
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        Some(Self(era * 146_097 + days - 719_468))
    }

    /// Days from `earlier` to this one; negative where it lies after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a day is written 2026-12-31")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// `2026-11-20T18:30:00+01:00` for seconds since 1970 and minutes east of Greenwich.
#[must_use]
pub fn rfc3339(seconds: i64, offset: i32) -> String {
    let local = seconds.saturating_add(i64::from(offset) * 60);
    let (days, of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let sign = if offset < 0 { '-' } else { '+' };
    let zone = if offset == 0 { "Z".to_owned() } else { format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60) };
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{zone}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Seconds since 1970 of a time of RFC 3339, fractions left out; `None` where it is none.
#[must_use]
pub fn seconds_of(text: &str) -> Option<i64> {
    let day = Day::parse(text.get(..10)?)?;
    let clock = text.get(10..19)?.as_bytes();
    let two = |at: usize| {
        let digits = clock.get(at..at + 2)?;
        digits.iter().all(u8::is_ascii_digit).then(|| i64::from(digits[0] - b'0') * 10 + i64::from(digits[1] - b'0'))
    };
    let is_time = matches!(clock[0], b'T' | b't' | b' ') && clock[3] == b':' && clock[6] == b':';
    let (hours, minutes, seconds) = (two(1)?, two(4)?, two(7)?);
    let zone = text.get(19..)?;
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => zone,
    };
    let east = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) => {
            let of = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            (of(*h1, *h2) * 60 + of(*m1, *m2)) * if *sign == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    let is_in_range = hours < 24 && minutes < 60 && seconds <= 60;
    (is_time && is_in_range).then(|| day.0 * 86_400 + hours * 3600 + minutes * 60 + seconds - east)
}

/// Year, month and day of a day since 1970; Howard Hinnant's algorithm,
/// <http://howardhinnant.github.io/date_algorithms.html>.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

#[cfg(test)]
mod tests {
    use super::{Day, rfc3339, seconds_of};

    #[test]
    fn days_are_read_and_written() {
        assert_eq!(Day::parse("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::parse("2026-11-20"), Some(Day(20_777)));
        for text in ["1969-12-31", "2024-02-29", "2000-03-01"] {
            assert_eq!(Day::parse(text).map(|d| d.to_string()).as_deref(), Some(text));
        }
        for text in ["2026-13-01", "2023-02-29", "2026-1-01", "+026-01-01", "2026-01-01-", "soon"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn known_times() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_210_096, 90), "2024-02-29T14:04:56+01:30");
        assert_eq!(rfc3339(-1, -60), "1969-12-31T22:59:59-01:00");
        for text in ["1970-01-01T00:00:00Z", "2024-02-29T14:04:56Z"] {
            assert_eq!(seconds_of(text).map(|at| rfc3339(at, 0)).as_deref(), Some(text));
        }
        assert_eq!(seconds_of("2024-02-29T14:04:56.123+01:30"), Some(1_709_210_096));
        assert_eq!(seconds_of("1969-12-31T22:59:59-01:00"), Some(-1));
        for text in
            ["2024-02-30T14:04:56Z", "2024-02-29T24:04:56Z", "2024-02-29T14:04:56", "2024-02-29", "2024-02-29T14:04:5éZ", ""]
        {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }
}
