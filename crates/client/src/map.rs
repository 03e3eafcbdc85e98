//! The ring as a client sees it: who holds which key, by the newest epoch it has heard of.
//!
//! Invariant: places are computed by crate `ring`, as at the nodes, so that the first node of a list is the owner there, too.
//! A map may be old; that costs a message, never an answer.

use crate::address::Address;
use ring::{Grid, Member, NodeId, Ring, Token};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a bucket treats writes that do not know of each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// The last writer wins.
    LastWriterWins,
    /// Versions stand side by side until somebody settles them.
    Siblings,
    /// There are none: changes of an item are made one after the other.
    Linearizable,
}

/// What a client needs to know of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    /// Copies.
    pub(crate) n: usize,
    /// How it treats writes.
    pub(crate) rule: Rule,
}

/// One epoch's ring.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// Its number.
    pub(crate) epoch: u64,
    ring: Ring,
    addresses: BTreeMap<NodeId, Address>,
    buckets: BTreeMap<String, Kept>,
    /// Copies, where the bucket is not known.
    n: usize,
}

impl Map {
    /// Reads what `GET /v1/ring` answers. `None` if it makes no sense, or if no member has an address of the kind that
    /// `allowed` wants.
    pub(crate) fn read(answer: &Value, allowed: impl Fn(&Address) -> bool) -> Option<Map> {
        let partitions = u32::try_from(answer["partitions"].as_u64()?).ok().filter(|count| count.is_power_of_two())?;
        let mut ring = Ring::empty(Grid::new(u8::try_from(partitions.trailing_zeros()).ok()?)?);
        let mut addresses = BTreeMap::new();
        for member in answer["members"].as_array()? {
            let read = read_member(member)?;
            if let Some(address) = Address::parse(&read.uri).ok().filter(&allowed) {
                addresses.insert(read.id, address);
            }
            ring = ring.with(read).ok()?;
        }
        let buckets = answer["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let map = Map {
            epoch: answer["epoch"].as_u64()?,
            ring,
            buckets: buckets.iter().filter_map(read_bucket).collect(),
            n: usize::try_from(answer["n"].as_u64()?).ok()?,
            addresses,
        };
        (!map.addresses.is_empty()).then_some(map)
    }

    /// Addresses of all members.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Address> {
        self.addresses.values()
    }

    /// Addresses of the replicas of a key, the owner first.
    pub(crate) fn replicas(&self, bucket: &str, key: &[u8]) -> Vec<&Address> {
        let partition = self.ring.grid().partition_of(&Token::of(key));
        let n = self.buckets.get(bucket).map_or(self.n, |bucket| bucket.n);
        let replicas = self.ring.preference_list(partition, n);
        replicas.iter().filter_map(|node| self.addresses.get(node)).collect()
    }

    /// What is known of a bucket.
    pub(crate) fn bucket(&self, name: &str) -> Option<Kept> {
        self.buckets.get(name).copied()
    }
}

fn read_member(member: &Value) -> Option<Member> {
    let tokens = member["tokens"].as_array()?.iter().map(|token| Token::parse_hex(token.as_str()?).ok());
    Some(Member {
        id: member["nodeId"].as_str()?.parse().ok()?,
        name: member["name"].as_str()?.to_owned(),
        uri: member["uri"].as_str()?.to_owned(),
        tokens: tokens.collect::<Option<_>>()?,
        weight: u32::try_from(member["weight"].as_u64()?).ok()?,
        zone: member["zone"].as_str().map(str::to_owned),
    })
}

fn read_bucket(bucket: &Value) -> Option<(String, Kept)> {
    let rule = match (bucket["mode"].as_str()?, bucket["rule"].as_str()?) {
        ("linearizable", _) => Rule::Linearizable,
        (_, "siblings") => Rule::Siblings,
        _ => Rule::LastWriterWins,
    };
    let n = usize::try_from(bucket["n"].as_u64()?).ok()?;
    Some((bucket["name"].as_str()?.to_owned(), Kept { n, rule }))
}

#[cfg(test)]
mod tests {
    use super::{Map, Rule};
    use crate::address::Address;
    use serde_json::{Value, json};

    fn answer() -> Value {
        let member = |id: u8, tokens: &[&str]| {
            let tokens: Vec<_> = tokens.iter().map(|head| format!("{head}{}", "0".repeat(39))).collect();
            json!({ "nodeId": format!("00000000-0000-0000-0000-{id:012}"), "name": format!("n{id}"), "uri": format!("http://h:{id}"),
                "zone": null, "weight": 100, "tokens": tokens })
        };
        json!({ "epoch": 7, "partitions": 16, "n": 2,
            "members": [member(1, &["4", "c"]), member(2, &["8"]), member(3, &["0"])],
            "buckets": [{ "name": "carts", "n": 1, "mode": "eventual", "rule": "siblings" }] })
    }

    fn replicas(map: &Map, bucket: &str, key: &str) -> Vec<String> {
        map.replicas(bucket, key.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_are_where_the_nodes_say() {
        let map = Map::read(&answer(), |_| true).unwrap();
        // key_2 has the token 1388…, key_20 ba37…, key_7 bf77….
        assert_eq!(replicas(&map, "default", "key_2"), ["http://h:1", "http://h:2"]);
        assert_eq!(replicas(&map, "default", "key_20"), ["http://h:1", "http://h:3"]);
        assert_eq!(replicas(&map, "carts", "key_7"), ["http://h:1"]);
        assert_eq!(map.bucket("carts").unwrap().rule, Rule::Siblings);
        assert_eq!((map.epoch, map.nodes().count(), map.bucket("other")), (7, 3, None));
    }

    #[test]
    fn what_makes_no_sense_is_no_map() {
        assert!(Map::read(&answer(), Address::is_tls).is_none());
        for (name, value) in [("partitions", json!(12)), ("members", json!({})), ("epoch", json!("7"))] {
            let mut answer = answer();
            answer[name] = value;
            assert!(Map::read(&answer, |_| true).is_none(), "{name}");
        }
    }
}
