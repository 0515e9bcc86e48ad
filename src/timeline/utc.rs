//! Formats Unix seconds for people and scripts.

/// Formats a time as `2026-11-20 08:15:43Z`. The calendar counts from March, so that the leap day is the last day of a
/// year.
pub(crate) fn utc(at: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let (days, seconds) = (at / 86_400, at % 86_400);
    // Days since 1 March of year 0.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Like [`utc`], with milliseconds: `2026-11-20 08:15:43.007Z`.
pub(crate) fn utc_ms(at: u64, ms: u16) -> String {
    utc(at).replace('Z', &format!(".{ms:03}Z"))
}

#[cfg(test)]
mod tests {
    use super::{utc, utc_ms};

    #[test]
    fn known_moments_are_written_as_the_calendar_has_them() {
        // The expected texts are what `date -u -d @N` prints.
        for (at, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (951_868_800, "2000-03-01 00:00:00Z"),
            (1_709_164_800, "2024-02-29 00:00:00Z"),
            (1_735_689_599, "2024-12-31 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(utc(at), text);
        }
        assert_eq!(utc_ms(951_782_399, 7), "2000-02-28 23:59:59.007Z");
    }
}
