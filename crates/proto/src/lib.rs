//! Every distributed decision of the database, as one synchronous, deterministic machine.
//!
//! [`Machine::handle`] takes the time and one [`Input`] and appends [`Effect`]s to be carried out in order. The machine
//! knows no clock, socket, thread, disk, file format or ambient randomness; whoever runs it (the server, the
//! simulator) calls `handle` with `Input::Tick` no later than [`Machine::next_deadline`], delivers messages, and hands
//! the outcomes of storage operations back.
//!
//! Invariant: an acknowledgement leaves only on the storage outcome that it reports.

pub mod access;
pub mod amended;
pub mod amendment;
mod anti_entropy;
pub mod bucket;
mod budget;
mod collect;
pub mod config;
mod coordinator;
mod core;
pub mod counted;
pub mod decimal;
pub mod element;
pub mod event;
pub mod explain;
mod fences;
mod fingerprint;
pub mod hash;
mod healing;
mod hints;
pub mod history;
pub mod ids;
pub mod input;
pub mod item;
mod machine;
mod membership;
pub mod message;
mod message_kind;
pub mod paxos;
pub mod pulse;
pub mod quorum;
mod read_repair;
pub mod record;
mod replica;
pub mod request;
mod requests;
pub mod restoring;
pub mod sizes;
mod store;
mod streams;
pub mod tree;
mod waits;
pub mod watch;

pub use access::{Act, ApiToken, Rate, Right, TOKENS_MAX, TokenId};
pub use amendment::{Amend, Amendment, Unchanged, When};
pub use bucket::{Bucket, Durability, Level, Mode};
pub use causal::Context;
pub use config::Config;
pub use decimal::Decimal;
pub use event::{Change, Event, Genesis, Restored};
pub use fences::Fences;
pub use history::{BrokenHistory, History, View};
pub use ids::{BucketId, ClientId, Digest, DigestError, Epoch, HintId, OpId, SessionId};
pub use input::{Effect, Input, Note};
pub use item::{ItemKey, Range, Slot};
pub use machine::{Boot, Machine};
pub use message::{
    Ack, Differences, Lane, Likeness, Message, Offered, Outline, Progress, ReadAnswer, RegisterAnswer, ScanAnswer,
    Spent, Spot, TraceMark,
};
pub use paxos::register::{ChangeId, Tried};
pub use pulse::Pulse;
pub use record::{Record, Rule, Update, Value, Version};
pub use request::{
    Admin, Amending, Cas, Current, Edit, Ends, Expect, Found, Get, HintsWaiting, Join, MemberStatus, Outcome, Page,
    Plan, Put, Records, Refusal, RepairStatus, Request, Response, Restore, Risk, Scan, Scope, Sibling, Status,
    TreeStatus, Written,
};
pub use sizes::Sizes;
pub use store::{Bookmark, Highest, Hint, Meta, StoreFailure, StoreOp, StoreOutcome, Ticket};
