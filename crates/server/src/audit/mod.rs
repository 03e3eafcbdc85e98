//! The audit log: who did what to the cluster through this node, from where, when, and what came of it.
//!
//! Invariant: a deed is in the log, on disk, before it is begun, and what came of it before it is answered; one that began and has no end
//! is seen. If the log cannot be written, because the disk is full say, the deed is done all the same, for it may be what frees
//! the disk: the line goes to the log of the process, is counted, and is written when there is room.
//! Refuses to know which requests there are at an interface and who may do what.

mod deed;
mod files;
mod hush;
mod page;
mod writer;

#[cfg(test)]
mod tests;

pub use deed::Deed;
pub use page::AuditPage;

use crate::counters::Counters;
use hush::{Hush, Source};
use proto::TokenId;
use ring::NodeId;
use serde_json::{Map, Value, json};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use stdx::Wall;
use tokio::sync::oneshot;
use tracing::{error, info};
use writer::{Job, Writer};

/// Lines that may wait to be written.
const WAITING_MAX: usize = 1_024;
/// How long a deed waits for its line on a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who does something.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Doer {
    /// Somebody who has shown nothing, where nothing is needed or nothing helped.
    #[default]
    Anyone,
    /// Somebody with a token.
    Token {
        /// Its number.
        id: TokenId,
        /// Its name.
        name: String,
    },
    /// Whoever has said the password of the Redis port.
    Password,
    /// Another node of the cluster.
    Node,
    /// A node that wants to come in.
    Newcomer,
    /// This process, or whoever starts it and changes its files.
    Local,
}

impl Doer {
    fn word(&self) -> &'static str {
        match self {
            Doer::Anyone => "anyone",
            Doer::Token { .. } => "token",
            Doer::Password => "password",
            Doer::Node => "node",
            Doer::Newcomer => "newcomer",
            Doer::Local => "local",
        }
    }
}

/// Who does something, and how he came in.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct By {
    /// Who.
    pub doer: Doer,
    /// By which way in: `http`, `console`, `redis`, `peer` or `process`.
    pub via: &'static str,
    /// The other end of the connection.
    pub from: Option<SocketAddr>,
}

impl By {
    /// The process itself.
    pub const LOCAL: By = By { doer: Doer::Local, via: "process", from: None };

    fn to_json(&self) -> Value {
        let mut json = json!({ "who": self.doer.word() });
        if let Doer::Token { id, name } = &self.doer {
            json["id"] = id.to_string().into();
            json["name"] = name.as_str().into();
        }
        json["via"] = self.via.into();
        json["from"] = self.from.map(|from| from.to_string()).into();
        json
    }

    fn source(&self, what: &'static str, state: &'static str) -> Source {
        let who = match &self.doer {
            Doer::Token { id, .. } => id.to_string(),
            other => other.word().to_owned(),
        };
        let who = format!("{who} {}", self.via);
        Source { what, state, who, from: self.from.map(|from| from.ip()) }
    }
}

/// What came of a deed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not done; the sentence says why.
    Failed(String),
    /// It may have been done.
    Unknown(String),
}

impl Outcome {
    fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Outcome::Done => ("done", None),
            Outcome::Failed(why) => ("failed", Some(why)),
            Outcome::Unknown(why) => ("unknown", Some(why)),
        }
    }
}

/// The audit log of a node.
#[derive(Debug)]
pub struct Audit {
    directory: PathBuf,
    jobs: SyncSender<Job>,
    hush: Arc<Mutex<Hush>>,
    counters: Arc<Counters>,
}

impl Audit {
    /// The log of a node in the folder `audit` of its data directory. What is wrong with the folder is told when lines are written.
    pub fn open(data_dir: &Path, node: NodeId, counters: Arc<Counters>) -> io::Result<Audit> {
        let directory = data_dir.join("audit");
        Audit::over(files::Files::new(directory.clone()), directory, node, counters)
    }

    /// A log that keeps nothing, for tests.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Arc<Audit> {
        let audit = Audit::over(tests::Nowhere, PathBuf::new(), NodeId(1), Arc::default());
        Arc::new(audit.expect("a thread"))
    }

    fn over(
        store: impl files::Store + 'static,
        directory: PathBuf,
        node: NodeId,
        counters: Arc<Counters>,
    ) -> io::Result<Audit> {
        let (jobs, queue) = sync_channel(WAITING_MAX);
        let hush = Arc::<Mutex<Hush>>::default();
        let writer = Writer::new(store, node.to_string(), Arc::clone(&hush), Arc::clone(&counters));
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&queue, now))?;
        Ok(Audit { directory, jobs, hush, counters })
    }

    /// Tells that something begins. When this returns it may be begun.
    pub async fn begin(self: &Arc<Audit>, by: By, deed: Deed) -> Begun {
        let what = deed.what;
        let number = self.put(line(&by, deed, "begun", None)).await;
        Begun { audit: Arc::clone(self), by, what, number, is_told: false }
    }

    /// Tells of something that was done, or tried, at once.
    pub async fn told(&self, by: &By, deed: Deed, outcome: &Outcome) {
        let (state, why) = outcome.words();
        self.put(line(by, deed, state, why)).await;
    }

    /// Tells of one of many requests that are one deed: the first is on disk when this returns, more of the same are counted.
    pub async fn part(&self, by: &By, deed: Deed) {
        let source = by.source(deed.what, "part");
        let line = line(by, deed, "part", None);
        if self.admits(source, &line) {
            self.put(line).await;
        }
    }

    /// Tells that something was refused. Nobody waits for that, and more of the same is counted.
    pub fn refused(&self, by: &By, deed: Deed, why: &str) {
        let source = by.source(deed.what, "refused");
        let line = line(by, deed, "refused", Some(why));
        if self.admits(source, &line) {
            self.put_without_waiting(line);
        }
    }

    /// Lines behind number `after`, from the first one on that is not older than `since`. Reads files.
    pub fn read(&self, after: u64, since: Wall) -> io::Result<AuditPage> {
        page::read(&self.directory, after, since.0)
    }

    fn admits(&self, source: Source, line: &Map<String, Value>) -> bool {
        self.hush.lock().unwrap_or_else(PoisonError::into_inner).admits(source, Instant::now(), line)
    }

    async fn put(&self, line: Map<String, Value>) -> Option<u64> {
        let (reply, number) = oneshot::channel();
        if !self.give(line, Some(reply)) {
            return None;
        }
        let number = tokio::time::timeout(PATIENCE, number).await;
        if number.is_err() {
            self.counters.audit_unwritten.add(1);
            error!("the audit log is not written: the disk does not answer; what it was to tell is done all the same");
        }
        number.ok()?.ok()?
    }

    fn put_without_waiting(&self, line: Map<String, Value>) {
        self.give(line, None);
    }

    fn give(&self, line: Map<String, Value>, reply: Option<oneshot::Sender<Option<u64>>>) -> bool {
        info!(target: "audit", "{}", Told(&line));
        let given = self.jobs.try_send(Job { at: now(), line, reply }).is_ok();
        if !given {
            self.counters.audit_unwritten.add(1);
            error!("a line of the audit log is lost, because too many wait to be written");
        }
        given
    }
}

/// Something that began, and whose end is still to be told.
#[derive(Debug)]
pub struct Begun {
    audit: Arc<Audit>,
    by: By,
    what: &'static str,
    number: Option<u64>,
    is_told: bool,
}

impl Begun {
    /// Tells what came of it. When this returns it may be answered.
    pub async fn end(mut self, outcome: Outcome) {
        self.is_told = true;
        let line = self.line(&outcome);
        self.audit.put(line).await;
    }

    fn line(&self, outcome: &Outcome) -> Map<String, Value> {
        let (state, why) = outcome.words();
        let mut line = line(&self.by, Deed::new(self.what, Value::Null), state, why);
        line.insert("of".to_owned(), self.number.into());
        line
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_told {
            let why = "Whoever asked for it went away before it was answered.";
            self.audit.put_without_waiting(self.line(&Outcome::Unknown(why.to_owned())));
        }
    }
}

fn line(by: &By, deed: Deed, state: &'static str, why: Option<&str>) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("what".to_owned(), deed.what.into());
    line.insert("state".to_owned(), state.into());
    line.insert("by".to_owned(), by.to_json());
    if !deed.about.is_null() {
        line.insert("about".to_owned(), deed.about);
    }
    if let Some(why) = why {
        line.insert("why".to_owned(), why.into());
    }
    line
}

/// A line in the log of the process.
struct Told<'a>(&'a Map<String, Value>);

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str).unwrap_or_default();
        write!(f, "{} {}", text("what"), text("state"))?;
        let rest = ["by", "about", "why", "of"].into_iter().filter_map(|name| Some((name, self.0.get(name)?)));
        rest.into_iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(since.as_millis() as u64)
}
