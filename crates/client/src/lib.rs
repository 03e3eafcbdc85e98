//! A client of alianza.
//!
//! It knows the ring: a request about a key goes straight to a replica of it, so no node has to pass it on. It balances load over
//! the replicas ([`policy`]), tries again what may be tried again and nothing else ([`RetrySettings`]), leaves nodes alone that keep
//! failing ([`BreakerSettings`]), keeps connections, and takes care of contexts, so that read–change–write loses nobody's change.
//!
//! ```no_run
//! # async fn run() -> Result<(), client::Error> {
//! use client::{Client, Edit, Value};
//!
//! let client = Client::connect(["http://127.0.0.1:8080", "http://127.0.0.1:8081"])?;
//! let greetings = client.bucket("default");
//! greetings.put("hello", "world").await?;
//! assert_eq!(greetings.value("hello").await?.as_deref(), Some(&b"world"[..]));
//!
//! // Safe beside others who do the same, in a bucket that keeps siblings or is linearizable:
//! let carts = client.bucket("carts");
//! let longest = |mut values: Vec<Value>| values.pop().unwrap_or_default();
//! carts.update("ana", longest, |cart| {
//!     let mut lines = cart.map(|cart| cart.bytes.to_vec()).unwrap_or_default();
//!     lines.extend(b"one more pear\n");
//!     Edit::Put(lines.into())
//! }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything runs on tokio; nothing here starts a thread. `docs/client.md` tells more, and `crates/client/examples` has whole
//! programs.
//!
//! Invariant of the crate: an [`Error`] whose [`may_have_been_applied`](Error::may_have_been_applied) is false means that nothing was
//! changed. Decisions (policies, retries, breakers, budgets) are made by code that reads no clock and no ambient randomness.

mod address;
mod admin;
mod batch;
mod bucket;
mod client;
mod error;
mod health;
mod item;
mod map;
mod node;
mod nodes;
pub mod policy;
mod problem;
mod request;
mod retry;
mod scan;
mod session;
mod settings;
mod tls;
mod transport;
mod update;
mod watch;

pub use address::Address;
pub use admin::{BucketChange, BucketSettings, Member, Status};
pub use batch::{Batch, Done};
pub use bucket::Bucket;
pub use client::Client;
pub use error::{Error, Why};
pub use health::BreakerSettings;
pub use item::{Context, Item, Key, Value};
pub use map::Rule;
pub use node::{Node, Page};
pub use problem::{Problem, Reason};
pub use request::{Add, Delete, Durability, Get, Level, Put, Request, Sum, Writing, Written};
pub use retry::RetrySettings;
pub use scan::Scan;
pub use session::Session;
pub use settings::Builder;
pub use stdx::Span;
pub use tls::{is_authority, tls_config};
pub use update::Edit;
pub use watch::{Change, Told, Watch};
