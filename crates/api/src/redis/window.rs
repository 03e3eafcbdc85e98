//! Requests of one connection that are under way, and replies that wait for earlier ones.
//!
//! Invariant: replies leave in the order of their requests. At most [`WINDOW`] requests are under way, fewer while replies
//! or requests are large, and few as long as it is not known how large replies are, so that what a connection holds is
//! bounded. A request is counted until its reply has left.

use super::call::Later;
use super::footprint::Footprint;
use super::held::Held;
use bytes::BytesMut;
use resp::{Reply, Version};
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// Most requests under way.
const WINDOW: usize = 64;
/// Requests under way at first; each reply that leaves makes room for one more, which doubles them with each round.
const WINDOW_FIRST: usize = 4;
/// Bytes of replies that may come at once, if replies stay as large as the largest of late.
const REPLY_BYTES: usize = 4 << 20;
/// Bytes of requests under way, above which nothing new is begun.
const REQUEST_BYTES: usize = 8 << 20;
/// What is taken for large is forgotten by half after this many replies.
const FORGET_AFTER: u32 = 64;

/// The requests under way, oldest first.
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    /// Size of the largest reply of late.
    largest: usize,
    since: u32,
    /// How many of them are not answered yet.
    running: usize,
    /// Bytes of the requests in it.
    requests: usize,
    /// Bytes of the replies in it.
    replies: usize,
    /// Requests that may be under way if replies are small.
    open: usize,
}

impl Default for Window {
    fn default() -> Window {
        let (largest, since, running, requests, replies) = (0, 0, 0, 0, 0);
        Window { entries: VecDeque::new(), largest, since, running, requests, replies, open: WINDOW_FIRST }
    }
}

struct Entry {
    state: State,
    footprint: Footprint,
    version: Version,
    held: Option<Held>,
}

enum State {
    Running(Later),
    /// With its size.
    Ready(Reply, usize),
}

impl Window {
    /// True if another request may be started.
    pub(crate) fn has_room(&self) -> bool {
        self.requests < REQUEST_BYTES && self.entries.len() < (REPLY_BYTES / self.largest.max(1)).clamp(1, self.open)
    }

    /// True if nothing is under way and nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of replies that wait for earlier ones.
    pub(crate) fn bytes(&self) -> usize {
        self.replies
    }

    /// True if nothing is under way that a request could have to wait for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running == 0
    }

    /// True if a request must wait for one that is under way.
    pub(crate) fn conflicts(&self, footprint: &Footprint) -> bool {
        let running = self.entries.iter().filter(|entry| matches!(entry.state, State::Running(_)));
        running.into_iter().any(|entry| entry.footprint.conflicts(footprint))
    }

    /// A request that is answered already. The reply may be made of its bytes.
    pub(crate) fn ready(&mut self, reply: Reply, version: Version, held: Option<Held>) {
        let size = reply.size();
        self.replies += size;
        self.push(Entry { state: State::Ready(reply, size), footprint: Footprint::Nothing, version, held });
    }

    /// A request that will be answered.
    pub(crate) fn wait(&mut self, later: Later, footprint: Footprint, version: Version, held: Held) {
        self.running += 1;
        self.push(Entry { state: State::Running(later), footprint, version, held: Some(held) });
    }

    fn push(&mut self, entry: Entry) {
        self.requests += entry.bytes();
        self.entries.push_back(entry);
    }

    /// Goes on with all requests and appends the replies that are due. True if one was finished or appended.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, output: &mut BytesMut) -> bool {
        let mut moved = false;
        let unanswered = if self.is_quiet() { 0 } else { self.entries.len() };
        for entry in self.entries.iter_mut().take(unanswered) {
            if let State::Running(later) = &mut entry.state
                && let Poll::Ready(reply) = later.as_mut().poll(context)
            {
                let size = reply.size();
                self.replies += size;
                self.running -= 1;
                entry.state = State::Ready(reply, size);
                moved = true;
            }
        }
        while let Some(Entry { state: State::Ready(..), .. }) = self.entries.front() {
            let Some(entry) = self.entries.pop_front() else { break };
            self.requests -= entry.bytes();
            let State::Ready(reply, size) = entry.state else { break };
            self.replies -= size;
            self.open = (self.open + 1).min(WINDOW);
            self.remember(size);
            reply.write(entry.version, output);
            moved = true;
        }
        moved
    }

    fn remember(&mut self, size: usize) {
        self.since += 1;
        if self.since >= FORGET_AFTER {
            self.since = 0;
            self.largest /= 2;
        }
        self.largest = self.largest.max(size);
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.held.as_ref().map_or(0, Held::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{REPLY_BYTES, REQUEST_BYTES, WINDOW, WINDOW_FIRST, Window};
    use crate::redis::footprint::Footprint;
    use crate::redis::held::Held;
    use bytes::{Bytes, BytesMut};
    use resp::{Reply, Version};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Waker};
    use tokio::sync::oneshot;

    fn poll(window: &mut Window) -> String {
        let mut output = BytesMut::new();
        window.poll(&mut Context::from_waker(Waker::noop()), &mut output);
        output.escape_ascii().to_string()
    }

    #[test]
    fn replies_leave_in_the_order_of_requests() {
        let mut window = Window::default();
        let (first, answer) = oneshot::channel::<i64>();
        let later = async move { Reply::Integer(answer.await.unwrap()) };
        let held = Held::of_request(&Arc::default(), 9);
        window.wait(Box::pin(later), Footprint::One { write: true, key: 1 }, Version::Two, held);
        window.ready(Reply::Null, Version::Three, None);
        assert_eq!(poll(&mut window), "");
        assert!(window.conflicts(&Footprint::All) && !window.conflicts(&Footprint::Nothing) && !window.is_quiet());
        first.send(7).unwrap();
        assert_eq!(poll(&mut window), r":7\r\n_\r\n");
        assert!(window.is_empty() && !window.conflicts(&Footprint::All) && window.is_quiet());
    }

    #[test]
    fn large_requests_leave_room_for_few_and_count_until_their_replies_have_left() {
        let (mut window, all) = (Window::default(), Arc::<AtomicUsize>::default());
        let held = |bytes| Some(Held::of_request(&all, bytes));
        window.ready(Reply::OK, Version::Two, held(REQUEST_BYTES - 1));
        assert!(window.has_room());
        window.ready(Reply::OK, Version::Two, held(1));
        assert!(!window.has_room());
        assert_eq!(all.load(Ordering::Relaxed), REQUEST_BYTES - 1, "a small one is not counted");
        assert_eq!(poll(&mut window), r"+OK\r\n+OK\r\n");
        assert!(window.has_room() && all.load(Ordering::Relaxed) == 0);
    }

    #[test]
    fn a_new_connection_begins_with_few_until_it_is_known_how_large_replies_are() {
        let mut window = Window::default();
        for expected in [WINDOW_FIRST, 2 * WINDOW_FIRST, 4 * WINDOW_FIRST] {
            let mut begun = 0;
            while window.has_room() {
                window.ready(Reply::Bulk(Bytes::from_static(b"12345")), Version::Two, None);
                begun += 1;
            }
            assert_eq!((begun, window.bytes()), (expected, 5 * expected));
            poll(&mut window);
            assert_eq!(window.bytes(), 0);
        }
    }

    #[test]
    fn large_replies_leave_room_for_few() {
        let mut window = Window::default();
        window.ready(Reply::Bulk(Bytes::from(vec![0; REPLY_BYTES])), Version::Two, None);
        assert!(window.has_room());
        poll(&mut window);
        window.ready(Reply::Null, Version::Two, None);
        assert!(!window.has_room());
        // Small ones again: it is forgotten.
        for _ in 0..64 * 30 {
            poll(&mut window);
            window.ready(Reply::Null, Version::Two, None);
        }
        for _ in 1..WINDOW {
            assert!(window.has_room());
            window.ready(Reply::Null, Version::Two, None);
        }
        assert!(!window.has_room());
    }
}
