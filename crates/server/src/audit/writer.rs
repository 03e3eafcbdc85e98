//! The thread that writes the audit log: numbers lines, chains them, makes them durable.
//!
//! Invariant: who waits for a line hears its number when it is on disk, or that it could not be written; lines that wait together share
//! an fsync. What could not be written is kept, up to a bound, and written when there is room again.

use super::files::{End, Store, hash};
use super::hush::Hush;
use crate::counters::Counters;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stdx::Wall;
use tokio::sync::oneshot;
use tracing::error;

/// Lines written together.
const BATCH_MAX: usize = 256;
/// Lines kept while they cannot be written.
const LATE_MAX: usize = 1_000;
/// Between two looks at what is to be told although nothing new came.
const TICK: Duration = Duration::from_secs(5);

/// One line to write.
pub(super) struct Job {
    pub(super) at: Wall,
    pub(super) line: Map<String, Value>,
    /// Who waits for its number.
    pub(super) reply: Option<oneshot::Sender<Option<u64>>>,
}

/// The state of the thread.
pub(super) struct Writer<S> {
    pub(super) store: S,
    pub(super) node: String,
    pub(super) hush: Arc<Mutex<Hush>>,
    pub(super) counters: Arc<Counters>,
    end: Option<End>,
    late: VecDeque<(Wall, Map<String, Value>)>,
    lost: u64,
}

impl<S: Store> Writer<S> {
    pub(super) fn new(store: S, node: String, hush: Arc<Mutex<Hush>>, counters: Arc<Counters>) -> Writer<S> {
        Writer { store, node, hush, counters, end: None, late: VecDeque::new(), lost: 0 }
    }

    /// Writes what comes until nobody can send anything any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>, now: impl Fn() -> Wall) {
        loop {
            let first = match jobs.recv_timeout(TICK) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut batch: Vec<Job> = first.into_iter().chain(jobs.try_iter().take(BATCH_MAX)).collect();
            batch.extend(self.due(Some(Instant::now()), now()));
            self.write(batch);
        }
        let last = self.due(None, now());
        self.write(last);
    }

    /// What tells of that which was only counted.
    fn due(&self, now: Option<Instant>, at: Wall) -> Vec<Job> {
        let due = self.hush.lock().unwrap_or_else(PoisonError::into_inner).due(now);
        due.into_iter().map(|line| Job { at, line, reply: None }).collect()
    }

    fn write(&mut self, batch: Vec<Job>) {
        if batch.is_empty() && self.late.is_empty() {
            return;
        }
        match self.try_write(&batch) {
            Ok(first) => {
                (self.lost, self.late) = (0, VecDeque::new());
                for (number, job) in (first..).zip(batch) {
                    // Whoever asked may have gone.
                    job.reply.map(|reply| reply.send(Some(number)));
                }
            }
            Err(error) => self.keep(batch, &error),
        }
    }

    /// Writes what is late and the batch, and says the number of the batch's first line.
    fn try_write(&mut self, batch: &[Job]) -> io::Result<u64> {
        let begin = match self.end {
            Some(end) => end,
            None => self.store.end()?,
        };
        let (mut end, mut text) = (begin, Vec::new());
        if self.lost > 0 {
            let line = json!({ "what": "audit.lost", "state": "done", "about": { "lines": self.lost } });
            self.chain(&mut end, &mut text, self.late.front().map_or(Wall(0), |late| late.0), line.as_object(), false);
        }
        for (at, line) in &self.late {
            self.chain(&mut end, &mut text, *at, Some(line), true);
        }
        let first = end.next;
        for job in batch {
            self.chain(&mut end, &mut text, job.at, Some(&job.line), false);
        }
        self.store.append(begin.next, &text)?;
        self.end = Some(end);
        Ok(first)
    }

    fn chain(&self, end: &mut End, text: &mut Vec<u8>, at: Wall, line: Option<&Map<String, Value>>, late: bool) {
        let prev = end.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let time = stdx::utc::exact(at.0).replacen(' ', "T", 1) + "Z";
        let mut whole = Map::new();
        whole.insert("seq".to_owned(), end.next.into());
        whole.insert("at".to_owned(), at.0.into());
        whole.insert("time".to_owned(), time.into());
        whole.insert("node".to_owned(), self.node.as_str().into());
        whole.extend(line.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        if late {
            whole.insert("late".to_owned(), true.into());
        }
        whole.insert("prev".to_owned(), prev.into());
        let begin = text.len();
        text.extend(Value::Object(whole).to_string().as_bytes());
        *end = End { next: end.next + 1, hash: hash(&text[begin..]) };
        text.push(b'\n');
    }

    fn keep(&mut self, batch: Vec<Job>, error: &io::Error) {
        // Where the chain ends is looked up again: what is on the disk counts.
        self.end = None;
        if !batch.is_empty() {
            error!("the audit log could not be written ({error}); {} lines wait for it", self.late.len() + batch.len());
        }
        for Job { at, line, reply } in batch {
            self.counters.audit_unwritten.add(1);
            reply.map(|reply| reply.send(None));
            if self.late.len() == LATE_MAX {
                self.late.pop_front();
                self.lost += 1;
            }
            self.late.push_back((at, line));
        }
    }
}
