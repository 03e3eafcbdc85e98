//! Every reason for which a node refuses a request, as the problem that the client sees. The only place where refusals
//! meet status codes.
//!
//! Invariant: a write that may have been applied says so, in words and as `mayHaveBeenApplied`.

use crate::bucket_names;
use crate::problem::{Kind, Problem};
use proto::{Refusal, Response, Unchanged};
use stdx::Span;

/// The problem that a refusal is.
pub(crate) fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::UnknownBucket(name) => bucket_names::unknown(&name),
        Refusal::LevelImpossible { level, replicas } => level_impossible(&level.to_string(), replicas),
        Refusal::QuorumUnmet { needed, got, write } => quorum_unmet(needed, got, write),
        Refusal::OutOfReach { needed, reachable } => out_of_reach(needed, reachable),
        Refusal::NoAnswer { write } => no_answer(write),
        Refusal::NotReady(why) => Problem::new(Kind::NotReady, sentence(why)).retry_after(1),
        Refusal::Overloaded => Problem::new(
            Kind::Overloaded,
            "Too many requests are waiting on this node; try again in a moment, or ask another node.",
        )
        .retry_after(1),
        Refusal::TooManySiblings { count } => Problem::new(
            Kind::TooManySiblings,
            format!("The item has {count} siblings; read it, and write one value with the context of that answer."),
        )
        .with("siblings", count),
        Refusal::ContextUnknown => Problem::new(
            Kind::InvalidContext,
            "The context names versions that this cluster never made; read the item and send the context of that answer.",
        )
        .with("field", "context"),
        Refusal::ModeUnsupported(name) => Problem::new(
            Kind::ModeUnsupported,
            format!("Bucket \"{name}\" is linearizable, and its items cannot be listed yet; read them by key."),
        ),
        Refusal::ConditionFailed(current) => condition_failed(current.version),
        Refusal::Unchanged(why) => unchanged(why),
        Refusal::OutcomeUnknown => Problem::new(
            Kind::OutcomeUnknown,
            "The change was tried before, and it cannot be told whether that made it or still will; read the item.",
        )
        .with("mayHaveBeenApplied", true),
        Refusal::DiskFull => Problem::new(
            Kind::DiskFull,
            "The disk of this node is full, so it takes no writes, while reads go on; free space or add nodes.",
        ),
        Refusal::StorageFailed(why) => Problem::new(
            Kind::StorageFailed,
            format!("The storage of this node failed ({}); ask another node, and look at the log of this one.", why.trim_end_matches('.')),
        ),
        Refusal::ChangeRefused(why) => Problem::new(Kind::ChangeRefused, sentence(why)),
        Refusal::NoMajority { voters, reached } => Problem::new(
            Kind::NoMajority,
            format!(
                "Only {reached} of {voters} voters can be reached, and a change needs a majority; reading and writing \
                 goes on, try the change again when they are back."
            ),
        )
        .with("voters", voters)
        .with("reached", reached)
        .retry_after(5),
        Refusal::PlanChanged => Problem::new(
            Kind::PlanChanged,
            "The cluster has changed since the plan was made; look at a new plan and apply that one.",
        ),
        Refusal::Invalid(why) => Problem::new(Kind::InvalidField, sentence(why)),
        Refusal::NotAllowed(why) => Problem::new(Kind::NotAllowed, sentence(why)),
        Refusal::TooFast { wait } => too_fast(wait),
    }
}

/// The problem that a response of the wrong sort is: a refusal, or a fault of ours.
pub(crate) fn unexpected(response: Response) -> Problem {
    match response {
        Response::Refused(refusal) => problem(refusal),
        other => {
            tracing::error!(?other, "the node answered with something else than was asked");
            Problem::new(Kind::Internal, "The node gave an answer that does not fit; please report this as a bug.")
        }
    }
}

fn level_impossible(level: &str, replicas: u8) -> Problem {
    let detail = match replicas {
        0 => "There is no replica yet; wait until a node has joined.".to_owned(),
        1 => format!(
            "Level \"{level}\" asks for more replicas than the one there is; ask for a lower level or add nodes."
        ),
        _ => format!(
            "Level \"{level}\" asks for more replicas than the {replicas} there are; ask for a lower level or add nodes."
        ),
    };
    Problem::new(Kind::LevelImpossible, detail).with("replicas", replicas)
}

fn condition_failed(version: u64) -> Problem {
    let detail = match version {
        0 => "The condition does not hold, because there is no such item; nothing was changed.".to_owned(),
        _ => format!("The condition does not hold, because the item has version {version}; nothing was changed."),
    };
    Problem::new(Kind::ConditionFailed, detail).with("version", version)
}

fn unchanged(why: Unchanged) -> Problem {
    let (kind, detail) = match why {
        Unchanged::NotANumber => {
            (Kind::InvalidField, "The item is not a number of the kind that is added; nothing was changed.")
        }
        Unchanged::OutOfRange => (Kind::InvalidField, "The sum would leave the range of numbers; nothing was changed."),
        Unchanged::Absent => (Kind::NotFound, "There is no such item; nothing was changed."),
        Unchanged::Condition => {
            (Kind::ConditionFailed, "The condition on the item's end does not hold; nothing was changed.")
        }
        Unchanged::Known => {
            (Kind::Internal, "The change has the name of an earlier one; look at the log of this node.")
        }
    };
    Problem::new(kind, detail)
}

fn quorum_unmet(needed: u8, got: u8, write: bool) -> Problem {
    let detail = if write {
        format!(
            "Only {got} of the {needed} replicas needed acknowledged in time, and the write may have been applied; try \
             again, or ask for a lower level."
        )
    } else {
        format!("Only {got} of the {needed} replicas needed answered in time; try again, or ask for a lower level.")
    };
    let problem = Problem::new(Kind::QuorumUnmet, detail).with("needed", needed).with("got", got).retry_after(1);
    problem.with("mayHaveBeenApplied", write)
}

fn out_of_reach(needed: u8, reachable: u8) -> Problem {
    let detail = format!(
        "Only {reachable} of the {needed} replicas needed can be reached, so nothing was done; try again when the others \
         are back, or ask for a lower level."
    );
    let problem = Problem::new(Kind::QuorumUnmet, detail).with("needed", needed).with("reachable", reachable);
    problem.retry_after(1).with("mayHaveBeenApplied", false)
}

fn no_answer(write: bool) -> Problem {
    let detail = if write {
        "The node in charge of the key did not answer in time, and the write may have been applied; try again."
    } else {
        "The node in charge of the key did not answer in time; try again."
    };
    Problem::new(Kind::NoAnswer, detail).with("mayHaveBeenApplied", write).retry_after(1)
}

fn too_fast(wait: Span) -> Problem {
    let millis = wait.as_millis().max(1);
    let detail =
        format!("The token is used faster than its rate allows; wait for {millis} ms, or ask for a higher rate.");
    Problem::new(Kind::TooManyRequests, detail).retry_after(wait.as_micros().div_ceil(1_000_000).clamp(1, 3_600) as u32)
}

/// Words of the node as a sentence: a capital at the beginning, a full stop at the end.
fn sentence(words: String) -> String {
    let mut chars = words.trim_end_matches('.').chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => "The node gave no reason; look at its log.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::problem;
    use crate::problem::Kind;
    use proto::{Level, Refusal, Unchanged};

    #[test]
    fn each_refusal_has_its_kind_and_one_sentence() {
        let cases = [
            (Refusal::UnknownBucket("b".into()), Kind::UnknownBucket),
            (Refusal::LevelImpossible { level: Level::Count(5), replicas: 3 }, Kind::LevelImpossible),
            (Refusal::QuorumUnmet { needed: 2, got: 1, write: true }, Kind::QuorumUnmet),
            (Refusal::OutOfReach { needed: 3, reachable: 2 }, Kind::QuorumUnmet),
            (Refusal::NoAnswer { write: false }, Kind::NoAnswer),
            (Refusal::NotReady("the node is leaving; ask another".into()), Kind::NotReady),
            (Refusal::Overloaded, Kind::Overloaded),
            (Refusal::TooManySiblings { count: 100 }, Kind::TooManySiblings),
            (Refusal::ContextUnknown, Kind::InvalidContext),
            (Refusal::ModeUnsupported("b".into()), Kind::ModeUnsupported),
            (Refusal::ConditionFailed(Box::default()), Kind::ConditionFailed),
            (Refusal::OutcomeUnknown, Kind::OutcomeUnknown),
            (Refusal::Unchanged(Unchanged::Absent), Kind::NotFound),
            (Refusal::Unchanged(Unchanged::Condition), Kind::ConditionFailed),
            (Refusal::Unchanged(Unchanged::NotANumber), Kind::InvalidField),
            (Refusal::DiskFull, Kind::DiskFull),
            (Refusal::StorageFailed("fsync failed.".into()), Kind::StorageFailed),
            (Refusal::ChangeRefused("the node holds tokens".into()), Kind::ChangeRefused),
            (Refusal::NoMajority { voters: 3, reached: 1 }, Kind::NoMajority),
            (Refusal::PlanChanged, Kind::PlanChanged),
            (Refusal::Invalid(String::new()), Kind::InvalidField),
            (Refusal::NotAllowed("it takes the scope read".into()), Kind::NotAllowed),
            (Refusal::TooFast { wait: stdx::Span::millis(10) }, Kind::TooManyRequests),
        ];
        for (refusal, kind) in cases {
            let problem = problem(refusal);
            assert_eq!(problem.kind(), kind);
            assert!(problem.detail().ends_with('.') && !problem.detail().contains(". "), "{}", problem.detail());
            assert!(problem.detail().starts_with(char::is_uppercase), "{}", problem.detail());
        }
    }

    #[test]
    fn a_write_that_may_have_been_applied_says_so() {
        let refusal = Refusal::QuorumUnmet { needed: 2, got: 1, write: true };
        assert!(problem(refusal).detail().contains("may have been applied"));
        assert!(!problem(Refusal::OutOfReach { needed: 3, reachable: 2 }).detail().contains("applied"));
        assert!(!problem(Refusal::NoAnswer { write: false }).detail().contains("applied"));
    }
}
