//! Laws of the ring, each checked against a slow but obvious answer on small random rings.

#![allow(clippy::unwrap_used, reason = "clippy does not see that this file's functions serve tests only")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ring::{Allocation, Grid, Member, Newcomer, NodeId, PartitionId, Ring, RingError, Token, allocate, difference};
use stdx::Prng;

fn token() -> impl Strategy<Value = Token> {
    // Tokens on and beside boundaries are as frequent as any.
    let near = (any::<[u8; 2]>(), prop_oneof![Just(0_u8), Just(1), Just(255)]).prop_map(|(head, last)| {
        let mut bytes = [if last == 255 { 255 } else { 0 }; 20];
        bytes[..2].copy_from_slice(&head);
        bytes[19] = last;
        Token::from_bytes(bytes)
    });
    prop_oneof![any::<[u8; 20]>().prop_map(Token::from_bytes), near]
}

fn grid() -> impl Strategy<Value = Grid> {
    (0_u8..=16).prop_map(|bits| Grid::new(bits).unwrap())
}

fn member(grid: Grid, id: u128, partitions: &[u16], zone: Option<String>) -> Member {
    let tokens = partitions.iter().map(|p| grid.boundary(PartitionId(*p))).collect();
    Member { id: NodeId(id), name: format!("node {id}"), uri: String::new(), tokens, weight: 100, zone }
}

/// A ring of 64 partitions with up to 8 members, with or without zones, and room for more.
fn ring() -> impl Strategy<Value = Ring> {
    let places = Just((0_u16..64).collect::<Vec<_>>()).prop_shuffle();
    let shape = prop::collection::vec((1_usize..7, prop::option::of(0_u8..3)), 0..8);
    (places, shape, any::<bool>()).prop_map(|(places, shape, zoned)| {
        let grid = Grid::new(6).unwrap();
        let mut places = places.as_slice();
        let mut ring = Ring::empty(grid);
        for (id, (count, zone)) in (1_u128..).zip(shape) {
            let (mine, rest) = places.split_at(count);
            places = rest;
            let zone = zone.filter(|_| zoned).map(|zone| format!("zone {zone}"));
            ring = ring.with(member(grid, id * 7 % 64, mine, zone)).unwrap();
        }
        ring
    })
}

/// All tokens with their nodes, beginning with the first at or after a token, once around.
fn clockwise(ring: &Ring, from: &Token) -> Vec<NodeId> {
    let mut all: Vec<(Token, NodeId)> = ring.members().flat_map(|m| m.tokens.iter().map(|t| (*t, m.id))).collect();
    all.sort_unstable();
    let at = all.iter().position(|(token, _)| token >= from).unwrap_or(0);
    all.rotate_left(at);
    all.into_iter().map(|(_, id)| id).collect()
}

fn distinct(ids: Vec<NodeId>) -> Vec<NodeId> {
    let mut seen = BTreeSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

/// The rule of preference lists, said plainly.
fn expected_list(ring: &Ring, partition: PartitionId, n: usize) -> Vec<NodeId> {
    let order = distinct(clockwise(ring, &ring.grid().boundary(partition)));
    let mut used = BTreeSet::new();
    let fresh = |id: &NodeId| ring.member(id).unwrap().zone.clone().is_none_or(|zone| used.insert(zone));
    let (mut list, skipped): (Vec<NodeId>, Vec<NodeId>) = order.into_iter().partition(fresh);
    list.extend(skipped);
    list.truncate(n);
    list
}

fn free(ring: &Ring) -> Vec<u16> {
    let taken: BTreeSet<Token> = ring.members().flat_map(|m| m.tokens.clone()).collect();
    ring.grid().partitions().filter(|p| !taken.contains(&ring.grid().boundary(*p))).map(|p| p.0).collect()
}

fn sets(ring: &Ring, n: usize) -> Vec<BTreeSet<NodeId>> {
    ring.grid().partitions().map(|p| ring.preference_list(p, n).iter().copied().collect()).collect()
}

proptest! {
    #[test]
    fn text_and_token_are_one_to_one(token in token()) {
        prop_assert_eq!(Token::parse_hex(&token.to_string()), Ok(token));
    }

    #[test]
    fn rounding_up_stays_in_the_partition_and_is_idempotent(grid in grid(), token in token()) {
        let up = grid.round_up(&token);
        prop_assert_eq!(grid.round_up(&up), up);
        prop_assert_eq!(grid.partition_of(&up), grid.partition_of(&token));
        prop_assert_eq!(grid.partition_ending_at(&up), Some(grid.partition_of(&token)));
        // Token zero stands for 2^160, the end of the last partition.
        let zero = Token::from_bytes([0; 20]);
        prop_assert!(up == zero || (token <= up && token != zero));
    }

    #[test]
    fn partitions_follow_one_another(grid in grid(), a in token(), b in token()) {
        let zero = Token::from_bytes([0; 20]);
        let (low, high) = (a.min(b), a.max(b));
        prop_assume!(low != zero);
        prop_assert!(grid.partition_of(&low) <= grid.partition_of(&high));
    }

    #[test]
    fn the_owner_of_a_key_has_the_first_token_at_or_after_it(ring in ring(), key in any::<Vec<u8>>(), other in token()) {
        for token in [Token::of(&key), other] {
            let owner = ring.owner(ring.grid().partition_of(&token));
            prop_assert_eq!(owner, clockwise(&ring, &token).first().copied());
        }
    }

    #[test]
    fn preference_lists_obey_the_rule(ring in ring(), n in 0_usize..10) {
        for partition in ring.grid().partitions() {
            let list = ring.preference_list(partition, n);
            prop_assert_eq!(&list[..], expected_list(&ring, partition, n));
            prop_assert_eq!(list.len(), n.min(ring.len()));
            prop_assert!(ring.preference_list(partition, n + 1).starts_with(&list));
            prop_assert_eq!(list.first().copied(), ring.owner(partition).filter(|_| n > 0));
            prop_assert_eq!(distinct(list.to_vec()).len(), list.len());
            let order = distinct(clockwise(&ring, &ring.grid().boundary(partition)));
            prop_assert_eq!(ring.successors(partition), order);
        }
    }

    #[test]
    fn long_lists_that_are_not_kept_obey_the_rule_too(seed in any::<u64>()) {
        let grid = Grid::new(6).unwrap();
        let mut places: Vec<u16> = (0..64).collect();
        Prng::new(seed).shuffle(&mut places);
        let ring = (0..20).fold(Ring::empty(grid), |ring, i| {
            ring.with(member(grid, i as u128, &places[3 * i..3 * i + 3], Some(format!("zone {}", i % 3)))).unwrap()
        });
        for n in [16, 17, 20, 30] {
            prop_assert_eq!(&ring.preference_list(PartitionId(9), n)[..], expected_list(&ring, PartitionId(9), n));
        }
    }

    #[test]
    fn no_zone_holds_two_copies_while_another_holds_none(ring in ring(), n in 1_usize..5) {
        let zone = |id: &NodeId| ring.member(id).unwrap().zone.clone().unwrap_or_else(|| id.to_string());
        let all: BTreeSet<String> = ring.members().map(|m| zone(&m.id)).collect();
        for partition in ring.grid().partitions() {
            let used: BTreeSet<String> = ring.preference_list(partition, n).iter().map(zone).collect();
            prop_assert_eq!(used.len(), n.min(all.len()));
        }
    }

    #[test]
    fn shares_count_every_replica(ring in ring(), n in 0_usize..5) {
        let mut counted: BTreeMap<NodeId, u32> = ring.members().map(|m| (m.id, 0)).collect();
        for id in sets(&ring, n).iter().flatten() {
            *counted.get_mut(id).unwrap() += 1;
        }
        prop_assert_eq!(ring.shares(n), counted);
    }

    #[test]
    fn joining_and_leaving_touch_only_neighbours(ring in ring(), n in 1_usize..5, zone in prop::option::of(0_u8..4)) {
        let places: Vec<u16> = free(&ring).into_iter().step_by(9).collect();
        let newcomer = member(ring.grid(), 1_000, &places, zone.map(|zone| format!("zone {zone}")));
        let id = newcomer.id;
        let more = ring.with(newcomer).unwrap();
        prop_assert_eq!(more.without(&id), ring.clone());
        for gain in difference(&ring, &more, n) {
            prop_assert_eq!(gain.gained(), [id]);
            prop_assert!(gain.lost().len() <= 1);
        }
        for gain in difference(&more, &ring, n) {
            prop_assert_eq!(gain.lost(), [id]);
        }
    }

    #[test]
    fn a_difference_is_exact(old in ring(), new in ring(), n in 0_usize..5) {
        let (before, after) = (sets(&old, n), sets(&new, n));
        let changed: Vec<usize> = (0..64).filter(|p| before[*p] != after[*p]).collect();
        let gains = difference(&old, &new, n);
        prop_assert_eq!(gains.iter().map(|g| usize::from(g.partition.0)).collect::<Vec<_>>(), changed);
        for gain in gains {
            let p = usize::from(gain.partition.0);
            let (gained, lost): (BTreeSet<_>, BTreeSet<_>) = (gain.gained().into_iter().collect(), gain.lost().into_iter().collect());
            prop_assert_eq!(gained, &after[p] - &before[p]);
            prop_assert_eq!(lost, &before[p] - &after[p]);
        }
    }

    #[test]
    fn a_taken_token_is_refused(ring in ring()) {
        for other in ring.members() {
            let thief = Member { id: NodeId(1_000), ..other.clone() };
            let is_taken = matches!(ring.with(thief), Err(RingError::TokenTaken { holder, .. }) if holder == other.name);
            prop_assert!(is_taken);
        }
    }

    #[test]
    fn chosen_tokens_always_fit(
        ring in ring(),
        (count, weight, n) in (0_usize..20, 1_u32..500, 0_usize..6),
        zone in prop::option::of(0_u8..4),
        even in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let how = if even { Allocation::Even } else { Allocation::Random };
        let newcomer = Newcomer { weight, zone: zone.map(|zone| format!("zone {zone}")), count };
        let tokens = allocate(&ring, &newcomer, n, how, &mut Prng::new(seed)).unwrap();
        prop_assert!(!tokens.is_empty() && tokens.len() <= count.max(1));
        prop_assert!(tokens.is_sorted());
        let chosen = Member { tokens: tokens.clone(), ..member(ring.grid(), 1_000, &[], newcomer.zone.clone()) };
        let more = ring.with(chosen).unwrap();
        prop_assert_eq!(&more.member(&NodeId(1_000)).unwrap().tokens, &tokens);
        prop_assert_eq!(allocate(&ring, &newcomer, n, how, &mut Prng::new(seed)).unwrap(), tokens);
    }
}
