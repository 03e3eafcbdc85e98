//! The side of a comparison that is asked: it looks its own hashes up and says which differ. Keeps nothing.
//!
//! Invariant: a tree that this node does not share with the asker, or does not know, is answered as unknown.

use super::knowledge::Knowledge;
use super::shared::{Shared, list_hash};
use crate::core::Core;
use crate::ids::SessionId;
use crate::input::Note;
use crate::message::{Differences, Message, Spot};
use crate::store::{Purpose, StoreOp};
use crate::tree::{FAN, Tree, TreePart};
use ring::{NodeId, PartitionId};

/// Parts of trees looked up for one message.
const PARTS_MAX: usize = 8_192;

/// What a peer asked, and where our own hashes for it are among those looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asked(Vec<AskedSpot>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct AskedSpot {
    theirs: Vec<u64>,
    /// The trees that are looked up for it; none: it is not for us to answer.
    trees: Vec<Option<Tree>>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// One hash for all roots.
    Window,
    /// One hash for each root.
    Roots,
    /// The hashes of one tree's branches, or of one branch's leaves.
    Fan,
}

pub(super) fn on_compare(
    core: &mut Core,
    shared: &Shared,
    from: NodeId,
    session: SessionId,
    spots: Vec<(Spot, Vec<u64>)>,
) {
    let mut of = Vec::new();
    let mut asked = Vec::with_capacity(spots.len().min(PARTS_MAX));
    for (spot, theirs) in spots {
        let mut look_up = |tree: Tree, part: TreePart| {
            let is_shared = shared.has(from, tree);
            of.extend(is_shared.then_some(part));
            is_shared.then_some(tree)
        };
        let (kind, trees) = match spot {
            Spot::Window { from: first, to: last, list } => {
                let trees = shared.between(from, first, last);
                let trees = if list_hash(trees) == list { trees } else { &[] };
                (Kind::Window, trees.iter().map(|tree| look_up(*tree, TreePart::Root(*tree))).collect())
            }
            Spot::Roots(trees) => {
                (Kind::Roots, trees.into_iter().map(|tree| look_up(tree, TreePart::Root(tree))).collect())
            }
            Spot::Branches(tree) => (Kind::Fan, vec![look_up(tree, TreePart::Branches(tree))]),
            Spot::Leaves(tree, branch) => (Kind::Fan, vec![look_up(tree, TreePart::Leaves(tree, branch))]),
        };
        let expected = match kind {
            Kind::Window => 1,
            Kind::Roots => trees.len(),
            Kind::Fan => FAN,
        };
        if theirs.len() != expected || of.len() > PARTS_MAX {
            return core.note(Note::Nonsense(from, "a comparison of trees that does not add up"));
        }
        asked.push(AskedSpot { theirs, trees, kind });
    }
    core.store(Purpose::AnswerCompare { to: from, session, asked: Asked(asked) }, StoreOp::Hashes { of });
}

/// Our own hashes are known. Returns the partitions whose trees are not.
pub(super) fn on_hashes(
    core: &mut Core,
    knowledge: &mut Knowledge,
    from: NodeId,
    session: SessionId,
    asked: Asked,
    hashes: Vec<Vec<u64>>,
) -> Vec<PartitionId> {
    let mut hashes = hashes.into_iter();
    let mut unknown = Vec::new();
    let mut spots = Vec::with_capacity(asked.0.len());
    for spot in asked.0 {
        let mut ours: Vec<Option<Vec<u64>>> = Vec::with_capacity(spot.trees.len());
        for tree in &spot.trees {
            let found = tree.and_then(|_| hashes.next()).filter(|hashes| !hashes.is_empty());
            unknown.extend(tree.filter(|_| found.is_none()).map(|tree| tree.partition));
            ours.push(found);
        }
        spots.push(differences(core, knowledge, from, &spot, &ours));
    }
    core.send(from, Message::Differ { session, spots });
    unknown
}

fn differences(
    core: &Core,
    knowledge: &mut Knowledge,
    from: NodeId,
    spot: &AskedSpot,
    ours: &[Option<Vec<u64>>],
) -> Differences {
    let mut found = Differences::default();
    let at = core.now.wall;
    match spot.kind {
        Kind::Window => {
            let all = ours.iter().try_fold(0, |all, hashes| Some(all ^ hashes.as_ref()?.first()?));
            match all.filter(|_| !ours.is_empty()) {
                None => found.unknown.push(0),
                Some(all) if spot.theirs != [all] => found.differ.push(0),
                Some(_) => spot.trees.iter().flatten().for_each(|tree| knowledge.equal(*tree, from, at)),
            }
        }
        Kind::Roots => {
            for (((ours, theirs), tree), number) in ours.iter().zip(&spot.theirs).zip(&spot.trees).zip(0u32..) {
                match (ours, tree) {
                    (Some(ours), Some(tree)) if ours == &[*theirs] => knowledge.equal(*tree, from, at),
                    (Some(_), _) => found.differ.push(number),
                    (None, _) => found.unknown.push(number),
                }
            }
        }
        Kind::Fan => match ours.first() {
            Some(Some(ours)) => {
                let differ = ours.iter().zip(&spot.theirs).zip(0u32..).filter(|((ours, theirs), _)| ours != theirs);
                found.differ.extend(differ.map(|(_, number)| number));
            }
            _ => found.unknown.push(0),
        },
    }
    found
}
