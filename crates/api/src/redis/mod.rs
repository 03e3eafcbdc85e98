//! The Redis protocol on its own port: any Redis client asks any node for any key.
//!
//! [`bind`] takes the port, [`serve`] answers on it. `table` is the one list of commands: dispatch, `COMMAND`, arity errors
//! and `docs/redis.md` all come from it.
//!
//! Invariant: replies come in the order of their requests, each exactly once; requests of one connection that name the same
//! key take effect in the order in which they were sent. What cannot be had without one order for all is refused in words,
//! never faked.
//! Refuses to decide anything about data: a command is one or a few requests of `proto`.

mod arguments;
mod call;
mod clients;
mod collection;
mod commands;
mod connection;
mod element;
mod fault;
mod footprint;
mod held;
mod listen;
mod page;
mod pattern;
mod places;
mod room;
mod scanning;
mod session;
mod settings;
mod several;
mod table;
pub(crate) mod time;
mod transaction;
mod window;

#[cfg(test)]
pub(crate) mod tests;

pub use listen::{bind, serve};
pub use page::page;
pub use settings::RedisOptions;

use crate::Service;
use crate::access::Gate;
use crate::database::Database;
use clients::Clients;
use fault::Fault;
use places::Places;
use proto::{Admin, Request, Response};
use room::Room;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Instant;

/// What all connections share.
pub(crate) struct Redis {
    /// The node without a guard; connections have it with one.
    pub(crate) database: Arc<dyn Database>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) options: RedisOptions,
    pub(crate) places: Places,
    pub(crate) clients: Clients,
    /// Commands answered so far.
    pub(crate) commands: AtomicU64,
    pub(crate) started: Instant,
    /// Bytes of large requests that connections hold.
    pub(crate) held: Arc<AtomicUsize>,
    /// Room for reading, which connections with nothing to say lend each other.
    pub(crate) room: Room,
    /// Bytes of replies that clients have not taken, of those that have many.
    pub(crate) unsent: Arc<AtomicUsize>,
    /// Partitions of the cluster, which are as many as ever; known after the first question.
    partitions: OnceLock<u32>,
}

impl Redis {
    /// For the node of `service`.
    pub(crate) fn new(service: &Service, options: RedisOptions) -> Redis {
        let (database, gate) = service.behind();
        Redis {
            gate,
            database,
            places: Places::new(&options.databases),
            options,
            clients: Clients::default(),
            commands: AtomicU64::new(0),
            started: Instant::now(),
            held: Arc::default(),
            room: Room::default(),
            unsent: Arc::default(),
            partitions: OnceLock::new(),
        }
    }

    /// How many partitions there are.
    pub(crate) async fn partitions(&self) -> Result<u32, Fault> {
        if let Some(partitions) = self.partitions.get() {
            return Ok(*partitions);
        }
        match self.database.call(Request::Admin(Admin::Status), None).await {
            Response::Status(status) => Ok(*self.partitions.get_or_init(|| status.partitions)),
            other => Err(Fault::unexpected(other)),
        }
    }
}
