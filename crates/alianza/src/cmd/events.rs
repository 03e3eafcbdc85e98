//! `alianza events`: the membership history, oldest first.

use super::cluster::text;
use crate::args::Target;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::table;
use serde_json::Value;

/// Prints the history.
pub(crate) fn run(target: &Target) -> Result<(), Failure> {
    let answer = Client::to(target)?.get("/events")?;
    if target.json {
        return output::print_json(&answer);
    }
    let events = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = events.iter().map(row).collect();
    output::print(&table::lay_out(&["TIME (UTC)", "EVENT", "NAME", "URI", "TOKENS", "NODE"], &rows))
}

fn row(event: &Value) -> Vec<String> {
    let tokens = event["tokens"].as_array().map_or(0, Vec::len);
    vec![
        utc(event["timestamp"].as_u64().unwrap_or(0)),
        text(event, "type"),
        text(event, "name"),
        text(event, "uri"),
        tokens.to_string(),
        text(event, "nodeId"),
    ]
}

/// A Unix time in milliseconds as date and time of day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn utc(millis: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_827_696_000), "2000-02-29 12:34:56");
        assert_eq!(utc(1_543_622_399_999), "2018-11-30 23:59:59");
    }
}
