//! What kind of message one is, in words: for logs and metrics.
//!
//! Invariant: a kind keeps its words, because people search for them. Refuses to know what a message holds.

use crate::ids::OpId;
use crate::message::Message;

impl Message {
    /// The operation of a coordinator that it belongs to, if it asks a replica something for one, or answers that.
    pub fn op(&self) -> Option<OpId> {
        match self {
            Message::Replicate { op, .. }
            | Message::Replicated { op, .. }
            | Message::KeepHint { op, .. }
            | Message::Read { op, .. }
            | Message::ReadReply { op, .. }
            | Message::Scan { op, .. }
            | Message::ScanReply { op, .. }
            | Message::Register { op, .. }
            | Message::RegisterReply { op, .. }
            | Message::Explain { op, .. }
            | Message::Explained { op, .. }
            | Message::Forward { op, .. }
            | Message::Forwarded { op, .. } => Some(*op),
            _ => None,
        }
    }

    /// Whether it answers what a coordinator asked; its `op` is then the receiver's, else the sender's.
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Message::Replicated { .. }
                | Message::ReadReply { .. }
                | Message::ScanReply { .. }
                | Message::RegisterReply { .. }
                | Message::Explained { .. }
                | Message::Forwarded { .. }
        )
    }

    /// The kind, in small letters.
    pub fn kind(&self) -> &'static str {
        match self {
            Message::Replicate { .. } => "replicate",
            Message::Replicated { .. } => "replicated",
            Message::KeepHint { .. } => "keep hint",
            Message::Read { .. } => "read",
            Message::ReadReply { .. } => "read reply",
            Message::Scan { .. } => "scan",
            Message::ScanReply { .. } => "scan reply",
            Message::Register { .. } => "register",
            Message::RegisterReply { .. } => "register reply",
            Message::Explain { .. } => "explain",
            Message::Explained { .. } => "explained",
            Message::Forward { .. } => "forward",
            Message::Confirm { .. } => "confirm",
            Message::Confirmed { .. } => "confirmed",
            Message::Introduce { .. } => "introduce",
            Message::Forwarded { .. } => "forwarded",
            Message::Outline { .. } => "outline",
            Message::Outlined { .. } => "outlined",
            Message::Offer { .. } => "offer",
            Message::Want { .. } => "want",
            Message::Push { .. } => "push",
            Message::Pushed { .. } => "pushed",
            Message::Compare { .. } => "compare",
            Message::Differ { .. } => "differ",
            Message::Fetch { .. } => "fetch",
            Message::Agree { .. } => "agree",
            Message::Agreed { .. } => "agreed",
            Message::Collect { .. } => "collect",
            Message::Collected { .. } => "collected",
            Message::Gossip { .. } => "gossip",
            Message::PullEvents { .. } => "pull events",
            Message::Events { .. } => "events",
            Message::Prepare { .. } => "prepare",
            Message::Promise { .. } => "promise",
            Message::Accept { .. } => "accept",
            Message::Accepted { .. } => "accepted",
            Message::Nack { .. } => "nack",
            Message::Ping { .. } => "ping",
            Message::Pong { .. } => "pong",
            Message::ProbeFor { .. } => "probe for",
            Message::ProbedFor { .. } => "probed for",
            Message::Traced { .. } => "traced",
            Message::Reached { .. } => "reached",
        }
    }
}
