//! Planted bugs, to show that the checkers can fail: some in the shell around the node, most of them in the node's own
//! code, where [`stdx::bugs::planted`] names them. Switched on by a plan, and only in builds with the feature `mutants`.

use serde::{Deserialize, Deserializer, Serialize};

/// A planted bug.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    Planted(#[serde(deserialize_with = "name")] &'static str),
}

/// A name out of a plan's file. It is kept for good: few plans are read in the life of a process.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    String::deserialize(deserializer).map(|name| &*name.leak())
}

impl Mutant {
    /// True if this is the plan's bug, in a build that has bugs.
    pub(crate) fn is(self, other: Mutant) -> bool {
        cfg!(feature = "mutants") && self == other
    }

    /// Makes this thread's nodes have the bug, and no other.
    pub(crate) fn plant(self) {
        stdx::bugs::plant(if let Mutant::Planted(name) = self { name } else { "" });
    }
}
