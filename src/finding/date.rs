//! Times as reports write them.

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
    use super::rfc3339;

    #[test]
    fn known_times() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_210_096, 90), "2024-02-29T14:04:56+01:30");
        assert_eq!(rfc3339(-1, -60), "1969-12-31T22:59:59-01:00");
    }
}
