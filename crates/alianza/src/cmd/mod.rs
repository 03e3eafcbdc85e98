//! The commands that ask a running node, one file each: build a request, ask, show the answer. `bench` asks many times.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod bucket;
pub(crate) mod cert;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod delete;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod incr;
pub(crate) mod leave;
pub(crate) mod put;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod ring;
pub(crate) mod ring_report;
pub(crate) mod scan;
pub(crate) mod token;

mod patience;
mod progress;
mod request;
mod value;
