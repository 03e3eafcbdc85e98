//! Points in time as people read them: date and time of day, UTC.

/// A Unix time in milliseconds as date and time of day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
pub fn show(millis: u64) -> String {
    let (days, secs) = (millis / 86_400_000, millis / 1_000 % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// The same with milliseconds.
pub fn exact(millis: u64) -> String {
    format!("{}.{:03}", show(millis), millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::{exact, show};

    #[test]
    fn times_are_dates() {
        assert_eq!(show(0), "1970-01-01 00:00:00");
        assert_eq!(show(951_827_696_000), "2000-02-29 12:34:56");
        assert_eq!(exact(1_543_622_399_999), "2018-11-30 23:59:59.999");
    }
}
