//! What comes many times and is told once: refused attempts, and deeds that take thousands of requests.
//!
//! Invariant: of one kind from one source at most one line comes in a window, and what was left out is told with its number when the
//! window is over; sources beyond a bound share one. So nobody can push what matters out of the log by repeating himself.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long more of the same is only counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Kinds and sources that are told apart at once.
const SOURCES_MAX: usize = 256;

/// What counts as the same: the kind of deed, who does it, and from where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Source {
    pub(super) what: &'static str,
    pub(super) state: &'static str,
    pub(super) who: String,
    pub(super) from: Option<IpAddr>,
}

/// What is counted at present.
#[derive(Default, Debug)]
pub(super) struct Hush(BTreeMap<Source, Counted>);

#[derive(Debug)]
struct Counted {
    until: Instant,
    more: u64,
    line: Map<String, Value>,
}

impl Hush {
    /// True if it is to be told now; else it is counted. `line` is what will tell of the others.
    pub(super) fn admits(&mut self, mut source: Source, now: Instant, line: &Map<String, Value>) -> bool {
        if !self.0.contains_key(&source) && self.0.len() >= SOURCES_MAX {
            source = Source { who: String::new(), from: None, ..source };
        }
        if let Some(counted) = self.0.get_mut(&source) {
            counted.more += 1;
            return false;
        }
        self.0.insert(source, Counted { until: now + WINDOW, more: 0, line: line.clone() });
        true
    }

    /// Lines that tell of what was only counted, of windows that are over; of all windows if there is no `now`.
    pub(super) fn due(&mut self, now: Option<Instant>) -> Vec<Map<String, Value>> {
        let over = |counted: &Counted| now.is_none_or(|now| counted.until <= now);
        let ended: Vec<Source> =
            self.0.iter().filter(|(_, counted)| over(counted)).map(|(source, _)| source.clone()).collect();
        let counted = ended.iter().filter_map(|source| self.0.remove(source));
        let told = counted.filter(|counted| counted.more > 0).map(|Counted { more, mut line, .. }| {
            line.insert("more".to_owned(), more.into());
            line
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Hush, SOURCES_MAX, Source, WINDOW};
    use serde_json::Map;
    use std::time::Instant;

    fn source(who: usize) -> Source {
        Source { what: "login", state: "refused", who: who.to_string(), from: None }
    }

    #[test]
    fn one_line_and_then_a_number() {
        let (mut hush, now) = (Hush::default(), Instant::now());
        assert!(hush.admits(source(1), now, &Map::new()));
        assert!((0..5).all(|_| !hush.admits(source(1), now, &Map::new())));
        assert!(hush.admits(source(2), now, &Map::new()));
        assert!(hush.due(Some(now)).is_empty());
        let due = hush.due(Some(now + WINDOW));
        assert_eq!((due.len(), due[0]["more"].as_u64()), (1, Some(5)));
        assert!(hush.admits(source(1), now + WINDOW, &Map::new()));
    }

    #[test]
    fn sources_are_bounded() {
        let (mut hush, now) = (Hush::default(), Instant::now());
        let told = (0..10_000).filter(|who| hush.admits(source(*who), now, &Map::new())).count();
        assert_eq!(told, SOURCES_MAX + 1);
        let counted: u64 = hush.due(None).iter().filter_map(|line| line["more"].as_u64()).sum();
        assert_eq!(counted, 10_000 - told as u64);
    }
}
