//! How many requests of clients may be outstanding at this node: queued or being answered.
//!
//! Invariant: a seat is taken before a request is queued and given back exactly once, right before its answer is sent or when
//! the request is dropped. Whether the client still waits makes no difference: what was queued for it is still work.
//! Refuses to know what is asked.

use proto::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;

/// The seats of the node.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Arc<AtomicUsize>,
    max: usize,
}

impl Seats {
    /// So many.
    pub(crate) fn new(max: usize) -> Seats {
        Seats { taken: Arc::default(), max }
    }

    /// A seat, unless all are taken.
    pub(crate) fn take(&self) -> Option<Seat> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        // It gives back what was taken too much.
        let seat = Seat(Arc::clone(&self.taken));
        (before < self.max).then_some(seat)
    }
}

/// One seat, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where the answer to a request goes, with the seat that the request has, if it needs one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) to: oneshot::Sender<Response>,
    pub(crate) seat: Option<Seat>,
}

impl Answer {
    /// Sends it. False if nobody waits any more.
    pub(crate) fn send(self, response: Response) -> bool {
        // Before: who is answered may ask again at once.
        drop(self.seat);
        self.to.send(response).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Seats};
    use proto::Response;
    use tokio::sync::oneshot;

    #[test]
    fn seats_come_back_with_answers_and_with_what_is_dropped() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(), seats.take());
        assert!(first.is_some() && second.is_some());
        assert!(seats.take().is_none() && seats.take().is_none());
        let (to, answer) = oneshot::channel();
        let request = Answer { to, seat: first };
        drop(answer);
        assert!(seats.take().is_none(), "its client has gone, but it is still to be worked on");
        assert!(!request.send(Response::History(Vec::new())));
        let third = seats.take();
        assert!(third.is_some() && seats.take().is_none());
        drop((second, third));
        assert!(seats.take().is_some());
    }
}
