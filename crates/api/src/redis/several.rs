//! Several reads or writes of one command at the same time.
//!
//! Invariant: no more are under way than [`AT_ONCE`], and of those that read values, no more than fit into [`BYTES`] by the
//! largest value of late, few as long as nothing is known: what comes from other nodes beyond what waits for one connection
//! between nodes is dropped there, and the read fails. Results come in the order of the jobs.

use super::fault::{Fault, Outcome};
use bytes::Bytes;
use resp::Reply;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// Most under way at the same time.
const AT_ONCE: usize = 64;
/// Reads under way as long as it is not known how large values are.
const AT_FIRST: usize = 4;
/// Bytes of values that may come at once, if values stay as large as the largest of late.
const BYTES: usize = 4 << 20;
/// After so many reads, what is taken for large is forgotten by half.
const FORGET_AFTER: usize = 64;
/// Bytes that one reply may have.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// How large the values of a bucket are, as far as this node has read them of late.
#[derive(Default, Debug)]
pub(crate) struct Sizes {
    /// The largest; 0 if nothing is known.
    largest: AtomicUsize,
}

impl Sizes {
    /// A value of so many bytes was read.
    pub(crate) fn note(&self, bytes: usize) {
        let bytes = bytes.max(1);
        if self.largest.load(Ordering::Relaxed) < bytes {
            self.largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// How many values may be read at the same time.
    fn at_once(&self) -> usize {
        match self.largest.load(Ordering::Relaxed) {
            0 => AT_FIRST,
            largest => (BYTES / largest).clamp(1, AT_ONCE),
        }
    }

    /// So many values are about to be read, whose sizes count more than those of earlier ones.
    fn forget(&self, reads: usize) {
        let largest = self.largest.load(Ordering::Relaxed);
        let less = largest.saturating_mul(reads.min(FORGET_AFTER)) / (2 * FORGET_AFTER);
        // What another command notes at the same time may be lost; it is noted again with its next read.
        self.largest.store(largest - less, Ordering::Relaxed);
    }
}

/// Reads several values, some at a time. Refuses when they are too much for one reply. `read` notes how large they are.
pub(crate) async fn read_all<A, T: Send, R: Future<Output = Result<Option<T>, Fault>> + Send>(
    sizes: &Sizes,
    of: &[A],
    read: impl Fn(&A) -> R,
    bytes: impl Fn(T) -> Bytes,
) -> Outcome {
    let (mut replies, mut size, mut may_fail) = (Vec::with_capacity(of.len()), 0, true);
    while replies.len() < of.len() {
        let some: Vec<R> = of[replies.len()..].iter().take(sizes.at_once()).map(&read).collect();
        let begun = some.len();
        sizes.forget(begun);
        for outcome in all_of(some).await {
            let reply = match outcome {
                Ok(value) => value.map_or(Reply::Null, |value| Reply::Bulk(bytes(value))),
                // They were taken for smaller than they are: those from here on are read again, fewer at a time.
                Err(fault) if may_fail && fault.is_no_replicas() && begun > sizes.at_once() => {
                    may_fail = false;
                    break;
                }
                Err(fault) => return Err(fault),
            };
            size += reply.size();
            replies.push(reply);
            if size > REPLY_BYTES_MAX {
                return Err(Fault::new("ERR The values are too large for one reply; ask for fewer at a time."));
            }
        }
    }
    Ok(Reply::Array(replies))
}

/// Does several things at the same time, some at a time, and gives what came of them in order; or the first fault, when
/// all that had begun have ended.
pub(crate) async fn together<T: Send>(
    jobs: impl IntoIterator<Item = impl Future<Output = Result<T, Fault>> + Send>,
) -> Result<Vec<T>, Fault> {
    some_at_a_time(jobs, || AT_ONCE).await
}

/// The same for things that read values, which note how large they are.
pub(crate) async fn reading<T: Send>(
    sizes: &Sizes,
    jobs: impl IntoIterator<Item = impl Future<Output = Result<T, Fault>> + Send>,
) -> Result<Vec<T>, Fault> {
    let room = || {
        let room = sizes.at_once();
        sizes.forget(room);
        room
    };
    some_at_a_time(jobs, room).await
}

async fn some_at_a_time<T: Send>(
    jobs: impl IntoIterator<Item = impl Future<Output = Result<T, Fault>> + Send>,
    room: impl Fn() -> usize,
) -> Result<Vec<T>, Fault> {
    let mut jobs = jobs.into_iter();
    let mut done = Vec::new();
    loop {
        let some: Vec<_> = jobs.by_ref().take(room()).collect();
        if some.is_empty() {
            return Ok(done);
        }
        for outcome in all_of(some).await {
            done.push(outcome?);
        }
    }
}

/// Does all of these at the same time.
async fn all_of<T>(jobs: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = jobs.into_iter().map(|job| (Box::pin(job), None)).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (job, outcome) in running.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            match job.as_mut().poll(context) {
                Poll::Ready(result) => *outcome = Some(result),
                Poll::Pending => waiting = true,
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::{AT_FIRST, AT_ONCE, BYTES, Sizes, read_all, reading, together};
    use crate::redis::fault::Fault;
    use bytes::Bytes;
    use resp::Reply;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A node whose connection to another one takes so many bytes at once and drops the rest.
    struct Line {
        takes: usize,
        under_way: AtomicUsize,
        most: AtomicUsize,
        reads: AtomicUsize,
        sizes: Sizes,
    }

    impl Line {
        fn new(takes: usize) -> Line {
            let none = AtomicUsize::default;
            Line { takes, under_way: none(), most: none(), reads: none(), sizes: Sizes::default() }
        }

        async fn read(&self, bytes: usize) -> Result<Option<Bytes>, Fault> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let waiting = self.under_way.fetch_add(bytes, Ordering::Relaxed) + bytes;
            self.most.fetch_max(waiting, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.under_way.fetch_sub(bytes, Ordering::Relaxed);
            if waiting > self.takes {
                return Err(Fault::new("NOREPLICAS Only 1 of the 2 replicas needed answered in time"));
            }
            self.sizes.note(bytes);
            Ok(Some(Bytes::from(vec![0; bytes])))
        }

        async fn read_all(&self, sizes: &[usize]) -> Result<Reply, Fault> {
            read_all(&self.sizes, sizes, |bytes| self.read(*bytes), |value| value).await
        }

        fn most(&self) -> usize {
            self.most.swap(0, Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn no_more_large_values_come_at_once_than_a_line_takes() {
        let line = Line::new(64 << 20);
        let Ok(Reply::Array(values)) = line.read_all(&[8 << 20; 24]).await else { panic!("a read failed") };
        assert_eq!((values.len(), line.most()), (24, AT_FIRST * (8 << 20)));
        line.read_all(&[8 << 20; 4]).await.unwrap();
        assert_eq!(line.most(), 8 << 20);
        line.read_all(&[BYTES / 8; 40]).await.unwrap();
        let keys = [8 << 20; 24];
        let jobs = keys.map(|bytes| line.read(bytes));
        line.sizes.note(8 << 20);
        reading(&line.sizes, jobs).await.unwrap();
        assert!(line.most() <= 16 << 20);
    }

    #[tokio::test]
    async fn small_values_are_read_many_at_a_time() {
        let line = Line::new(64 << 20);
        line.read_all(&[0; 1]).await.unwrap();
        for sizes in [&[100; 64], &[BYTES / AT_ONCE; 64]] {
            line.read_all(sizes).await.unwrap();
            assert_eq!(line.most(), AT_ONCE * sizes[0]);
        }
        // Large ones are forgotten.
        line.read_all(&[8 << 20]).await.unwrap();
        line.read_all(&[100; 700]).await.unwrap();
        line.most();
        line.read_all(&[100; 64]).await.unwrap();
        assert_eq!(line.most(), AT_ONCE * 100);
    }

    #[tokio::test]
    async fn values_that_turn_out_larger_than_those_before_are_read_again_fewer_at_a_time() {
        let line = Line::new(64 << 20);
        line.read_all(&[100; 64]).await.unwrap();
        let Ok(Reply::Array(values)) = line.read_all(&[8 << 20; 24]).await else { panic!("a read failed") };
        assert!(values.len() == 24 && values.iter().all(|value| value.size() == 8 << 20));
        // Alone, each is too large: that is no reason to try again.
        let (narrow, before) = (Line::new(100), line.reads.load(Ordering::Relaxed));
        assert!(before <= 64 + 24 + 24, "{before}");
        assert!(narrow.read_all(&[200; 1]).await.is_err());
        assert_eq!(narrow.reads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn writes_are_made_together_and_the_first_fault_ends_them() {
        let jobs = (0..100).map(|at| async move { if at == 7 { Err(Fault::SYNTAX) } else { Ok(at) } });
        assert_eq!(together(jobs).await, Err(Fault::SYNTAX));
        let jobs = (0..100).map(|at| async move { Ok(at) });
        assert_eq!(together(jobs).await, Ok((0..100).collect()));
    }
}
