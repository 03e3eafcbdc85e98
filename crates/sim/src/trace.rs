//! What happened, twice: as a hash over every event, by which two runs are compared, and as lines for people, which are
//! made only if somebody reads them.
//!
//! Invariant: the hash does not depend on whether lines are made.

use crate::fault::HostId;
use crate::time::Time;
use stdx::hash::Mixer;

/// Takes the lines of a trace.
pub type Sink = Box<dyn FnMut(&str)>;

/// The trace of a run.
pub(crate) struct Trace {
    hash: Mixer,
    events: u64,
    sink: Option<Sink>,
}

impl Trace {
    pub(crate) fn new(seed: u64, sink: Option<Sink>) -> Trace {
        Trace { hash: Mixer::new(seed), events: 0, sink }
    }

    /// Takes an event in. `detail` is whatever number tells it best from others like it.
    pub(crate) fn event(&mut self, at: Time, who: HostId, kind: &'static str, detail: u64) {
        self.events += 1;
        self.hash.number(at.0);
        self.hash.number(who.0 as u64);
        self.hash.bytes(kind.as_bytes());
        self.hash.number(detail);
    }

    /// Writes a line, if anybody reads it.
    pub(crate) fn line(&mut self, at: Time, who: impl std::fmt::Display, what: impl FnOnce() -> String) {
        if let Some(sink) = &mut self.sink {
            sink(&format!("{at} {who:<4} {}", what()));
        }
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Trace;
    use crate::fault::HostId;
    use crate::time::Time;

    #[test]
    fn the_hash_tells_runs_apart_and_lines_do_not_matter() {
        let hash = |detail: u64, sink: bool| {
            let mut trace = Trace::new(1, sink.then(|| Box::new(|_: &str| ()) as super::Sink));
            trace.event(Time(5), HostId(0), "tick", detail);
            trace.line(Time(5), HostId(0), || "a line".to_owned());
            trace.hash()
        };
        assert_eq!(hash(1, false), hash(1, true));
        assert_ne!(hash(1, false), hash(2, false));
    }
}
