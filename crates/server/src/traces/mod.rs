//! Traces: what became of a few of the clients' requests, at every node that took part, for whoever collects such things.
//!
//! Invariant: nothing waits for a trace: spans that nobody takes in time are dropped and counted. A request that is not traced costs
//! a look at whether traces are wanted, and no byte between nodes.
//! Refuses to know where spans go and in which format.

mod recent;
mod span;
mod threads;

pub use span::{Caller, Span, called_by};
pub(crate) use span::{Open, caller};
pub(crate) use threads::Threads;

use crate::counters::Counters;
use crate::measures::Kind;
use proto::{Request, TraceMark};
use std::sync::{Arc, Mutex, PoisonError};
use stdx::Prng;
use tokio::sync::mpsc;

/// Spans that may wait to be taken.
const WAITING_MAX: usize = 4_096;

/// Which requests are traced, and where their spans go.
#[derive(Debug)]
pub struct Traces {
    /// Of a million requests that come without a trace of their own.
    per_million: u64,
    spans: mpsc::Sender<Span>,
    prng: Mutex<Prng>,
    counters: Arc<Counters>,
}

impl Traces {
    /// Traces of `per_million` of a million requests, and where their spans come out.
    pub(crate) fn new(per_million: u64, seed: u64, counters: Arc<Counters>) -> (Traces, mpsc::Receiver<Span>) {
        let (spans, taken) = mpsc::channel(WAITING_MAX);
        let prng = Mutex::new(Prng::keyed(seed, "traces", &[]));
        (Traces { per_million, spans, prng, counters }, taken)
    }

    /// A request begins. It is traced if its caller traces it; if it has no caller who says, by chance.
    pub(crate) fn begin(&self, kind: Kind, request: &Request) -> Option<Open> {
        let (trace, parent) = match caller() {
            Some(caller) => (caller.is_sampled.then_some(caller.mark.trace)?, Some(caller.mark.span)),
            None => (self.chance()?, None),
        };
        let mark = TraceMark { trace, span: self.number() };
        Some(Open::begin(mark, parent, kind.name(), span::attributes(request)))
    }

    /// A part of a trace begins at this node, because of a part at another.
    pub(crate) fn child(&self, of: TraceMark, name: &'static str) -> Open {
        Open::begin(TraceMark { trace: of.trace, span: self.number() }, Some(of.span), name, Vec::new())
    }

    /// A span is over.
    pub(crate) fn end(&self, open: Open, failure: Option<&'static str>) {
        if self.spans.try_send(open.end(failure)).is_err() {
            self.lost(1);
        }
    }

    /// Counts spans that no collector took.
    pub fn lost(&self, count: usize) {
        self.counters.spans_lost.add(count as u64);
    }

    fn chance(&self) -> Option<u128> {
        let mut prng = self.prng.lock().unwrap_or_else(PoisonError::into_inner);
        prng.chance(self.per_million).then(|| prng.next_u128().max(1))
    }

    /// A number for a span; zero means none.
    fn number(&self) -> u64 {
        self.prng.lock().unwrap_or_else(PoisonError::into_inner).next_u64().max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Traces, called_by};
    use crate::measures::Kind;
    use proto::{Get, ItemKey, Request};

    fn get() -> Request {
        Request::Get(Get { bucket: "carts".to_owned(), key: ItemKey::plain("k"), level: None })
    }

    #[tokio::test]
    async fn the_caller_decides_and_else_chance() {
        let (never, mut taken) = Traces::new(0, 1, Default::default());
        assert!(never.begin(Kind::Get, &get()).is_none());
        let caller = Caller::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let open = called_by(caller, async { never.begin(Kind::Get, &get()) }).await.unwrap();
        never.end(open, Some("no-answer"));
        let span = taken.try_recv().unwrap();
        assert_eq!((span.mark.trace, span.parent), (0x0af7651916cd43dd8448eb211c80319c, Some(0xb7ad6b7169203331)));
        assert_eq!((span.name, span.failure), ("get", Some("no-answer")));
        assert!(span.attributes.contains(&("db.collection.name", "carts".to_owned())));
        let (always, _taken) = Traces::new(1_000_000, 1, Default::default());
        let silent = Caller { is_sampled: false, ..caller };
        assert!(called_by(silent, async { always.begin(Kind::Get, &get()) }).await.is_none());
        let (one, two) = (always.begin(Kind::Get, &get()).unwrap(), always.begin(Kind::Get, &get()).unwrap());
        assert_ne!(one.mark().trace, two.mark().trace);
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted() {
        let (traces, _taken) = Traces::new(1_000_000, 1, Default::default());
        for _ in 0..super::WAITING_MAX + 3 {
            traces.end(traces.begin(Kind::Get, &get()).unwrap(), None);
        }
        assert_eq!(traces.counters.spans_lost.get(), 3);
    }
}
