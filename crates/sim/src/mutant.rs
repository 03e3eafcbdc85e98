//! Planted bugs, to show that the checkers can fail: some in the shell around the node, most of them in the node's own
//! code, where [`stdx::bugs::planted`] names them. Switched on by a plan, and only in builds with the feature `mutants`.

use serde::{Deserialize, Deserializer, Serialize};

/// A planted bug.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(into = "String")]
pub enum Mutant {
    /// None.
    #[default]
    None,
    /// The shell says that batches are durable before they are.
    EarlySynced,
    /// A replica's acknowledgement arrives a second time, as if from another node.
    ForgedAck,
    /// The write of a node's incarnation never gets to the disk.
    LostIncarnation,
    /// The disk loses batches that an fsync had covered.
    LyingDisk,
    /// Every other answer of a replica to a read says that it holds nothing.
    EmptyReads,
    /// What a node promised and accepted about membership never gets to the disk.
    ForgottenPromises,
    /// The bug of this name in the node's own code.
    Planted(&'static str),
}

/// The bugs of the shell, by name.
const SHELL: [(&str, Mutant); 7] = [
    ("none", Mutant::None),
    ("early synced", Mutant::EarlySynced),
    ("forged ack", Mutant::ForgedAck),
    ("lost incarnation", Mutant::LostIncarnation),
    ("lying disk", Mutant::LyingDisk),
    ("empty reads", Mutant::EmptyReads),
    ("forgotten promises", Mutant::ForgottenPromises),
];

impl From<Mutant> for String {
    fn from(mutant: Mutant) -> String {
        let known = SHELL.iter().find(|(_, known)| *known == mutant).map(|(name, _)| *name);
        known.unwrap_or(if let Mutant::Planted(name) = mutant { name } else { "" }).to_owned()
    }
}

impl From<String> for Mutant {
    /// Any other name is one in the node's own code. It is kept for good: a process reads few plans.
    fn from(name: String) -> Mutant {
        let known = SHELL.iter().find(|(known, _)| *known == name).map(|(_, mutant)| *mutant);
        known.unwrap_or_else(|| Mutant::Planted(name.leak()))
    }
}

impl<'de> Deserialize<'de> for Mutant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mutant, D::Error> {
        String::deserialize(deserializer).map(Mutant::from)
    }
}

impl Mutant {
    /// True if this is the plan's bug, in a build that has bugs.
    pub(crate) fn is(self, other: Mutant) -> bool {
        cfg!(feature = "mutants") && self == other
    }

    /// Makes this thread's nodes have the bug, and no other.
    pub(crate) fn plant(self) {
        stdx::bugs::plant(match self {
            Mutant::Planted(name) => name,
            // The lot in an incarnation would hide it.
            Mutant::LostIncarnation => "incarnations are counted",
            _ => "",
        });
    }
}
