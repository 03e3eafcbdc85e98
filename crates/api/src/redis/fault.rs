//! Everything that goes wrong, in Redis's words where Redis has words for it.
//!
//! Invariant: an error begins with a code that clients know: `ERR`, `WRONGTYPE`, `NOAUTH`, `NOPERM`, and for what may be tried again
//! `TRYAGAIN`, `LOADING`, `NOREPLICAS`, `MISCONF`.

use crate::refusal;
use proto::{Refusal, Response};
use resp::Reply;
use std::borrow::Cow;

/// Why a command was not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault(Cow<'static, str>);

impl Fault {
    pub(crate) const SYNTAX: Fault = Fault(Cow::Borrowed("ERR syntax error"));
    pub(crate) const NOT_INTEGER: Fault = Fault(Cow::Borrowed("ERR value is not an integer or out of range"));
    pub(crate) const NOT_FLOAT: Fault = Fault(Cow::Borrowed("ERR value is not a valid float"));
    pub(crate) const NO_AUTH: Fault = Fault(Cow::Borrowed("NOAUTH Authentication required."));
    pub(crate) const WRONG_TYPE: Fault =
        Fault(Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value"));
    pub(crate) const OVERFLOW: Fault = Fault(Cow::Borrowed("ERR increment or decrement would overflow"));
    pub(crate) const OUT_OF_RANGE: Fault = Fault(Cow::Borrowed("ERR increment would leave the range of numbers"));
    pub(crate) const OFFSET: Fault = Fault(Cow::Borrowed("ERR offset is out of range"));
    pub(crate) const TOO_LONG: Fault =
        Fault(Cow::Borrowed("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    pub(crate) const CURSOR: Fault = Fault(Cow::Borrowed("ERR invalid cursor"));
    pub(crate) const BUSY_KEY: Fault =
        Fault(Cow::Borrowed("TRYAGAIN The key is being changed by many others at once; try again."));

    /// An error that is always the same, code and all.
    pub(crate) const fn of(text: &'static str) -> Fault {
        Fault(Cow::Borrowed(text))
    }

    /// Any error, code and all.
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Fault {
        Fault(text.into())
    }

    /// What the command asks for needs one order for all, which an eventual bucket does not have.
    pub(crate) fn needs_order(what: &str, bucket: &str) -> Fault {
        Fault::new(format!(
            "ERR {what} needs one order for all, which the eventual bucket \"{bucket}\" does not have; select a database \
             whose bucket is linearizable"
        ))
    }

    /// What the command asks for is not there in a linearizable bucket.
    pub(crate) fn needs_eventual(what: &str, bucket: &str) -> Fault {
        Fault::new(format!(
            "ERR {what} is not served by the linearizable bucket \"{bucket}\" yet; select a database whose bucket is eventual"
        ))
    }

    /// Too few replicas answered.
    pub(crate) fn is_no_replicas(&self) -> bool {
        self.0.starts_with("NOREPLICAS ")
    }

    /// The client may not use this command.
    pub(crate) fn no_permission(user: &str, command: &str) -> Fault {
        Fault::new(format!("NOPERM User {user} has no permissions to run the '{command}' command"))
    }

    /// The node's refusal.
    pub(crate) fn refused(refusal: Refusal) -> Fault {
        let code = match &refusal {
            Refusal::QuorumUnmet { .. }
            | Refusal::OutOfReach { .. }
            | Refusal::NoAnswer { .. }
            | Refusal::NoMajority { .. } => "NOREPLICAS",
            Refusal::NotReady(_) => "LOADING",
            Refusal::Overloaded | Refusal::TooFast { .. } => "TRYAGAIN",
            Refusal::NotAllowed(_) => "NOPERM",
            Refusal::DiskFull | Refusal::StorageFailed(_) => "MISCONF",
            _ => "ERR",
        };
        Fault::new(format!("{code} {}", refusal::problem(refusal).detail()))
    }

    /// An answer that does not fit: a refusal, or a fault of ours.
    pub(crate) fn unexpected(response: Response) -> Fault {
        match response {
            Response::Refused(refusal) => Fault::refused(refusal),
            other => Fault::new(format!("ERR {}", refusal::unexpected(other).detail())),
        }
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Reply {
        Reply::Error(fault.0)
    }
}

/// What becomes of a command.
pub(crate) type Outcome = Result<Reply, Fault>;
