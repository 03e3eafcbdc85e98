//! Making a backup: asks one node for pages of records, which it gathers from a quorum of the replicas of each partition,
//! and writes them down partition by partition.

use super::failed;
use crate::args;
use crate::client::Client;
use crate::cmd::cluster::{elements, human_bytes, text};
use crate::cmd::patience::patiently;
use crate::cmd::progress::{Progress, now};
use crate::exit::Failure;
use crate::output;
use api::span;
use backup::{BucketEntry, Directory, Entry, Frame, FrameReader, Manifest, PartWriter, Session, Written};
use bytes::Bytes;
use proto::{BucketId, Level, Mode, Rule};
use ring::PartitionId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Partitions that a sentence names.
const NAMED: usize = 8;

/// Makes a backup.
pub(super) fn run(args: &args::Backup, directory: &Path) -> Result<(), Failure> {
    let client = Client::to(&args.target)?;
    let cluster = client.get("/v1/cluster")?;
    let head = head(&cluster, &args.bucket)?;
    let directory = Directory::create(directory).map_err(failed)?;
    let mut taking = Taking::begin(&directory, head)?;
    taking.all(&client)?;
    if !taking.failed.is_empty() && !args.partial {
        return Err(taking.incomplete());
    }
    let (name, manifest, written) = taking.finish()?;
    if args.target.json {
        return output::print_json(&report(&name, &manifest, &written));
    }
    output::print(&sentences(&name, &manifest, &written))
}

fn report(name: &str, manifest: &Manifest, written: &Written) -> Value {
    json!({
        "name": name,
        "records": manifest.items(),
        "bytes": manifest.bytes(),
        "partitions": manifest.parts.len(),
        "writtenParts": written.parts,
        "writtenBytes": written.bytes,
        "sameParts": written.same,
        "missing": manifest.missing.iter().map(|partition| partition.0).collect::<Vec<_>>(),
    })
}

fn sentences(name: &str, manifest: &Manifest, written: &Written) -> String {
    let mut lines = format!(
        "backup {name}: {} records of {} buckets, {}\nwritten: {} parts, {}; {} parts were there already\n",
        manifest.items(),
        manifest.buckets.len(),
        human_bytes(manifest.bytes()),
        written.parts,
        human_bytes(written.bytes),
        written.same,
    );
    if !manifest.missing.is_empty() {
        lines += &format!("PARTIAL: {} partitions are not in it\n", manifest.missing.len());
    }
    lines
}

/// What the manifest says beside its parts.
fn head(cluster: &Value, wanted: &[String]) -> Result<Manifest, Failure> {
    let strange = || Failure::error("the node describes its cluster in a way this version does not know; update it");
    let number = |name: &str| cluster[name].as_u64().ok_or_else(strange);
    let all = elements(cluster, "buckets");
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|bucket| bucket["name"] == ***name)) {
        return Err(Failure::new(crate::exit::Code::NotFound, format!("there is no bucket {unknown}")));
    }
    let chosen = |bucket: &&Value| wanted.is_empty() || wanted.iter().any(|name| bucket["name"] == **name);
    let buckets = all.iter().filter(chosen).map(bucket).collect::<Option<Vec<_>>>().ok_or_else(strange)?;
    Ok(Manifest {
        cluster: u128::from_str_radix(&text(cluster, "cluster").replace('-', ""), 16).map_err(|_| strange())?,
        epoch: number("epoch")?,
        began: now(),
        ended: 0,
        partitions: u32::try_from(number("partitions")?).map_err(|_| strange())?,
        buckets,
        missing: Vec::new(),
        parts: Vec::new(),
    })
}

fn bucket(bucket: &Value) -> Option<BucketEntry> {
    Some(BucketEntry {
        id: BucketId(u32::try_from(bucket["id"].as_u64()?).ok()?),
        name: bucket["name"].as_str()?.to_owned(),
        n: u8::try_from(bucket["n"].as_u64()?).ok()?,
        r: Level::parse(bucket["r"].as_str()?)?,
        w: Level::parse(bucket["w"].as_str()?)?,
        mode: match bucket["mode"].as_str()? {
            "eventual" => Mode::Eventual,
            "linearizable" => Mode::Linearizable,
            _ => return None,
        },
        rule: match bucket["rule"].as_str()? {
            "lww" => Rule::LastWriterWins,
            "siblings" => Rule::Siblings,
            _ => return None,
        },
        ttl_millis: bucket["ttl"].as_str().and_then(span::parse).map(|ttl| ttl.as_millis()),
    })
}

/// A backup being made.
struct Taking {
    session: Session,
    head: Manifest,
    /// The part of the partition that comes now.
    open: Option<PartWriter>,
    /// The partition that comes next.
    next: u32,
    failed: Vec<(PartitionId, String)>,
    records: u64,
    progress: Progress,
}

impl Taking {
    fn begin(directory: &Directory, head: Manifest) -> Result<Taking, Failure> {
        let session = Session::begin(directory).map_err(failed)?;
        let progress = Progress::default();
        Ok(Taking { session, head, open: None, next: 0, failed: Vec::new(), records: 0, progress })
    }

    fn all(&mut self, client: &Client) -> Result<(), Failure> {
        let names: Vec<&str> = self.head.buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        let names = names.join(",");
        let mut cursor: Option<String> = None;
        loop {
            let frames = page(client, &json!({ "buckets": names, "cursor": cursor }))?;
            cursor = None;
            for frame in frames {
                match frame {
                    Frame::Entry(entry) => self.entry(&entry)?,
                    Frame::Complete(partition) => self.complete(partition)?,
                    Frame::Failed(partition, why) => self.lost(partition, why)?,
                    Frame::More(behind) => cursor = Some(behind),
                    Frame::End => {}
                }
            }
            let (next, all, records) = (self.next, self.head.partitions, self.records);
            self.progress.say(|| format!("{next} of {all} partitions, {records} records"));
            if cursor.is_none() {
                break;
            }
        }
        if self.next == self.head.partitions { Ok(()) } else { Err(out_of_order()) }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Failure> {
        let slot = codec::parse_slot_key(&entry.key).map_err(|_| out_of_order())?;
        if u32::from(slot.partition.0) != self.next {
            return Err(out_of_order());
        }
        if self.open.is_none() {
            self.open = Some(self.session.part(slot.partition));
        }
        self.records += 1;
        self.open.as_mut().map_or(Ok(()), |part| part.add(entry)).map_err(failed)
    }

    fn complete(&mut self, partition: PartitionId) -> Result<(), Failure> {
        self.step(partition)?;
        self.open.take().map_or(Ok(()), |part| self.session.keep(part)).map_err(failed)
    }

    fn lost(&mut self, partition: PartitionId, why: String) -> Result<(), Failure> {
        self.step(partition)?;
        self.records -= self.open.take().map_or(0, |part| part.items());
        self.failed.push((partition, why));
        Ok(())
    }

    fn step(&mut self, partition: PartitionId) -> Result<(), Failure> {
        if u32::from(partition.0) != self.next {
            return Err(out_of_order());
        }
        self.next += 1;
        Ok(())
    }

    fn incomplete(&self) -> Failure {
        let named: Vec<String> = self.failed.iter().take(NAMED).map(|(partition, _)| partition.0.to_string()).collect();
        let more = match self.failed.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let reasons: BTreeSet<&str> = self.failed.iter().map(|(_, why)| why.trim_end_matches('.')).collect();
        let reasons: Vec<&str> = reasons.into_iter().take(2).collect();
        Failure::unavailable(format!(
            "no backup was made, because partitions {}{more} cannot be read at a quorum ({}); start the nodes that are \
             down, or leave them out with --partial",
            named.join(", "),
            reasons.join("; ")
        ))
    }

    fn finish(self) -> Result<(String, Manifest, Written), Failure> {
        let missing = self.failed.iter().map(|(partition, _)| *partition).collect();
        let manifest = Manifest { ended: now(), missing, ..self.head };
        // To the millisecond, so that names are in the order of time.
        let stamp = api::utc::exact(manifest.ended).replace(['-', ':'], "").replace(' ', "T") + "Z";
        self.session.finish(manifest, &stamp).map_err(failed)
    }
}

/// One page, whole.
fn page(client: &Client, request: &Value) -> Result<Vec<Frame>, Failure> {
    patiently(|| client.post_for_bytes("/v1/backup/page", request).and_then(|answer| frames(answer.body)))
}

fn frames(body: Bytes) -> Result<Vec<Frame>, Failure> {
    let mut reader = FrameReader::new(body);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().map_err(|error| Failure::unavailable(error.to_string()))? {
        frames.push(frame);
    }
    match frames.last() {
        Some(Frame::More(_) | Frame::End) => Ok(frames),
        _ => Err(Failure::unavailable("the node broke off in the middle of its answer")),
    }
}

fn out_of_order() -> Failure {
    Failure::error("the node gave records out of their order; report this as a bug")
}
