//! The history of a run: every request, in memory for the checkers and as lines of JSON for people.

use super::items::Item;
use serde_json::{Value, json};
use sim::Time;
use sim::outside::{Action, Entry, Outcome};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// The item.
    pub item: Item,
    /// What was asked, and what came of it.
    pub entry: Entry,
    /// How often it had to be asked again.
    pub retries: u32,
    /// What the last node said, if it was not done.
    pub why: String,
}

/// Takes requests in from all clients.
#[derive(Debug)]
pub struct Recorder {
    begun: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: BufWriter<File>,
    all: Vec<Recorded>,
    wrong: Vec<String>,
    failed: Option<String>,
}

impl Recorder {
    /// Writes to a new file.
    pub fn new(path: &Path) -> Result<Recorder, String> {
        let file = File::create(path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        let inner = Inner { file: BufWriter::new(file), all: Vec::new(), wrong: Vec::new(), failed: None };
        Ok(Recorder { begun: Instant::now(), inner: Mutex::new(inner) })
    }

    /// The time of the run.
    pub fn now(&self) -> Time {
        Time(self.begun.elapsed().as_micros() as u64)
    }

    /// Takes one request in.
    pub fn record(&self, recorded: Recorded) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(inner.file, "{}", line(&recorded)) {
            inner.failed = Some(format!("the history cannot be written: {error}"));
        }
        inner.all.push(recorded);
    }

    /// A value that nobody can have written under this key.
    pub fn wrong_value(&self, what: String) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).wrong.push(what);
    }

    /// How many requests have been acknowledged so far.
    pub fn done(&self) -> usize {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.all.iter().filter(|recorded| is_ok(&recorded.entry)).count()
    }

    /// Everything until now, and values that were wrong.
    pub fn all(&self) -> Result<(Vec<Recorded>, Vec<String>), String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let flushed = inner.file.flush();
        flushed.map_err(|error| format!("the history cannot be written: {error}"))?;
        inner.failed.clone().map_or_else(|| Ok((inner.all.clone(), inner.wrong.clone())), Err)
    }
}

/// True if the client got what it asked for.
pub fn is_ok(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Done | Outcome::Found(_))
}

/// A request as a line of the history.
fn line(recorded: &Recorded) -> Value {
    let entry = &recorded.entry;
    let (action, value) = match &entry.action {
        Action::Read => ("read", None),
        Action::Write { value, .. } => ("write", Some(value)),
        Action::Delete { .. } => ("delete", None),
    };
    let (outcome, found) = match &entry.outcome {
        Outcome::Found(found) => ("ok", Some(found)),
        Outcome::Done => ("ok", None),
        Outcome::NotDone => ("fail", None),
        Outcome::Unknown => ("unknown", None),
    };
    json!({
        "client": entry.client, "node": entry.node, "bucket": recorded.item.bucket(), "key": recorded.item.key,
        "begun": entry.begun.0, "ended": entry.ended.0, "action": action, "value": value, "shown": entry.shown(),
        "outcome": outcome, "found": found, "retries": recorded.retries, "why": recorded.why,
    })
}
