//! What clients ask of this node and how it went: how often, how long, and why not. Every interface passes through
//! [`crate::Handle::call`], so each operation is measured once, whoever asked.
//!
//! Invariant: numbers only grow, but for those of [`Connections`]; recording takes no lock and no memory.
//! Refuses to know how the numbers are shown.

mod gauges;
mod histogram;
mod kind;
pub(crate) mod process;
mod reason;
mod slow;

pub use gauges::{Gauges, PeerQueue};
pub use histogram::{BOUNDS, Histogram, Times};
pub use kind::{Kind, Level};
pub use process::Process;
pub use reason::Reason;

use crate::counters::Counter;
use kind::LEVELS;
use proto::{Request, Response};
use slow::Subject;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

const KINDS: usize = Kind::ALL.len();
const REASONS: usize = Reason::ALL.len();

/// Everything that is measured of one process.
#[derive(Debug)]
pub struct Measures {
    /// Requests that take longer are logged.
    slow: Option<Duration>,
    pace: slow::Pace,
    started: Instant,
    started_at: SystemTime,
    times: Box<[[Histogram; LEVELS]; KINDS]>,
    failures: [[Counter; LEVELS]; KINDS],
    refusals: [[Counter; REASONS]; KINDS],
    /// Connections of clients that are being served.
    pub connections: Connections,
}

/// Connections of clients that are being served.
#[derive(Default, Debug)]
pub struct Connections {
    /// Over HTTP.
    pub http: Gauge,
    /// In the Redis protocol.
    pub redis: Gauge,
}

/// A number that comes and goes.
#[derive(Default, Debug)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// How many there are.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed).max(0) as u64
    }

    /// One more, until what is returned is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }
}

/// One that counts in a [`Gauge`] until it is dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One kind of operation at one level.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// What was asked for.
    pub kind: Kind,
    /// At which level.
    pub level: Level,
    /// How long it took, answers that were refusals included.
    pub times: Times,
    /// How many of these failed for want of replicas, room, or a working disk.
    pub failures: u64,
}

/// A request under way.
pub(crate) struct Watch {
    kind: Kind,
    level: Level,
    begun: Instant,
    /// What it is about, if that may be told.
    subject: Option<Subject>,
}

impl Watch {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// When it began.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }
}

impl Default for Measures {
    fn default() -> Measures {
        Measures {
            slow: None,
            pace: slow::Pace::default(),
            started: Instant::now(),
            started_at: SystemTime::now(),
            times: Box::default(),
            failures: Default::default(),
            refusals: Default::default(),
            connections: Connections::default(),
        }
    }
}

impl Measures {
    /// Logs requests that take longer than `slow`; none if that is no time at all.
    pub(crate) fn logging(slow: Duration) -> Measures {
        Measures { slow: Some(slow).filter(|slow| !slow.is_zero()), ..Measures::default() }
    }

    pub(crate) fn begin(&self, request: &Request) -> Watch {
        let (kind, level) = kind::of(request);
        let subject = self.slow.and_then(|_| Subject::of(request));
        Watch { kind, level, begun: Instant::now(), subject }
    }

    pub(crate) fn end(&self, watch: &Watch, response: &Response) {
        let took = watch.begun.elapsed();
        if self.is_slow(took) {
            self.tell(watch.subject.as_ref(), (watch.kind, kind::settled(watch.level, response)), took, response);
        }
        self.count((watch.kind, watch.level), took, response);
    }

    /// A request was answered where it was asked, so that what it is about need not be kept in case it is slow.
    pub(crate) fn answered(&self, request: &Request, begun: Instant, response: &Response) {
        let (of, took) = (kind::of(request), begun.elapsed());
        if self.is_slow(took) {
            self.tell(Subject::of(request).as_ref(), of, took, response);
        }
        self.count(of, took, response);
    }

    fn is_slow(&self, took: Duration) -> bool {
        self.slow.is_some_and(|slow| took >= slow)
    }

    fn tell(&self, subject: Option<&Subject>, of: (Kind, Level), took: Duration, response: &Response) {
        if let Some(subject) = subject {
            slow::record((&self.pace, self.uptime().as_secs()), subject, of, took, response);
        }
    }

    fn count(&self, (kind, level): (Kind, Level), took: Duration, response: &Response) {
        let (kind, level) = (kind as usize, kind::settled(level, response) as usize);
        self.times[kind][level].observe(took);
        if let Response::Refused(refusal) = response {
            let reason = Reason::of(refusal);
            self.refusals[kind][reason as usize].add(1);
            if reason.is_failure() {
                self.failures[kind][level].add(1);
            }
        }
    }

    /// The client of a request did not wait for its answer.
    pub(crate) fn abandon(&self, watch: &Watch) {
        let took = watch.begun.elapsed();
        if self.is_slow(took) {
            let response = Response::Refused(proto::Refusal::NoAnswer { write: false });
            self.tell(watch.subject.as_ref(), (watch.kind, watch.level), took, &response);
        }
        self.times[watch.kind as usize][watch.level as usize].observe(took);
        self.refusals[watch.kind as usize][Reason::Abandoned as usize].add(1);
    }

    /// How long the process has run.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the process started, by the wall clock of then, since the Unix epoch.
    pub fn started_at(&self) -> Duration {
        self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// Every kind of operation at every level that was ever asked for, in a fixed order.
    pub fn operations(&self) -> Vec<Measured> {
        let all = Kind::ALL.iter().flat_map(|kind| Level::ALL.iter().map(|level| (*kind, *level)));
        let measured = all.map(|(kind, level)| {
            let failures = self.failures[kind as usize][level as usize].get();
            Measured { kind, level, times: self.times[kind as usize][level as usize].read(), failures }
        });
        measured.filter(|measured| measured.times.count > 0).collect()
    }

    /// How often each kind of operation was refused for each reason, where that is more than never.
    pub fn refusals(&self) -> Vec<(Kind, Reason, u64)> {
        let all = Kind::ALL.iter().flat_map(|kind| Reason::ALL.iter().map(|reason| (*kind, *reason)));
        let counted = all.map(|(kind, reason)| (kind, reason, self.refusals[kind as usize][reason as usize].get()));
        counted.filter(|(_, _, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Level, Measures, Reason};
    use proto::{Current, Get, ItemKey, Put, Refusal, Request, Response};

    fn get(level: Option<proto::Level>) -> Request {
        Request::Get(Get { bucket: "default".to_owned(), key: ItemKey::plain("k"), level })
    }

    #[tokio::test]
    async fn each_operation_is_counted_once_under_its_kind_and_level() {
        let measures = Measures::default();
        let record = |request: Request, response: &Response| measures.end(&measures.begin(&request), response);
        record(get(None), &Response::Refused(Refusal::QuorumUnmet { needed: 2, got: 1, write: false }));
        record(get(None), &Response::Refused(Refusal::UnknownBucket("b".to_owned())));
        record(get(Some(proto::Level::All)), &Response::History(Vec::new()));
        record(get(None), &Response::Current(Current::default()));
        let put = Put {
            bucket: "default".to_owned(),
            key: ItemKey::plain("k"),
            value: None,
            context: None,
            level: Some(proto::Level::Count(2)),
            durability: Default::default(),
            ttl: None,
        };
        record(Request::Put(put), &Response::Refused(Refusal::Overloaded));
        let counts: Vec<_> = measures
            .operations()
            .into_iter()
            .map(|measured| (measured.kind, measured.level, measured.times.count, measured.failures))
            .collect();
        assert_eq!(
            counts,
            [
                (Kind::Get, Level::OfBucket, 2, 1),
                (Kind::Get, Level::All, 1, 0),
                (Kind::Get, Level::Linearizable, 1, 0),
                (Kind::Delete, Level::Count, 1, 1),
            ]
        );
        assert_eq!(
            measures.refusals(),
            [
                (Kind::Get, Reason::UnknownBucket, 1),
                (Kind::Get, Reason::QuorumUnmet, 1),
                (Kind::Delete, Reason::Overloaded, 1),
            ]
        );
    }

    #[test]
    fn connections_come_and_go() {
        let gauge = super::Gauge::default();
        let first = gauge.enter();
        let second = gauge.enter();
        assert_eq!(gauge.get(), 2);
        drop((first, second));
        assert_eq!(gauge.get(), 0);
    }
}
