//! Spans of time as people write them: `250ms`, `30s`, `5m`, `2h`, `7d`, or a bare number of seconds.
//!
//! Invariant: what [`show`] prints, [`parse`] reads back.

use stdx::Span;

/// Unit and its microseconds, largest first.
const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

/// Reads a span: a number, with a fraction if need be, and a unit; without a unit, seconds.
pub fn parse(text: &str) -> Option<Span> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let micros = if unit.is_empty() { 1_000_000 } else { UNITS.iter().find(|(name, _)| *name == unit)?.1 };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(micros).map(Span);
    }
    from_secs(number.parse::<f64>().ok()? * (micros as f64 / 1e6))
}

/// A span of so many seconds; `None` if that is negative, no number, or beyond all measure.
pub fn from_secs(secs: f64) -> Option<Span> {
    let micros = (secs * 1e6).round();
    (micros >= 0.0 && micros < u64::MAX as f64).then_some(Span(micros as u64))
}

/// Writes a span in the largest unit that holds it without a fraction.
pub fn show(span: Span) -> String {
    if span == Span::ZERO {
        return "0s".to_owned();
    }
    let unit = UNITS.iter().find(|(_, micros)| span.0.is_multiple_of(*micros));
    unit.map_or_else(|| format!("{}us", span.0), |(name, micros)| format!("{}{name}", span.0 / micros))
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use stdx::Span;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let cases =
            [("30s", 30_000), ("250ms", 250), ("5m", 300_000), ("1.5s", 1_500), ("2", 2_000), (" 1 h ", 3_600_000)];
        for (text, millis) in cases {
            assert_eq!(parse(text), Some(Span::millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "5 weeks", "1e3", "99999999999999d", "1.2.3s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn spans_read_back_what_they_print() {
        for micros in [0, 1, 999, 1_000, 1_500, 60_000_000, 90_000_000, 604_800_000_000] {
            assert_eq!(parse(&show(Span(micros))), Some(Span(micros)));
        }
        assert_eq!(show(Span::secs(90)), "90s");
        assert_eq!(show(Span::secs(120)), "2m");
    }
}
