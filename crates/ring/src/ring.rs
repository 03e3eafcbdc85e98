//! The ring: an immutable value that says which members there are, where their tokens stand and who holds what.
//!
//! Invariant: every token stands on a boundary of the grid and belongs to one member; every member has at least one.
//! Look-ups are one or two array accesses: the preference lists of a length are computed once per ring, when first
//! asked for, and kept. Two rings are equal when their grids and members are.
//! Refuses to know who is alive, and how the ring came to be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::preference_list::{self, Zones};
use crate::{Grid, Member, NodeId, PartitionId, RingError, Token};

/// Lists up to this length are kept; longer ones are computed when asked for.
const KEPT_LENGTHS: usize = 16;

/// The members of a cluster and their places. Cheap to clone.
#[derive(Clone)]
pub struct Ring(Arc<Inner>);

struct Inner {
    grid: Grid,
    members: BTreeMap<NodeId, Arc<Member>>,
    /// The members' identities in order; a member's position here is its number below.
    ids: Vec<NodeId>,
    zones: Zones,
    /// Clockwise, beginning with the one that ends the lowest partition.
    vnodes: Vec<Vnode>,
    /// By partition: the position in `vnodes` of the first token at or after its boundary. Empty in an empty ring.
    next: Vec<u32>,
    /// By length − 1: the preference list beginning at each vnode.
    lists: [OnceLock<Vec<Arc<[NodeId]>>>; KEPT_LENGTHS],
}

/// A token and the member that has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vnode {
    /// The partition that the token ends.
    pub(crate) end: PartitionId,
    /// The member's number.
    pub(crate) member: u32,
}

impl Ring {
    /// A ring without members.
    pub fn empty(grid: Grid) -> Ring {
        Ring::build(grid, BTreeMap::new())
    }

    /// How the token space is cut.
    pub fn grid(&self) -> Grid {
        self.0.grid
    }

    /// The ring with one more member, whose tokens are sorted first. Refuses an identity that is a member already, a
    /// member without tokens, and tokens that are taken or not on a boundary.
    pub fn with(&self, member: Member) -> Result<Ring, RingError> {
        if let Some(present) = self.member(&member.id) {
            return Err(RingError::DuplicateMember { id: member.id, name: present.name.clone() });
        }
        self.put(member)
    }

    /// The ring with a member's attributes and tokens replaced. Refuses what [`Ring::with`] refuses, and an identity
    /// that is not a member.
    pub fn with_changed(&self, member: Member) -> Result<Ring, RingError> {
        if self.member(&member.id).is_none() {
            return Err(RingError::UnknownMember { id: member.id });
        }
        self.put(member)
    }

    /// The ring without a member; the same ring if there is no such member.
    pub fn without(&self, id: &NodeId) -> Ring {
        if self.member(id).is_none() {
            return self.clone();
        }
        let mut members = self.0.members.clone();
        members.remove(id);
        Ring::build(self.0.grid, members)
    }

    /// The member with this identity.
    pub fn member(&self, id: &NodeId) -> Option<&Member> {
        self.0.members.get(id).map(Arc::as_ref)
    }

    /// All members, in the order of their identities.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.0.members.values().map(Arc::as_ref)
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.0.ids.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.ids.is_empty()
    }

    /// The node with the first token at or after the partition's boundary, or `None` in an empty ring.
    pub fn owner(&self, partition: PartitionId) -> Option<NodeId> {
        let vnode = self.0.vnodes[self.first_vnode(partition)?];
        Some(self.0.ids[vnode.member as usize])
    }

    /// The nodes that hold a partition when there are to be `n` copies, the owner first: the first `n` distinct nodes
    /// clockwise, no two of one zone while an unused zone remains. Fewer than `n` if there are fewer members.
    pub fn preference_list(&self, partition: PartitionId, n: usize) -> Arc<[NodeId]> {
        let n = n.min(self.len());
        let Some(at) = self.first_vnode(partition).filter(|_| n > 0) else {
            return Arc::from([]);
        };
        match self.0.lists.get(n - 1) {
            Some(kept) => Arc::clone(&kept.get_or_init(|| self.lists_of(n))[at]),
            None => self.list_from(at, n, &mut Vec::new()),
        }
    }

    /// All nodes in the order in which their tokens are met clockwise from the partition's boundary, whatever their
    /// zones. A fallback for a node of the preference list is the first of these that is not on it.
    pub fn successors(&self, partition: PartitionId) -> Vec<NodeId> {
        let Some(at) = self.first_vnode(partition) else {
            return Vec::new();
        };
        let mut met = vec![false; self.len()];
        let mut nodes = Vec::with_capacity(self.len());
        for member in self.walk(at) {
            if !std::mem::replace(&mut met[member as usize], true) {
                nodes.push(self.0.ids[member as usize]);
                if nodes.len() == self.len() {
                    break;
                }
            }
        }
        nodes
    }

    /// How many partition replicas each member holds when there are to be `n` copies.
    pub fn shares(&self, n: usize) -> BTreeMap<NodeId, u32> {
        let mut shares: BTreeMap<NodeId, u32> = self.0.ids.iter().map(|id| (*id, 0)).collect();
        for partition in self.0.grid.partitions() {
            for id in self.preference_list(partition, n).iter() {
                *shares.entry(*id).or_insert(0) += 1;
            }
        }
        shares
    }

    pub(crate) fn vnodes(&self) -> &[Vnode] {
        &self.0.vnodes
    }

    fn put(&self, mut member: Member) -> Result<Ring, RingError> {
        member.tokens.sort_unstable();
        member.tokens.dedup();
        self.check(&member)?;
        let mut members = self.0.members.clone();
        members.insert(member.id, Arc::new(member));
        Ok(Ring::build(self.0.grid, members))
    }

    fn check(&self, member: &Member) -> Result<(), RingError> {
        if member.tokens.is_empty() {
            return Err(RingError::NoTokens { name: member.name.clone() });
        }
        member.tokens.iter().try_for_each(|token| self.check_token(token, member))
    }

    fn check_token(&self, token: &Token, member: &Member) -> Result<(), RingError> {
        let wanted_by = member.name.clone();
        let Some(end) = self.0.grid.partition_ending_at(token) else {
            return Err(RingError::OffBoundary { token: *token, wanted_by, partitions: self.0.grid.count() });
        };
        let holder = self.first_vnode(end).map(|at| self.0.vnodes[at]).filter(|vnode| vnode.end == end);
        match holder.map(|vnode| self.0.ids[vnode.member as usize]).filter(|id| *id != member.id) {
            Some(id) => {
                Err(RingError::TokenTaken { token: *token, holder: self.0.members[&id].name.clone(), wanted_by })
            }
            None => Ok(()),
        }
    }

    /// The members must have been checked.
    fn build(grid: Grid, members: BTreeMap<NodeId, Arc<Member>>) -> Ring {
        let vnodes = place(grid, &members);
        let next = first_at_or_after(grid, &vnodes);
        let zones = Zones::number(members.values().map(|member| member.zone.as_deref()));
        let ids = members.keys().copied().collect();
        Ring(Arc::new(Inner { grid, members, ids, zones, vnodes, next, lists: Default::default() }))
    }

    fn first_vnode(&self, partition: PartitionId) -> Option<usize> {
        assert!(u32::from(partition.0) < self.0.grid.count(), "a partition of another grid");
        self.0.next.get(partition.index()).map(|at| *at as usize)
    }

    /// The members met clockwise from a vnode, once around.
    fn walk(&self, at: usize) -> impl Iterator<Item = u32> + '_ {
        let (before, after) = self.0.vnodes.split_at(at);
        after.iter().chain(before).map(|vnode| vnode.member)
    }

    fn list_from(&self, at: usize, n: usize, numbers: &mut Vec<u32>) -> Arc<[NodeId]> {
        preference_list::fill(numbers, self.walk(at), &self.0.zones, n);
        numbers.iter().map(|member| self.0.ids[*member as usize]).collect()
    }

    fn lists_of(&self, n: usize) -> Vec<Arc<[NodeId]>> {
        let mut numbers = Vec::with_capacity(n + 1);
        (0..self.0.vnodes.len()).map(|at| self.list_from(at, n, &mut numbers)).collect()
    }
}

/// The members' tokens in clockwise order.
fn place(grid: Grid, members: &BTreeMap<NodeId, Arc<Member>>) -> Vec<Vnode> {
    let mut holders = vec![None; grid.count() as usize];
    for (number, member) in (0..).zip(members.values()) {
        for token in &member.tokens {
            let end = grid.partition_ending_at(token).expect("tokens are checked when a member is put");
            holders[end.index()] = Some(Vnode { end, member: number });
        }
    }
    holders.into_iter().flatten().collect()
}

/// By partition: the position of the first of `vnodes` at or after its boundary.
fn first_at_or_after(grid: Grid, vnodes: &[Vnode]) -> Vec<u32> {
    let mut next = Vec::with_capacity(if vnodes.is_empty() { 0 } else { grid.count() as usize });
    for (at, vnode) in (0..).zip(vnodes) {
        next.resize(vnode.end.index() + 1, at);
    }
    if !vnodes.is_empty() {
        next.resize(grid.count() as usize, 0);
    }
    next
}

impl PartialEq for Ring {
    fn eq(&self, other: &Ring) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.grid == other.0.grid && self.0.members == other.0.members)
    }
}

impl Eq for Ring {}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("grid", &self.0.grid).field("members", &self.0.members).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;
    use crate::{Grid, Member, NodeId, PartitionId, RingError, Token};

    fn member(id: u128, name: &str, partitions: &[u16]) -> Member {
        let tokens = partitions.iter().map(|p| Grid::new(4).unwrap().boundary(PartitionId(*p))).collect();
        let uri = format!("http://127.0.0.1:{}", 8080 + id);
        Member { id: NodeId(id), name: name.into(), uri, tokens, weight: 100, zone: None }
    }

    fn ring() -> Ring {
        let ring = Ring::empty(Grid::new(4).unwrap()).with(member(1, "Ted", &[12, 3])).unwrap();
        ring.with(member(2, "Khadijah", &[5])).unwrap().with(member(3, "Larraine", &[6, 9])).unwrap()
    }

    #[test]
    fn the_first_token_clockwise_owns_and_the_highest_wraps() {
        let owners: Vec<u128> = ring().grid().partitions().filter_map(|p| ring().owner(p)).map(|id| id.0).collect();
        assert_eq!(owners, [1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1]);
        assert_eq!(ring().preference_list(PartitionId(6), 2)[..], [NodeId(3), NodeId(1)]);
        assert_eq!(ring().preference_list(PartitionId(6), 40)[..], [NodeId(3), NodeId(1), NodeId(2)]);
        assert_eq!(ring().successors(PartitionId(5)), [NodeId(2), NodeId(3), NodeId(1)]);
        assert_eq!(ring().shares(1).into_values().collect::<Vec<_>>(), [10, 2, 4]);
    }

    #[test]
    fn an_empty_ring_owns_nothing() {
        let ring = Ring::empty(Grid::default());
        assert!(ring.is_empty());
        assert_eq!(ring.owner(PartitionId(0)), None);
        assert!(ring.preference_list(PartitionId(0), 3).is_empty());
        assert!(ring.successors(PartitionId(0)).is_empty());
        assert!(ring.shares(3).is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let say = |result: Result<Ring, RingError>| result.unwrap_err().to_string();
        assert_eq!(
            say(ring().with(member(3, "Bob", &[1]))),
            "node 00000000-0000-0000-0000-000000000003 is a member already, as \"Larraine\""
        );
        assert_eq!(say(ring().with(member(4, "Bob", &[]))), "\"Bob\" has no token, so it could own nothing");
        assert_eq!(
            say(ring().with(member(4, "Bob", &[1, 5]))),
            "token 6000000000000000000000000000000000000000, wanted by \"Bob\", belongs to \"Khadijah\" already"
        );
        let off = Member { tokens: vec![Token::of(b"key_2")], ..member(4, "Bob", &[]) };
        assert_eq!(
            say(ring().with(off)),
            "token 1388ac756f07b0dda2961436ba8596c7b7995e94 of \"Bob\" is not on a boundary of the 16 partitions"
        );
        assert_eq!(
            say(ring().with_changed(member(4, "Bob", &[1]))),
            "node 00000000-0000-0000-0000-000000000004 is not a member"
        );
    }

    #[test]
    fn a_change_may_keep_some_of_the_members_tokens() {
        let changed = ring().with_changed(member(1, "Theodor", &[12, 4])).unwrap();
        assert_eq!(changed.member(&NodeId(1)).unwrap().name, "Theodor");
        assert_eq!(changed.owner(PartitionId(4)), Some(NodeId(1)));
        assert_eq!(changed.with_changed(ring().member(&NodeId(1)).unwrap().clone()).unwrap(), ring());
    }

    #[test]
    fn removing_undoes_adding() {
        let more = ring().with(member(4, "Bob", &[0, 15])).unwrap();
        assert_ne!(more, ring());
        assert_eq!(more.without(&NodeId(4)), ring());
        assert_eq!(more.without(&NodeId(9)), more);
        assert_eq!(ring().members().map(|m| m.tokens.len()).collect::<Vec<_>>(), [2, 1, 2]);
    }
}
