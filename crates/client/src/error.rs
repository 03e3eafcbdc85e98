//! What can go wrong, one sentence each.
//!
//! Invariant: `may_have_been_applied` is false only if it is certain that nothing was done.

use crate::problem::{Problem, Reason};
use std::error;
use std::fmt;
use stdx::Span;

/// Why there was no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A node refused.
    Refused(Box<Problem>),
    /// No connection to the node came about; nothing was asked.
    Unreachable {
        /// Its address.
        node: String,
        /// What happened.
        why: Why,
    },
    /// The connection broke after the request had begun.
    Broken {
        /// The node's address.
        node: String,
        /// What happened, in words.
        why: String,
        /// Whether the request would change something.
        applied: bool,
    },
    /// No answer came in time.
    TimedOut {
        /// The node's address.
        node: String,
        /// Whether the request would change something.
        applied: bool,
    },
    /// Every node failed lately and is left alone for a moment.
    NoneUsable,
    /// Whoever answered is no node, or one of another version.
    Strange {
        /// Its address.
        node: String,
        /// The status of its answer.
        status: u16,
    },
    /// The client was asked for something that cannot be; the sentence says what to do.
    Usage(String),
    /// The item has several values side by side, and one was asked for.
    SeveralValues {
        /// How many.
        count: usize,
    },
}

/// Why no connection came about.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// Nothing listens there.
    Refused,
    /// There is no such host.
    NoSuchHost,
    /// It took too long.
    TimedOut,
    /// The certificate, or what was said about it, is not right.
    Tls(String),
    /// Something else, in words.
    Other(String),
}

impl Error {
    /// Whether what was asked for may have been done all the same, or may be later.
    pub fn may_have_been_applied(&self) -> bool {
        match self {
            Error::Refused(problem) => problem.may_have_been_applied,
            Error::Broken { applied, .. } | Error::TimedOut { applied, .. } => *applied,
            Error::Strange { .. } => true,
            Error::Unreachable { .. } | Error::NoneUsable | Error::Usage(_) | Error::SeveralValues { .. } => false,
        }
    }

    /// What the node said, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Error::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Why the node refused, if it did.
    pub fn reason(&self) -> Option<Reason> {
        self.problem().map(|problem| problem.reason)
    }

    /// How long the node wants to be left alone.
    pub fn retry_after(&self) -> Option<Span> {
        self.problem().and_then(|problem| problem.retry_after)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(problem) => problem.fmt(f),
            Error::Unreachable { node, why } => write!(f, "cannot reach {node}: {why}"),
            Error::Broken { node, why, applied: true } => {
                write!(
                    f,
                    "the connection to {node} broke ({why}), and the write may have been applied; read before you decide"
                )
            }
            Error::Broken { node, why, .. } => write!(f, "the connection to {node} broke ({why}); try again"),
            Error::TimedOut { node, applied: true } => {
                write!(f, "{node} did not answer in time, and the write may have been applied; read before you decide")
            }
            Error::TimedOut { node, .. } => write!(f, "{node} did not answer in time; try again, or wait longer"),
            Error::NoneUsable => f.write_str("no node of the cluster answers; try again later, or name other nodes"),
            Error::Strange { node, status } => {
                write!(f, "{node} answered with status {status} and something that no node says; check the address")
            }
            Error::Usage(sentence) => f.write_str(sentence),
            Error::SeveralValues { count } => write!(
                f,
                "{count} values stand side by side; settle them by a put with the context of the item, or by an update with a merge"
            ),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Refused => f.write_str("nothing listens there"),
            Why::NoSuchHost => f.write_str("there is no such host"),
            Why::TimedOut => f.write_str("it did not answer in time"),
            Why::Tls(words) => write!(f, "TLS failed: {words}"),
            Why::Other(words) => f.write_str(words),
        }
    }
}

impl error::Error for Error {}
