//! What is told apart of requests: what they do, and how many replicas must answer.
//!
//! Invariant: a kind and a level have few values, whatever clients ask for; names never change meaning.

use proto::{Amendment, Edit, Refusal, Request, Response};

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Reads one item.
    Get,
    /// Writes one item.
    Put,
    /// Deletes one item.
    Delete,
    /// Changes one item of a linearizable bucket if a condition holds.
    Change,
    /// Adds to the number that one item is.
    Add,
    /// Changes when one item ends.
    Expire,
    /// Reads a run of items.
    Scan,
    /// Reads records for a backup.
    Dump,
    /// Merges a record into a slot.
    Restore,
    /// Tells everything about one key.
    Explain,
    /// Looks at or changes the cluster.
    Admin,
    /// Follows changes, on behalf of those who watch.
    Watch,
}

impl Kind {
    /// All of them, in the order in which they are declared.
    pub const ALL: [Kind; 12] = [
        Kind::Get,
        Kind::Put,
        Kind::Delete,
        Kind::Change,
        Kind::Add,
        Kind::Expire,
        Kind::Scan,
        Kind::Dump,
        Kind::Restore,
        Kind::Explain,
        Kind::Admin,
        Kind::Watch,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Get => "get",
            Kind::Put => "put",
            Kind::Delete => "delete",
            Kind::Change => "change",
            Kind::Add => "add",
            Kind::Expire => "expire",
            Kind::Scan => "scan",
            Kind::Dump => "dump",
            Kind::Restore => "restore",
            Kind::Explain => "explain",
            Kind::Admin => "admin",
            Kind::Watch => "watch",
        }
    }
}

/// How many levels there are.
pub(super) const LEVELS: usize = Level::ALL.len();

/// How many replicas must answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// As many as the bucket says; the request did not.
    OfBucket,
    /// Any node, a replica or not.
    Any,
    /// One replica.
    One,
    /// A majority of them.
    Quorum,
    /// All of them.
    All,
    /// A number of them.
    Count,
    /// The answer came from one order of all changes of the item.
    Linearizable,
}

impl Level {
    /// All of them, in the order in which they are declared.
    pub const ALL: [Level; 7] =
        [Level::OfBucket, Level::Any, Level::One, Level::Quorum, Level::All, Level::Count, Level::Linearizable];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Level::OfBucket => "bucket",
            Level::Any => "any",
            Level::One => "one",
            Level::Quorum => "quorum",
            Level::All => "all",
            Level::Count => "count",
            Level::Linearizable => "linearizable",
        }
    }

    fn asked(level: Option<proto::Level>) -> Level {
        match level {
            None => Level::OfBucket,
            Some(proto::Level::Any) => Level::Any,
            Some(proto::Level::One) => Level::One,
            Some(proto::Level::Quorum) => Level::Quorum,
            Some(proto::Level::All) => Level::All,
            Some(proto::Level::Count(_)) => Level::Count,
        }
    }
}

/// Kind and level of a request, as far as the request tells.
pub(super) fn of(request: &Request) -> (Kind, Level) {
    match request {
        Request::Get(get) => (Kind::Get, Level::asked(get.level)),
        Request::Put(put) if put.value.is_none() => (Kind::Delete, Level::asked(put.level)),
        Request::Put(put) => (Kind::Put, Level::asked(put.level)),
        Request::Cas(cas) => match cas.edit {
            Edit::Add(_) => (Kind::Add, Level::Linearizable),
            Edit::End { .. } => (Kind::Expire, Level::Linearizable),
            Edit::Put(_) | Edit::Delete => (Kind::Change, Level::Linearizable),
            Edit::Restore { .. } => (Kind::Restore, Level::Linearizable),
        },
        Request::Amend(amending) => match &amending.amendment {
            Amendment::Add { .. } => (Kind::Add, Level::asked(amending.level)),
            Amendment::End { .. } => (Kind::Expire, Level::asked(amending.level)),
            Amendment::Put(Some(_)) => (Kind::Put, Level::asked(amending.level)),
            Amendment::Put(None) => (Kind::Delete, Level::asked(amending.level)),
        },
        Request::Scan(scan) => (Kind::Scan, Level::asked(scan.level)),
        Request::Dump(scan) => (Kind::Dump, Level::asked(scan.level)),
        Request::Restore(restore) => (Kind::Restore, Level::asked(restore.level)),
        Request::Explain(_) => (Kind::Explain, Level::OfBucket),
        Request::Admin(_) => (Kind::Admin, Level::OfBucket),
        Request::Watch(_) => (Kind::Watch, Level::OfBucket),
    }
}

/// The level, now that the answer shows how the bucket is run.
pub(super) fn settled(asked: Level, response: &Response) -> Level {
    match response {
        Response::Current(_) | Response::Swapped(_) | Response::Refused(Refusal::ConditionFailed(_)) => {
            Level::Linearizable
        }
        _ => asked,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Level};

    #[test]
    fn places_are_those_of_the_declaration() {
        assert!(Kind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(Level::ALL.iter().enumerate().all(|(at, level)| *level as usize == at));
    }
}
