//! A manifest: what one backup consists of. JSON, one line per part, and as its last line the hash of everything before,
//! which names the backup and says that it was finished.
//!
//! Invariant: a manifest without that line, or with another hash, is none.

use proto::{Bucket, BucketId, Digest, Level, Mode, Rule};
use ring::PartitionId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FORMAT: u64 = 1;
const END: &str = "\nblake3 ";

/// Where the content of a partition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The partition.
    pub partition: PartitionId,
    /// Hash of the part, which is its name.
    pub hash: Digest,
    /// Records in it, tombstones among them.
    pub items: u64,
    /// Its length.
    pub bytes: u64,
}

/// A bucket as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketEntry {
    /// Its number in the cluster that was backed up, which is in the storage keys.
    pub id: BucketId,
    /// Its name.
    pub name: String,
    /// Copies of each item.
    pub n: u8,
    /// Default level of reads.
    pub r: Level,
    /// Default level of writes.
    pub w: Level,
    /// What it promises.
    pub mode: Mode,
    /// How concurrent writes are settled, if it is eventual.
    pub rule: Rule,
    /// Time to live in milliseconds.
    pub ttl_millis: Option<u64>,
}

impl BucketEntry {
    /// Of a bucket.
    pub fn of(bucket: &Bucket) -> BucketEntry {
        let Bucket { id, name, n, r, w, mode, rule, ttl } = bucket.clone();
        BucketEntry { id, name, n, r, w, mode, rule, ttl_millis: ttl.map(|ttl| ttl.as_millis()) }
    }
}

/// One backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The cluster it is of.
    pub cluster: u128,
    /// The newest epoch when it began.
    pub epoch: u64,
    /// When it began, in milliseconds since the Unix epoch, by the clock of the machine that made it.
    pub began: u64,
    /// When it was finished.
    pub ended: u64,
    /// Number of partitions of that cluster.
    pub partitions: u32,
    /// Buckets in it.
    pub buckets: Vec<BucketEntry>,
    /// Partitions that could not be read at a quorum and are not in it; empty unless that was allowed.
    pub missing: Vec<PartitionId>,
    /// Partitions with content, ascending.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// Records in it.
    pub fn items(&self) -> u64 {
        self.parts.iter().map(|part| part.items).sum()
    }

    /// Bytes of its parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The text, and the hash that names it.
    pub fn write(&self) -> (String, Digest) {
        let part = |part: &Part| format!("{} {} {} {}", part.partition.0, part.hash, part.items, part.bytes);
        let json = json!({
            "format": FORMAT,
            "cluster": format!("{:032x}", self.cluster),
            "epoch": self.epoch,
            "began": self.began,
            "ended": self.ended,
            "partitions": self.partitions,
            "buckets": self.buckets.iter().map(bucket_json).collect::<Vec<_>>(),
            "missing": self.missing.iter().map(|partition| partition.0).collect::<Vec<_>>(),
            "parts": self.parts.iter().map(part).collect::<Vec<_>>(),
        });
        let text = format!("{json:#}");
        let hash = Digest(*blake3::hash(text.as_bytes()).as_bytes());
        (format!("{text}{END}{hash}\n"), hash)
    }

    /// Reads a manifest, and the hash that names it.
    pub fn read(text: &str) -> Result<(Manifest, Digest), String> {
        let unfinished = || "it was not finished".to_owned();
        let (body, end) = text.rsplit_once(END).ok_or_else(unfinished)?;
        let said = end.strip_suffix('\n').and_then(digest).ok_or_else(unfinished)?;
        let hash = Digest(*blake3::hash(body.as_bytes()).as_bytes());
        if hash != said {
            return Err("its content does not have the hash that it says".to_owned());
        }
        let json: Value = serde_json::from_str(body).map_err(|error| format!("it is not JSON: {error}"))?;
        match json["format"].as_u64() {
            Some(FORMAT) => {}
            other => return Err(format!("it has format {other:?}, and this version knows {FORMAT}")),
        }
        parse(&json).map(|manifest| (manifest, hash)).ok_or_else(|| "a field of it makes no sense".to_owned())
    }
}

fn bucket_json(bucket: &BucketEntry) -> Value {
    json!({
        "id": bucket.id.0,
        "name": bucket.name,
        "n": bucket.n,
        "r": bucket.r.to_string(),
        "w": bucket.w.to_string(),
        "mode": match bucket.mode { Mode::Eventual => "eventual", Mode::Linearizable => "linearizable" },
        "rule": match bucket.rule { Rule::LastWriterWins => "lww", Rule::Siblings => "siblings" },
        "ttlMillis": bucket.ttl_millis,
    })
}

fn parse(json: &Value) -> Option<Manifest> {
    let number = |name: &str| json[name].as_u64();
    let partitions = u32::try_from(number("partitions")?).ok().filter(|count| (1..=1 << 16).contains(count))?;
    let partition =
        |number: u64| Some(PartitionId(u16::try_from(number).ok()?)).filter(|p| u32::from(p.0) < partitions);
    let parts: Vec<Part> =
        json["parts"].as_array()?.iter().map(|line| part(line.as_str()?, partition)).collect::<Option<_>>()?;
    let rising = parts.windows(2).all(|pair| pair[0].partition < pair[1].partition);
    let buckets: Vec<BucketEntry> = json["buckets"].as_array()?.iter().map(bucket).collect::<Option<_>>()?;
    let distinct = |count: usize| count == buckets.len();
    let named = distinct(buckets.iter().map(|bucket| &bucket.name).collect::<BTreeSet<_>>().len());
    let numbered = distinct(buckets.iter().map(|bucket| bucket.id).collect::<BTreeSet<_>>().len());
    let manifest = Manifest {
        cluster: u128::from_str_radix(json["cluster"].as_str()?, 16).ok()?,
        epoch: number("epoch")?,
        began: number("began")?,
        ended: number("ended")?,
        partitions,
        buckets,
        missing: json["missing"].as_array()?.iter().map(|number| partition(number.as_u64()?)).collect::<Option<_>>()?,
        parts,
    };
    (rising && named && numbered).then_some(manifest)
}

fn part(line: &str, partition: impl Fn(u64) -> Option<PartitionId>) -> Option<Part> {
    let mut words = line.split(' ');
    let part = Part {
        partition: partition(words.next()?.parse().ok()?)?,
        hash: digest(words.next()?)?,
        items: words.next()?.parse().ok()?,
        bytes: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(part)
}

fn bucket(json: &Value) -> Option<BucketEntry> {
    Some(BucketEntry {
        id: BucketId(u32::try_from(json["id"].as_u64()?).ok()?),
        name: json["name"].as_str().filter(|name| Bucket::name_is_valid(name))?.to_owned(),
        n: u8::try_from(json["n"].as_u64()?).ok()?,
        r: Level::parse(json["r"].as_str()?)?,
        w: Level::parse(json["w"].as_str()?)?,
        mode: match json["mode"].as_str()? {
            "eventual" => Mode::Eventual,
            "linearizable" => Mode::Linearizable,
            _ => return None,
        },
        rule: match json["rule"].as_str()? {
            "lww" => Rule::LastWriterWins,
            "siblings" => Rule::Siblings,
            _ => return None,
        },
        ttl_millis: match &json["ttlMillis"] {
            Value::Null => None,
            millis => Some(millis.as_u64()?),
        },
    })
}

/// Reads 64 hex digits.
pub(crate) fn digest(text: &str) -> Option<Digest> {
    let digits = text.as_bytes();
    let lower = |digit: &u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit);
    if digits.len() != 64 || !digits.iter().all(lower) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(Digest(digest))
}

#[cfg(test)]
mod tests {
    use super::{BucketEntry, Manifest, Part};
    use proto::{BucketId, Digest, Level, Mode, Rule};
    use ring::PartitionId;

    fn manifest() -> Manifest {
        let bucket = BucketEntry {
            id: BucketId(3),
            name: "carts".to_owned(),
            n: 3,
            r: Level::Quorum,
            w: Level::Count(2),
            mode: Mode::Eventual,
            rule: Rule::Siblings,
            ttl_millis: Some(60_000),
        };
        let locks = BucketEntry {
            id: BucketId(2),
            name: "locks".to_owned(),
            w: Level::Quorum,
            mode: Mode::Linearizable,
            rule: Rule::LastWriterWins,
            ttl_millis: None,
            ..bucket.clone()
        };
        let part = |partition| Part { partition: PartitionId(partition), hash: Digest([7; 32]), items: 2, bytes: 99 };
        Manifest {
            cluster: 0xa11a,
            epoch: 5,
            began: 1,
            ended: 2,
            partitions: 16,
            buckets: vec![locks, bucket],
            missing: vec![PartitionId(4)],
            parts: vec![part(1), part(15)],
        }
    }

    #[test]
    fn a_manifest_reads_back_and_every_changed_letter_shows() {
        let (text, hash) = manifest().write();
        assert_eq!(Manifest::read(&text), Ok((manifest(), hash)));
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).unwrap();
            assert!(Manifest::read(&bad).is_err(), "{at}: {bad}");
            assert!(Manifest::read(&text[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_whatever_its_hash() {
        let wrong = [
            Manifest { parts: vec![manifest().parts[1], manifest().parts[0]], ..manifest() },
            Manifest { partitions: 8, ..manifest() },
            Manifest { buckets: [manifest().buckets, manifest().buckets].concat(), ..manifest() },
        ];
        for manifest in wrong {
            assert!(Manifest::read(&manifest.write().0).is_err());
        }
    }
}
