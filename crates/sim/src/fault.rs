//! What can go wrong in a run, and what operators do meanwhile: plain data with a time, so that a plan can be printed,
//! written by hand and cut down.
//!
//! Refuses to know how a fault is carried out (`nemesis`, `operator`).

mod class;

use crate::plan::span_text;
use serde::{Deserialize, Serialize};
use stdx::Span;

/// A host, by its place in the plan. Its node's id is one higher, and so is the number in traces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostId(pub usize);

impl std::fmt::Display for HostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == HostId::ALL { f.write_str("all") } else { write!(f, "n{}", self.0 + 1) }
    }
}

impl HostId {
    /// Nobody in particular: who a fault of the whole cluster happens to, in traces.
    pub(crate) const ALL: HostId = HostId(usize::MAX);
}

impl From<HostId> for String {
    fn from(host: HostId) -> String {
        host.to_string()
    }
}

impl TryFrom<String> for HostId {
    type Error = String;

    fn try_from(text: String) -> Result<HostId, String> {
        let number = text.strip_prefix('n').and_then(|number| number.parse::<usize>().ok());
        let place = number.and_then(|number| number.checked_sub(1));
        place.map(HostId).ok_or_else(|| format!("\"{text}\" is not a host; write it like n1"))
    }
}

/// What a crash does to batches that no fsync has covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The process died and the operating system went on: nothing is lost.
    Nothing,
    /// Some first part of them remains.
    Some,
    /// Each was written, not written, half written or has its size without its bytes, as it happens; recovery has to cut
    /// the first that is not whole and everything behind it.
    Torn,
    /// All of them are lost.
    All,
}

/// A part of a node's store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Items.
    Items,
    /// Hints for other nodes.
    Hints,
    /// What the node knows of itself and the cluster.
    Meta,
}

/// How far a node that leaves has got: what it has on disk, whether it has told anybody or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveStep {
    /// It knows that it is to leave.
    Told,
    /// It fences older writes off.
    Acked,
    /// It has handed over.
    Synced,
    /// Its reads follow the new ring.
    Switched,
}

/// Something that happens to the cluster. A fault that finds its host not running does nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The process dies and starts again after `down`.
    Crash {
        /// Whose.
        host: HostId,
        /// Until it starts again.
        #[serde(with = "span_text")]
        down: Span,
        /// What the disk loses.
        loss: Loss,
    },
    /// The process dies in the middle of its next fsync.
    CrashInSync {
        /// Whose.
        host: HostId,
        /// Until it starts again.
        #[serde(with = "span_text")]
        down: Span,
        /// What the disk loses.
        loss: Loss,
    },
    /// The process dies after it has carried out only the first few effects of its next input that has several.
    CrashInEffects {
        /// Whose.
        host: HostId,
        /// Until it starts again.
        #[serde(with = "span_text")]
        down: Span,
        /// What the disk loses.
        loss: Loss,
    },
    /// The process dies, and again each time it has run for `life`, so that it also dies while it starts.
    CrashLoop {
        /// Whose.
        host: HostId,
        /// How often in all.
        times: u32,
        /// How long each start lives.
        #[serde(with = "span_text")]
        life: Span,
        /// What the disk loses each time.
        loss: Loss,
    },
    /// Every running process is stopped and started again, one after the other.
    RollingRestart {
        /// Until each starts again.
        #[serde(with = "span_text")]
        down: Span,
        /// From one to the next.
        #[serde(with = "span_text")]
        every: Span,
    },
    /// The process stands still and goes on later.
    Pause {
        /// Whose.
        host: HostId,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// A host is slow: its links and every input take many times longer.
    SlowHost {
        /// Which.
        host: HostId,
        /// How many times.
        times: u32,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// The wall clock of a host jumps; its monotonic clock does not.
    ClockJump {
        /// Whose.
        host: HostId,
        /// Milliseconds forward, or back if negative.
        by_ms: i64,
    },
    /// The wall clock of a host jumps forth and back again and again.
    ClockStrobe {
        /// Whose.
        host: HostId,
        /// Milliseconds of each jump.
        by_ms: i64,
        /// From one jump to the next.
        #[serde(with = "span_text")]
        every: Span,
        /// Jumps, an even number of them.
        times: u32,
    },
    /// The next fsync fails and the operating system drops what it should have written. The process has to stop and
    /// starts again after half a second.
    FailSync {
        /// Whose.
        host: HostId,
    },
    /// Every fsync takes this much longer.
    SlowDisk {
        /// Whose.
        host: HostId,
        /// How much.
        #[serde(with = "span_text")]
        by: Span,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// The disk has room for so many bytes more, until somebody makes room.
    FillDisk {
        /// Whose.
        host: HostId,
        /// Bytes of keys and values.
        room: u64,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// One read of the disk fails.
    FailRead {
        /// Whose.
        host: HostId,
        /// The how-manieth from now.
        nth: u64,
    },
    /// A bit of a stored value flips, and stays so until the value is written again.
    Rot {
        /// Whose.
        host: HostId,
        /// Where.
        part: Part,
        /// Names the value and the bit: any number.
        pick: u64,
    },
    /// Fsyncs say that they are done and do nothing, and then the power fails.
    LyingSync {
        /// Whose.
        host: HostId,
        /// Until the power fails.
        #[serde(with = "span_text")]
        span: Span,
        /// Until the process starts again.
        #[serde(with = "span_text")]
        down: Span,
    },
    /// The process dies and starts again on an image of its disk taken this long ago. When the others refuse it, an
    /// operator puts it out, or a new host in its place.
    OldImage {
        /// Whose.
        host: HostId,
        /// The new host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead: Option<HostId>,
        /// How old.
        #[serde(with = "span_text")]
        age: Span,
        /// Until it starts again.
        #[serde(with = "span_text")]
        down: Span,
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
        #[serde(with = "span_text")]
        span: Span,
    },
    /// Two halves do not hear each other; one host hears both.
    Bridge {
        /// That one.
        host: HostId,
        /// One half; the others are the other.
        half: Vec<HostId>,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// Each host hears only the one before and the one after it.
    Ring {
        /// The order.
        hosts: Vec<HostId>,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// A link is slow and loses much, in this direction alone.
    HalfDead {
        /// Sender.
        from: HostId,
        /// Receiver.
        to: HostId,
        /// Messages take up to this much longer.
        #[serde(with = "span_text")]
        slower: Span,
        /// Messages lost, in a million.
        loss_ppm: u64,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// A link holds everything back and lets it go, old as it is, at the end.
    Clog {
        /// Sender.
        from: HostId,
        /// Receiver.
        to: HostId,
        /// For how long.
        #[serde(with = "span_text")]
        span: Span,
    },
    /// Hosts are clogged one after the other, and released in another order.
    Swizzle {
        /// The order of clogging.
        hosts: Vec<HostId>,
        /// The order of releasing.
        released: Vec<HostId>,
        /// From one to the next.
        #[serde(with = "span_text")]
        step: Span,
    },
    /// Clients do not reach a host, nor its answers them. Other hosts do.
    NoClients {
        /// Which host.
        host: HostId,
        /// For how long.
        #[serde(with = "span_text")]
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
    /// A host dies, and an operator puts it out for good. When it comes back it is a stranger, if that was done.
    Remove {
        /// The host.
        host: HostId,
        /// The member that is asked first.
        through: HostId,
        /// Until it comes back with the disk it had. Zero: it does not die, and is put out only if it looks dead.
        #[serde(with = "span_text")]
        away: Span,
    },
    /// A host dies, and a new one asks to take its place; if that is refused too often, it joins.
    Replace {
        /// The one that dies.
        old: HostId,
        /// The new one.
        host: HostId,
        /// The member that is asked first.
        through: HostId,
        /// As with `Remove`.
        #[serde(with = "span_text")]
        away: Span,
    },
    /// A host that was put out, and has ended, asks to be taken in again under its old id, on an empty disk. It must be refused.
    ComeBack {
        /// The host.
        host: HostId,
        /// The member that is asked first.
        through: HostId,
    },
    /// A host is asked to leave, and dies when it has got so far with that. When the others say that it is dead, an operator puts
    /// it out.
    DieLeaving {
        /// The host.
        host: HostId,
        /// The member that is asked first, for both.
        through: HostId,
        /// How far it gets.
        step: LeaveStep,
        /// Until it comes back with the disk it had. Zero: it never does.
        #[serde(with = "span_text")]
        away: Span,
    },
    /// An operator gives a host another share of the load.
    Reweigh {
        /// The host.
        host: HostId,
        /// Its new weight.
        weight: u32,
        /// The member that is asked first.
        through: HostId,
    },
    /// An operator takes the newest change back.
    Abort {
        /// The member that is asked first.
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

/// A fault and when it happens, counted from the moment the cluster stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimedFault {
    /// When.
    #[serde(with = "span_text")]
    pub at: Span,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}
