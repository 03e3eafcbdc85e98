//! What clients see of a node over HTTP: the reference interface, a small JSON interface for operators, the console
//! page and SQL over the items of this node; and the Redis protocol ([`redis`]).
//!
//! The way in is [`Service`], which answers requests by asking a [`Database`], and [`serve`], which carries connections to
//! it. Owns status codes, error texts and their stable types ([`Kind`]).
//!
//! Invariant: everything that goes wrong is answered by one problem+json whose `detail` says what to do.
//! Refuses to decide anything about data or members: it translates requests and responses of `proto`.

pub mod database;
pub mod problem;
pub mod redis;
pub mod span;

mod access;
mod audit;
mod batch;
mod body;
mod bucket_names;
mod buckets;
mod change;
mod cluster;
mod console;
mod context;
mod cursor;
mod elsewhere;
mod event_stream;
mod events;
mod explain;
mod fields;
mod guard;
mod health;
mod history;
mod item;
mod items;
mod json;
mod leave;
mod lines;
mod listing;
mod metrics;
mod node_name;
mod operation;
mod options;
mod patient;
mod query;
mod refusal;
mod render;
mod repair;
mod ring_view;
mod router;
mod routes;
mod rpc;
mod scalar;
mod scan;
mod segment;
mod serve;
mod service;
mod sql;
mod stats;
mod tokens;
mod transfer;
mod watch;
mod welcome;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use access::{draw_token, read_token};
pub use database::Database;
pub use options::Options;
pub use problem::{Kind, Problem};
pub use redis::RedisOptions;
pub use serve::serve;
pub use service::Service;
pub use stdx::utc;
pub use transfer::rewrite_line;
