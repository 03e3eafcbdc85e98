//! The load each member ought to have: proportional to weight, as far as distinct replicas allow it.
//!
//! A member cannot hold a partition twice, nor can a zone while there are zones enough; what such a cap cuts off
//! falls to the others. Without this the allocator would chase a load that no choice of tokens can give.
//!
//! Invariant: the fair loads add up to all replicas of all partitions, within rounding of floating point.

use std::collections::BTreeMap;

use crate::preference_list::Zones;

/// Something that takes part in a division: its weight, and the least and the most it can take.
#[derive(Clone, Copy, Default)]
struct Part {
    weight: f64,
    least: f64,
    most: f64,
}

/// By member: its fair number of partition replicas, for `partitions` partitions with `n` copies each.
pub(crate) fn loads(weights: &[f64], zones: &Zones, n: usize, partitions: u32) -> Vec<f64> {
    let whole = f64::from(partitions);
    let n = n.min(weights.len());
    let mut members_of: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for member in 0..weights.len() {
        members_of.entry(zones.of(member as u32)).or_default().push(member);
    }
    let crowded = members_of.len() < n;
    let zone_parts: Vec<Part> = members_of
        .values()
        .map(|members| Part {
            weight: members.iter().map(|m| weights[*m]).sum(),
            least: if crowded { whole } else { 0.0 },
            most: if crowded { whole * members.len().min(n) as f64 } else { whole },
        })
        .collect();
    let mut loads = vec![0.0; weights.len()];
    for (members, total) in members_of.values().zip(divide(&zone_parts, whole * n as f64)) {
        let parts: Vec<Part> = members.iter().map(|m| Part { weight: weights[*m], least: 0.0, most: whole }).collect();
        for (member, load) in members.iter().zip(divide(&parts, total)) {
            loads[*member] = load;
        }
    }
    loads
}

/// Divides `total` in proportion to weight within the parts' bounds.
fn divide(parts: &[Part], total: f64) -> Vec<f64> {
    let at = |level: f64| parts.iter().map(move |p| (p.weight * level).clamp(p.least, p.most));
    let lightest = parts.iter().map(|p| p.weight).fold(f64::INFINITY, f64::min);
    let (mut low, mut high) = (0.0, total / lightest);
    for _ in 0..64 {
        let middle = (low + high) / 2.0;
        if at(middle).sum::<f64>() < total { low = middle } else { high = middle }
    }
    at(high).collect()
}

#[cfg(test)]
mod tests {
    use super::loads;
    use crate::preference_list::Zones;

    fn rounded(weights: &[f64], zones: &[Option<&str>], n: usize) -> Vec<f64> {
        let loads = loads(weights, &Zones::number(zones.iter().copied()), n, 120);
        loads.into_iter().map(f64::round).collect()
    }

    #[test]
    fn load_follows_weight_until_a_node_has_everything() {
        assert_eq!(rounded(&[1.0, 2.0, 3.0], &[None; 3], 1), [20.0, 40.0, 60.0]);
        assert_eq!(rounded(&[1.0, 1.0, 10.0], &[None; 3], 2), [60.0, 60.0, 120.0]);
        assert_eq!(rounded(&[1.0, 2.0, 4.0], &[None; 3], 3), [120.0, 120.0, 120.0]);
        assert_eq!(rounded(&[1.0, 2.0], &[None; 2], 3), [120.0, 120.0]);
    }

    #[test]
    fn a_zone_holds_one_copy_while_there_are_zones_enough() {
        let zones = [Some("a"), Some("b"), Some("b"), Some("c"), Some("c"), Some("c")];
        assert_eq!(rounded(&[1.0; 6], &zones, 3), [120.0, 60.0, 60.0, 40.0, 40.0, 40.0]);
        let two = [Some("a"), Some("b"), Some("b"), Some("b")];
        assert_eq!(rounded(&[1.0; 4], &two, 3), [120.0, 80.0, 80.0, 80.0]);
    }
}
