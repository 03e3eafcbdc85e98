//! Clients: threads that ask one thing at a time, over HTTP with connections that stay, as long as the run wants.
//!
//! Three kinds of items: registers (last writer wins, deleted and made again), sets of siblings, and entries that are
//! written once. Every value of a run is unique and carries a checksum over itself and its key.
//!
//! Invariant: every request that may have reached a node is recorded, with one outcome. A client whose request has an
//! unknown outcome goes on as a new one.

mod ask;
mod client;
mod items;
pub mod record;
mod roster;
pub mod value;

pub use ask::{Answer, Asker, Verdict};
pub use items::{Item, Kind, SIBLINGS};
pub use record::{Recorded, Recorder};
pub use roster::Roster;

use client::Client;
use items::Items;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the clients do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many clients.
    pub clients: usize,
    /// Requests of each in a second, at most.
    pub per_second: u32,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Registers in use at a time.
    pub registers: usize,
    /// Sets in use at a time.
    pub sets: usize,
    /// Requests of an item before it is laid aside for a new one.
    pub requests_per_item: u32,
    /// Items that are read back every now and then and are never written, as `(prefix, count)`.
    pub preloaded: Option<(String, u64)>,
    /// Only entries and preloaded items.
    pub plain: bool,
    /// Seeds every choice.
    pub seed: u64,
}

impl Plan {
    /// A little of everything.
    pub fn mixed(clients: usize, per_second: u32, seed: u64) -> Plan {
        Plan {
            clients,
            per_second,
            value_bytes: 64,
            registers: 8,
            sets: 4,
            requests_per_item: 80,
            preloaded: None,
            plain: false,
            seed,
        }
    }
}

/// Clients that run.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Lets clients loose on the nodes of `roster`.
    pub fn start(plan: &Plan, roster: &Roster, recorder: &Arc<Recorder>) -> Result<Load, String> {
        let items = Arc::new(Items::new(plan));
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for number in 0..plan.clients {
            let client = Client::new(number, plan, roster, Arc::clone(&items), Arc::clone(recorder));
            let (stop, pace) = (Arc::clone(&stop), Duration::from_secs(1) / plan.per_second);
            let run = move || run(client, &stop, pace);
            let thread = std::thread::Builder::new().name(format!("client-{number}")).spawn(run);
            threads.push(thread.map_err(|error| format!("cannot start a client: {error}"))?);
        }
        Ok(Load { stop, threads })
    }

    /// Lets every client end what it is at. The error is that of a client that broke.
    pub fn stop(self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        let ends: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        ends.into_iter().try_for_each(|end| end.map_err(|_| "a client panicked; see above".to_owned()))
    }
}

fn run(mut client: Client, stop: &AtomicBool, pace: Duration) {
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        client.turn();
        next = (next + pace).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
