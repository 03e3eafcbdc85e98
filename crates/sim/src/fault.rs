//! What can go wrong in a run, and what operators do meanwhile: plain data with a time, so that a plan can be printed,
//! written by hand and cut down.
//!
//! Refuses to know how a fault is carried out (`nemesis`, `operator`).

use stdx::Span;

/// A host, by its place in the plan. Its node's id is one higher, and so is the number in traces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostId(pub usize);

impl std::fmt::Display for HostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "n{}", self.0 + 1)
    }
}

/// What a crash does to batches that no fsync has covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The process died and the operating system went on: nothing is lost.
    Nothing,
    /// Some first part of them remains.
    Some,
    /// All of them are lost.
    All,
}

/// Something that happens to the cluster. A fault that finds its host not running does nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The process dies and starts again after `down`.
    Crash {
        /// Whose.
        host: HostId,
        /// Until it starts again.
        down: Span,
        /// What the disk loses.
        loss: Loss,
    },
    /// The process dies in the middle of its next fsync.
    CrashInSync {
        /// Whose.
        host: HostId,
        /// Until it starts again.
        down: Span,
        /// What the disk loses.
        loss: Loss,
    },
    /// The process dies after it has carried out only the first few effects of its next input that has several.
    CrashInEffects {
        /// Whose.
        host: HostId,
        /// Until it starts again.
        down: Span,
        /// What the disk loses.
        loss: Loss,
    },
    /// The process stands still and goes on later.
    Pause {
        /// Whose.
        host: HostId,
        /// For how long.
        span: Span,
    },
    /// The next fsync fails; the process has to stop and starts again after half a second.
    FailSync {
        /// Whose.
        host: HostId,
    },
    /// Nothing gets from one side to the other.
    Cut {
        /// Senders.
        from: Vec<HostId>,
        /// Receivers.
        to: Vec<HostId>,
        /// The way back is cut, too.
        both_ways: bool,
        /// For how long.
        span: Span,
    },
    /// A link holds everything back and lets it go, old as it is, at the end.
    Clog {
        /// Sender.
        from: HostId,
        /// Receiver.
        to: HostId,
        /// For how long.
        span: Span,
    },
    /// Connections between two hosts break and are made again.
    Reset {
        /// One.
        one: HostId,
        /// The other.
        other: HostId,
    },
    /// A new host asks a member to take it in.
    Join {
        /// The new host.
        host: HostId,
        /// The first member it asks.
        through: HostId,
    },
    /// An operator asks a member to let a host go.
    Leave {
        /// The host.
        host: HostId,
        /// The member that is asked; may be the host itself.
        through: HostId,
    },
    /// An operator changes how many copies the sibling bucket keeps.
    SetCopies {
        /// Copies.
        n: u8,
        /// The member that is asked.
        through: HostId,
    },
}

impl Fault {
    /// The fault's class, for counts.
    pub fn class(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "crash",
            Fault::CrashInSync { .. } => "crash in fsync",
            Fault::CrashInEffects { .. } => "crash in effects",
            Fault::Pause { .. } => "pause",
            Fault::FailSync { .. } => "failed fsync",
            Fault::Cut { both_ways: true, .. } => "cut",
            Fault::Cut { both_ways: false, .. } => "one-way cut",
            Fault::Clog { .. } => "clog",
            Fault::Reset { .. } => "reset",
            Fault::Join { .. } => "join",
            Fault::Leave { .. } => "leave",
            Fault::SetCopies { .. } => "change of n",
        }
    }
}

/// A fault and when it happens, counted from the moment the cluster stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedFault {
    /// When.
    pub at: Span,
    /// What.
    pub fault: Fault,
}
