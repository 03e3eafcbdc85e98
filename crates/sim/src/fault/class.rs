//! What a fault is called, whom it concerns, and what kind of fault it is.

use super::{Fault, HostId};

impl Fault {
    /// The fault's class, for counts.
    pub fn class(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "crash",
            Fault::CrashInSync { .. } => "crash in fsync",
            Fault::CrashInEffects { .. } => "crash in effects",
            Fault::CrashLoop { .. } => "crash loop",
            Fault::RollingRestart { .. } => "rolling restart",
            Fault::Pause { .. } => "pause",
            Fault::SlowHost { .. } => "slow host",
            Fault::ClockJump { .. } => "clock jump",
            Fault::ClockStrobe { .. } => "clock strobe",
            Fault::FailSync { .. } => "failed fsync",
            Fault::SlowDisk { .. } => "slow disk",
            Fault::FillDisk { .. } => "full disk",
            Fault::FailRead { .. } => "failed read",
            Fault::Rot { .. } => "bit rot",
            Fault::LyingSync { .. } => "lying fsync",
            Fault::OldImage { .. } => "old image",
            Fault::Cut { both_ways: true, .. } => "cut",
            Fault::Cut { both_ways: false, .. } => "one-way cut",
            Fault::Bridge { .. } => "bridge",
            Fault::Ring { .. } => "ring",
            Fault::HalfDead { .. } => "half-dead link",
            Fault::Clog { .. } => "clog",
            Fault::Swizzle { .. } => "swizzle",
            Fault::NoClients { .. } => "no clients",
            Fault::Reset { .. } => "reset",
            Fault::Join { .. } => "join",
            Fault::Leave { .. } => "leave",
            Fault::SetCopies { .. } => "change of n",
            Fault::Remove { .. } => "removal",
            Fault::Replace { .. } => "replacement",
            Fault::ComeBack { .. } => "return",
            Fault::DieLeaving { .. } => "dead leaver",
            Fault::Reweigh { .. } => "new weight",
            Fault::Abort { .. } => "abort",
        }
    }

    /// The hosts it names.
    pub fn hosts(&self) -> Vec<HostId> {
        match self {
            Fault::Crash { host, .. }
            | Fault::CrashInSync { host, .. }
            | Fault::CrashInEffects { host, .. }
            | Fault::CrashLoop { host, .. }
            | Fault::Pause { host, .. }
            | Fault::SlowHost { host, .. }
            | Fault::ClockJump { host, .. }
            | Fault::ClockStrobe { host, .. }
            | Fault::FailSync { host }
            | Fault::SlowDisk { host, .. }
            | Fault::FillDisk { host, .. }
            | Fault::FailRead { host, .. }
            | Fault::Rot { host, .. }
            | Fault::LyingSync { host, .. }
            | Fault::NoClients { host, .. } => vec![*host],
            Fault::OldImage { host, instead, .. } => [*host].into_iter().chain(*instead).collect(),
            Fault::RollingRestart { .. } => Vec::new(),
            Fault::Cut { from, to, .. } => [from.as_slice(), to].concat(),
            Fault::Bridge { host, half, .. } => [half.as_slice(), &[*host]].concat(),
            Fault::Ring { hosts, .. } => hosts.clone(),
            Fault::HalfDead { from, to, .. } | Fault::Clog { from, to, .. } => vec![*from, *to],
            Fault::Swizzle { hosts, released, .. } => [hosts.as_slice(), released].concat(),
            Fault::Reset { one, other } => vec![*one, *other],
            Fault::Join { host, through } | Fault::Leave { host, through } | Fault::ComeBack { host, through } => {
                vec![*host, *through]
            }
            Fault::SetCopies { through, .. } | Fault::Abort { through } => vec![*through],
            Fault::Remove { host, through, .. }
            | Fault::DieLeaving { host, through, .. }
            | Fault::Reweigh { host, through, .. } => vec![*host, *through],
            Fault::Replace { old, host, through, .. } => vec![*old, *host, *through],
        }
    }

    /// True if it takes from a disk what an fsync had covered: the plan may hold only what its promises survive.
    pub fn is_destructive(&self) -> bool {
        matches!(self, Fault::Rot { .. } | Fault::LyingSync { .. } | Fault::OldImage { .. })
    }

    /// True if it is an operator's work.
    pub fn is_operators(&self) -> bool {
        matches!(
            self,
            Fault::Join { .. }
                | Fault::Leave { .. }
                | Fault::SetCopies { .. }
                | Fault::RollingRestart { .. }
                | Fault::Remove { .. }
                | Fault::Replace { .. }
                | Fault::ComeBack { .. }
                | Fault::DieLeaving { .. }
                | Fault::Reweigh { .. }
                | Fault::Abort { .. }
        )
    }
}
