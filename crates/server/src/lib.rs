//! The process around a node: threads, sockets, clocks, connections to peers, and the orderly end.
//!
//! [`start`] opens or makes the node and gives a [`Handle`], through which the interfaces for clients ask it, and the
//! clients' connections, which arrive on the same port as the peers'. One task owns the node (`event_loop`); a thread
//! makes writes durable (`disk_thread`); two tasks per peer keep connections to it (`peer::dialer`).
//!
//! Invariant: every queue and every wait is bounded; nothing polls; everything that can happen to the node passes
//! through one closed enum of events.
//! Refuses to decide: what a request, a message or a lost connection means is the machine's to say.

mod address;
mod audit;
mod clock;
mod config;
mod counters;
mod disk_thread;
mod entropy;
mod error;
mod event;
mod event_loop;
mod handle;
mod join;
mod measures;
mod names;
mod news;
mod node_cell;
mod notes;
mod origin;
mod patience;
mod peer;
mod phase;
mod readdress;
mod replies;
mod seats;
mod stalls;
mod start;
mod task;
mod tls;
mod tokens;
mod traces;

pub use address::{Address, AddressError, PORT_DEFAULT};
pub use audit::{Audit, AuditPage, Begun, By, Deed, Doer, Outcome};
pub use config::{Limits, ServerConfig};
pub use counters::{Counter, Counters};
pub use entropy::bytes as random_bytes;
pub use error::StartError;
pub use handle::Handle;
pub use measures::{
    BOUNDS, Connections, Entered, Gauge, Gauges, Histogram, Kind, Level, Measured, Measures, PeerQueue, Process,
    Reason, Times,
};
pub use news::{News, Teller, news};
pub use peer::listener::HttpStream;
pub use phase::Ended;
pub use start::{Running, start};
pub use tls::{NODE_MARK, Stream, Tls, TlsError, TlsFiles, dial_http as connect};
pub use tokens::{TokenMap, Tokens};
pub use traces::{Caller, Span, Traces, called_by};

pub use liveness;
pub use node::{LocalItem, LocalItems};
pub use proto;
pub use ring;
pub use stdx;
pub use storage::{DiskOptions, StorageError};
