//! What kind of message one is, in words: for logs and metrics.
//!
//! Invariant: a kind keeps its words, because people search for them. Refuses to know what a message holds.

use crate::message::Message;

impl Message {
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
        }
    }
}
