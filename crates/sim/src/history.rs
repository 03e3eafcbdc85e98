//! Every request of the run and what became of it, as its asker saw it.
//!
//! Invariant: a request ends once: with the one response it got, or because its node died first, or because nobody took
//! it. Numbers are places in the list and the client ids that nodes see.

use crate::atlas::Atlas;
use crate::counting;
use crate::fault::HostId;
use crate::time::Time;
use causal::{Context, Dot};
use node::proto::{Durability, Level, Put, Request, Response};
use std::rc::Rc;
use stdx::Span;

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// A client, by its number.
    Client(usize),
    /// An operator's task, by its number.
    Operator(usize),
    /// Whoever takes backups.
    Dumper,
    /// Whoever restores one.
    Keeper,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Nothing yet.
    Pending,
    /// The node answered.
    Answered(Box<Response>),
    /// The node died before it answered: it may have been done.
    Lost,
    /// The node was not running: it was not done.
    NotTaken,
}

/// What a client knew of an item when it wrote: the context it gives, and the versions it was really shown with it.
#[derive(Clone, Default, Debug)]
pub(crate) struct Seen {
    pub(crate) context: Context,
    pub(crate) dots: Rc<[Dot]>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) asker: Asker,
    pub(crate) host: HostId,
    /// The life of the host that took it.
    pub(crate) life: u32,
    pub(crate) request: Request,
    pub(crate) seen: Seen,
    pub(crate) within: Option<Span>,
    pub(crate) started: Time,
    pub(crate) ended: Time,
    pub(crate) outcome: Outcome,
    /// The node has answered; the answer may still be on its way.
    pub(crate) replied: bool,
    /// How long the host had stood still when it took the request.
    pub(crate) paused_before: Span,
    /// Every node knew that a backup was being restored when it was asked.
    pub(crate) after_restore: bool,
    /// The others had gone on without its host when it was asked.
    pub(crate) is_left_behind: bool,
}

impl Operation {
    /// The put, if it is one; those of counters are judged with what is added to them.
    pub(crate) fn put(&self) -> Option<&Put> {
        match &self.request {
            Request::Put(put) if counting::kind(&put.key).is_none() => Some(put),
            _ => None,
        }
    }

    /// Bucket and level of a write of any kind, if it is one of an eventual bucket.
    pub(crate) fn written_at(&self) -> Option<(&str, Option<Level>)> {
        match &self.request {
            Request::Put(put) => Some((&put.bucket, put.level)),
            Request::Amend(amending) => Some((&amending.bucket, amending.level)),
            _ => None,
        }
    }

    /// True if it is a write and was acknowledged.
    pub(crate) fn is_written(&self) -> bool {
        matches!(&self.outcome, Outcome::Answered(response) if matches!(response.as_ref(), Response::Written(_)))
    }

    /// Dots that the answer to a write knows and the request did not; its own among them, unless it is left out.
    pub(crate) fn news(&self) -> Vec<Dot> {
        let Outcome::Answered(response) = &self.outcome else { return Vec::new() };
        let Response::Written(written) = response.as_ref() else { return Vec::new() };
        let news = |(actor, counter): &(causal::Actor, u64)| *counter > self.seen.context.get(actor);
        written.context.iter().filter(news).map(|(actor, counter)| Dot { actor, counter }).collect()
    }

    /// True if the answer to a write knows the dot.
    pub(crate) fn answer_covers(&self, dot: &Dot) -> bool {
        let Outcome::Answered(response) = &self.outcome else { return false };
        matches!(response.as_ref(), Response::Written(written) if written.context.covers(dot))
    }

    /// True if a node served it alone that was put out, or that others went on without: it does so until it hears of it
    /// (docs/guarantees.md).
    pub(crate) fn is_apart(&self, atlas: &Atlas) -> bool {
        (atlas.is_out(self.host) || self.is_left_behind) && self.needs_nobody_else()
    }

    /// True if its level lets one replica alone answer it.
    pub(crate) fn needs_nobody_else(&self) -> bool {
        let level = match &self.request {
            Request::Put(put) => put.level,
            Request::Get(get) => get.level,
            Request::Scan(scan) => scan.level,
            _ => return false,
        };
        Reach::of_read(level) == Reach::One
    }

    /// An acknowledged write that no loss of power may take back.
    pub(crate) fn is_durable_write(&self) -> bool {
        self.put().is_some_and(|put| put.durability == Durability::Fsync) && self.is_written()
    }
}

/// How many replicas a read hears, as far as it matters for what it must see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reach {
    /// One of them.
    One,
    /// More than half.
    Quorum,
    /// Every one.
    All,
}

impl Reach {
    /// Of a read at this level; both buckets have quorum as their default.
    pub(crate) fn of_read(level: Option<Level>) -> Reach {
        match level {
            Some(Level::Any | Level::One | Level::Count(_)) => Reach::One,
            None | Some(Level::Quorum) => Reach::Quorum,
            Some(Level::All) => Reach::All,
        }
    }

    /// The reads that must see a write acknowledged at this level: where the replicas of both always have one in common.
    pub(crate) fn of_write(level: Option<Level>) -> &'static [Reach] {
        match level {
            Some(Level::All) => &[Reach::One, Reach::Quorum, Reach::All],
            None | Some(Level::Quorum) => &[Reach::Quorum, Reach::All],
            Some(Level::One | Level::Count(_)) => &[Reach::All],
            // It may be nothing but a hint.
            Some(Level::Any) => &[],
        }
    }

    /// The reads that must see what a read of this reach has shown: it has written that back to as many replicas.
    pub(crate) fn after_read(self) -> &'static [Reach] {
        match self {
            Reach::One => &[],
            Reach::Quorum => Reach::of_write(Some(Level::Quorum)),
            Reach::All => Reach::of_write(Some(Level::All)),
        }
    }
}
