//! Who is connected, for `CLIENT LIST` and `INFO`.
//!
//! Invariant: a client is in the list exactly while its connection is served; ids are never used again.

use super::table::Command;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// All clients of this node.
#[derive(Default)]
pub(crate) struct Clients {
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
    /// Clients there have ever been.
    ever: AtomicU64,
}

/// One client, as others see it.
pub(crate) struct Client {
    /// Its number.
    pub(crate) id: u64,
    /// The other end of its connection.
    pub(crate) from: SocketAddr,
    to: Option<SocketAddr>,
    since: Instant,
    /// Place of its last command in the table, plus one.
    last: AtomicUsize,
    facts: Mutex<Facts>,
}

/// What a client says of itself.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) library: String,
    pub(crate) library_version: String,
    pub(crate) database: u32,
    pub(crate) protocol: u8,
}

impl Clients {
    /// A new client.
    pub(crate) fn enter(&self, from: SocketAddr, to: Option<SocketAddr>) -> Arc<Client> {
        let id = self.ever.fetch_add(1, Ordering::Relaxed) + 1;
        let facts = Mutex::new(Facts { protocol: 2, ..Facts::default() });
        let client = Arc::new(Client { id, from, to, since: Instant::now(), last: AtomicUsize::new(0), facts });
        self.lock().insert(id, Arc::clone(&client));
        client
    }

    /// It has gone.
    pub(crate) fn leave(&self, id: u64) {
        self.lock().remove(&id);
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        self.lock().values().cloned().collect()
    }

    /// How many are connected, and how many there have ever been.
    pub(crate) fn count(&self) -> (usize, u64) {
        (self.lock().len(), self.ever.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Remembers its last command.
    pub(crate) fn used(&self, command: &'static Command) {
        self.last.store(command.place() + 1, Ordering::Relaxed);
    }

    /// What it says of itself.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line of `CLIENT LIST`.
    pub(crate) fn line(&self) -> String {
        let Facts { name, library, library_version, database, protocol } = self.facts().clone();
        let last = self.last.load(Ordering::Relaxed).checked_sub(1).and_then(Command::at);
        let last = last.map_or("NULL", |command| command.name);
        let to = self.to.map_or_else(String::new, |to| to.to_string());
        let mut line = format!("id={} addr={} laddr={to} fd=0 name={name}", self.id, self.from);
        let _ = write!(
            line,
            " age={} idle=0 flags=N db={database} sub=0 psub=0 ssub=0 multi=-1",
            self.since.elapsed().as_secs()
        );
        let _ = write!(line, " cmd={last} user=default redir=-1 resp={protocol}");
        let _ = write!(line, " lib-name={library} lib-ver={library_version}");
        line
    }
}
