//! Why requests are refused, told apart coarsely enough to be counted.
//!
//! Invariant: names are those of the problems that clients see (`docs/http-api.md`), where there is one problem for a refusal.

use proto::Refusal;

/// Why a request was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There is no such bucket.
    UnknownBucket,
    /// The level asks for more replicas than there are.
    LevelImpossible,
    /// Too few replicas answered in time.
    QuorumUnmet,
    /// The node in charge did not answer in time.
    NoAnswer,
    /// The node is coming in or going.
    NotReady,
    /// Too much work is waiting.
    Overloaded,
    /// The item has too many siblings.
    TooManySiblings,
    /// The context is not one of this cluster.
    InvalidContext,
    /// Not served for buckets of this mode.
    ModeUnsupported,
    /// The condition of a change does not hold.
    ConditionFailed,
    /// A change does not apply to what is there.
    Unchanged,
    /// It cannot be told any more whether the change was made.
    OutcomeUnknown,
    /// The disk is full.
    DiskFull,
    /// The storage failed.
    StorageFailed,
    /// The change of the cluster is impossible.
    ChangeRefused,
    /// A majority of the voters could not be reached.
    NoMajority,
    /// The plan has changed.
    PlanChanged,
    /// A part of the request is out of bounds.
    Invalid,
    /// The client did not wait for the answer.
    Abandoned,
}

impl Reason {
    /// All of them, in the order in which they are declared.
    pub const ALL: [Reason; 19] = [
        Reason::UnknownBucket,
        Reason::LevelImpossible,
        Reason::QuorumUnmet,
        Reason::NoAnswer,
        Reason::NotReady,
        Reason::Overloaded,
        Reason::TooManySiblings,
        Reason::InvalidContext,
        Reason::ModeUnsupported,
        Reason::ConditionFailed,
        Reason::Unchanged,
        Reason::OutcomeUnknown,
        Reason::DiskFull,
        Reason::StorageFailed,
        Reason::ChangeRefused,
        Reason::NoMajority,
        Reason::PlanChanged,
        Reason::Invalid,
        Reason::Abandoned,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::UnknownBucket => "unknown-bucket",
            Reason::LevelImpossible => "level-impossible",
            Reason::QuorumUnmet => "quorum-unmet",
            Reason::NoAnswer => "no-answer",
            Reason::NotReady => "not-ready",
            Reason::Overloaded => "overloaded",
            Reason::TooManySiblings => "too-many-siblings",
            Reason::InvalidContext => "invalid-context",
            Reason::ModeUnsupported => "mode-unsupported",
            Reason::ConditionFailed => "condition-failed",
            Reason::Unchanged => "unchanged",
            Reason::OutcomeUnknown => "outcome-unknown",
            Reason::DiskFull => "disk-full",
            Reason::StorageFailed => "storage-failed",
            Reason::ChangeRefused => "change-refused",
            Reason::NoMajority => "no-majority",
            Reason::PlanChanged => "plan-changed",
            Reason::Invalid => "invalid-field",
            Reason::Abandoned => "abandoned",
        }
    }

    /// True if the cluster could not do what it is there for; false if the request was not fit to be done, or what it was to
    /// change is not as it expected.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Reason::QuorumUnmet
                | Reason::NoAnswer
                | Reason::NotReady
                | Reason::Overloaded
                | Reason::OutcomeUnknown
                | Reason::DiskFull
                | Reason::StorageFailed
                | Reason::NoMajority
        )
    }

    /// The reason of a refusal.
    pub fn of(refusal: &Refusal) -> Reason {
        match refusal {
            Refusal::UnknownBucket(_) => Reason::UnknownBucket,
            Refusal::LevelImpossible { .. } => Reason::LevelImpossible,
            Refusal::QuorumUnmet { .. } | Refusal::OutOfReach { .. } => Reason::QuorumUnmet,
            Refusal::NoAnswer { .. } => Reason::NoAnswer,
            Refusal::NotReady(_) => Reason::NotReady,
            Refusal::Overloaded => Reason::Overloaded,
            Refusal::TooManySiblings { .. } => Reason::TooManySiblings,
            Refusal::ContextUnknown => Reason::InvalidContext,
            Refusal::ModeUnsupported(_) => Reason::ModeUnsupported,
            Refusal::ConditionFailed(_) => Reason::ConditionFailed,
            Refusal::Unchanged(_) => Reason::Unchanged,
            Refusal::OutcomeUnknown => Reason::OutcomeUnknown,
            Refusal::DiskFull => Reason::DiskFull,
            Refusal::StorageFailed(_) => Reason::StorageFailed,
            Refusal::ChangeRefused(_) => Reason::ChangeRefused,
            Refusal::NoMajority { .. } => Reason::NoMajority,
            Refusal::PlanChanged => Reason::PlanChanged,
            // Said before the node is asked, so never counted here.
            Refusal::Invalid(_) | Refusal::NotAllowed(_) | Refusal::TooFast { .. } => Reason::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn places_are_those_of_the_declaration() {
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
    }
}
