//! Spans of time as people write them: `2s`, `350ms`, `1500us`.
//!
//! Invariant: what is written is read back to the microsecond.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use stdx::Span;

/// The largest unit that leaves no rest.
pub(crate) fn show(span: Span) -> String {
    match span.0 {
        micros if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        micros if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        micros => format!("{micros}us"),
    }
}

/// Reads a whole number and its unit.
pub(crate) fn parse(text: &str) -> Result<Span, String> {
    let wrong = || format!("\"{text}\" is not a span of time; write it like 2s, 350ms or 1500us");
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "us" => Ok(Span::micros(number)),
        "ms" => Ok(Span::millis(number)),
        "s" => Ok(Span::secs(number)),
        _ => Err(wrong()),
    }
}

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&show(*span))
}

/// For `#[serde(with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use stdx::Span;

    #[test]
    fn what_is_written_is_read_back() {
        for micros in [0, 1, 999, 1_000, 350_000, 1_500_000, 2_000_000, 86_400_000_001] {
            assert_eq!(parse(&show(Span(micros))), Ok(Span(micros)));
        }
        assert_eq!(show(Span::millis(1_500)), "1500ms");
        assert!(parse("12").is_err() && parse("1m").is_err() && parse("ms").is_err());
    }
}
