//! `alianza restore`: a backup back into a cluster, empty or alive.
//!
//! Everything in the backup is read and checked before the first record goes out, and afterwards compared with what the
//! cluster answers. Invariant: broken off and begun again, it does no more than one that went through.

use super::backup::failed;
use super::cluster::{elements, text};
use super::patience::patiently;
use super::progress::Progress;
use crate::args::Restore;
use crate::client::Client;
use crate::exit::{Code, Failure};
use crate::output;
use backup::{BucketEntry, Directory, Entry, Frame, Manifest, read_all, write_frame};
use proto::{BucketId, Mode, Rule};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A request has so many records, or so many bytes.
const BATCH_RECORDS: usize = 128;
const BATCH_BYTES: usize = 1 << 20;

/// Restores a backup.
pub(crate) fn run(args: &Restore) -> Result<(), Failure> {
    let directory = Directory::open(&args.directory).map_err(failed)?;
    let client = Client::to(&args.target)?;
    let begun = args.resume.map(|event| Begun::find(&client, event)).transpose()?;
    let name = args.name.as_deref().or(begun.as_ref().map(|begun| begun.name.as_str()));
    let (name, manifest, hash) = choose(&directory, name)?;
    let buckets = match &begun {
        Some(begun) => chosen(&manifest, begun.same(&name, &hash.to_string(), &args.bucket)?)?,
        None => chosen(&manifest, &args.bucket)?,
    };
    let flaws = backup::verify(&directory, &manifest, &mut std::collections::BTreeSet::new());
    if let Some(flaw) = flaws.first() {
        return Err(Failure::error(format!(
            "{flaw}; nothing was restored, and `alianza backup verify` names all damage"
        )));
    }
    if !manifest.missing.is_empty() {
        output::remark(&format!("backup {name} is partial: {} partitions are not in it", manifest.missing.len()));
    }
    make_buckets(&client, &buckets)?;
    let restore = match &begun {
        Some(begun) => begun.event,
        None => begin(&client, args.overwrite, (&name, &hash.to_string()), &buckets)?,
    };
    output::remark(&format!("event {restore} of the history; if this is broken off, go on with --resume {restore}"));
    let mut sending = Sending { client: &client, directory: &directory, manifest: &manifest, buckets, restore };
    let broken_off = |failure: Failure| failure.adding(&format!("not all is restored, go on with --resume {restore}"));
    let written = sending.all("write").map_err(broken_off)?;
    let checked = sending.all("check").map_err(broken_off)?;
    let report = Report { name: &name, restore, written, checked };
    report.show(args.target.json)
}

fn choose(directory: &Directory, name: Option<&str>) -> Result<(String, Manifest, proto::Digest), Failure> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => {
            let mut all = directory.list().map_err(failed)?;
            let newest = all.pop().ok_or_else(|| Failure::new(Code::NotFound, "there is no finished backup there"))?;
            newest.name
        }
    };
    let (manifest, hash) = directory.manifest(&name).map_err(failed)?;
    Ok((name, manifest, hash))
}

fn chosen(manifest: &Manifest, wanted: &[String]) -> Result<BTreeMap<BucketId, BucketEntry>, Failure> {
    if let Some(unknown) = wanted.iter().find(|name| !manifest.buckets.iter().any(|bucket| bucket.name == **name)) {
        return Err(Failure::new(Code::NotFound, format!("bucket {unknown} is not in the backup")));
    }
    let is_wanted = |bucket: &&BucketEntry| wanted.is_empty() || wanted.contains(&bucket.name);
    Ok(manifest.buckets.iter().filter(is_wanted).map(|bucket| (bucket.id, bucket.clone())).collect())
}

/// Makes the buckets that are not there, with their settings. One with another rule could not take the records.
fn make_buckets(client: &Client, buckets: &BTreeMap<BucketId, BucketEntry>) -> Result<(), Failure> {
    let there = elements(&client.get("/v1/buckets")?, "buckets");
    for bucket in buckets.values() {
        let rule = match bucket.rule {
            Rule::LastWriterWins => "lww",
            Rule::Siblings => "siblings",
        };
        let mode = match bucket.mode {
            Mode::Eventual => "eventual",
            Mode::Linearizable => "linearizable",
        };
        match there.iter().find(|known| known["name"] == *bucket.name) {
            Some(known) if known["mode"] != mode => {
                let (name, is) = (&bucket.name, text(known, "mode"));
                return Err(Failure::new(
                    Code::Conflict,
                    format!(
                        "bucket {name} is {is} here and {mode} in the backup, and that is fixed; restore into another cluster, or leave it out with --bucket"
                    ),
                ));
            }
            Some(known) if bucket.mode == Mode::Eventual && known["rule"] != rule => {
                let (name, is) = (&bucket.name, text(known, "rule"));
                return Err(Failure::new(
                    Code::Conflict,
                    format!(
                        "bucket {name} has the rule {is} here and {rule} in the backup, and a rule is fixed; restore into another cluster, or leave it out with --bucket"
                    ),
                ));
            }
            Some(_) => {}
            None => {
                let ttl = bucket.ttl_millis.map(|millis| format!("{millis}ms"));
                let (n, r, w) = (bucket.n, bucket.r.to_string(), bucket.w.to_string());
                let settings = match bucket.mode {
                    Mode::Eventual => json!({ "n": n, "r": r, "w": w, "rule": rule, "ttl": ttl }),
                    Mode::Linearizable => json!({ "n": n, "mode": mode }),
                };
                client.put(&format!("/v1/buckets/{}", bucket.name), &settings)?;
            }
        }
    }
    Ok(())
}

fn begin(
    client: &Client,
    overwrite: bool,
    (name, hash): (&str, &str),
    buckets: &BTreeMap<BucketId, BucketEntry>,
) -> Result<u64, Failure> {
    let names: Vec<&str> = buckets.values().map(|bucket| bucket.name.as_str()).collect();
    let mode = if overwrite { "overwrite" } else { "only-missing" };
    let body = json!({ "backup": hash, "name": name, "buckets": names.join(","), "mode": mode });
    let answer = client.post("/v1/restore", &body)?;
    answer["restore"].as_u64().ok_or_else(|| Failure::error("the node did not say which event began the restore"))
}

/// A restore that was begun before, as the history has it.
struct Begun {
    event: u64,
    name: String,
    hash: String,
    buckets: Vec<String>,
}

impl Begun {
    fn find(client: &Client, event: u64) -> Result<Begun, Failure> {
        let history = elements(&client.get("/v1/history")?, "events");
        let found = history.iter().find(|known| known["epoch"] == event && known["type"] == "RESTORE");
        let about = found.map(|found| &found["about"]).ok_or_else(|| {
            let begun: Vec<String> =
                history.iter().filter(|known| known["type"] == "RESTORE").map(|known| text(known, "epoch")).collect();
            let those = if begun.is_empty() { "there is none".to_owned() } else { begun.join(", ") };
            Failure::new(Code::NotFound, format!("event {event} began no restore; those that did: {those}"))
        })?;
        let buckets = elements(about, "buckets").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        Ok(Begun { event, name: text(about, "name"), hash: text(about, "backup"), buckets })
    }

    /// The buckets to go on with, if this is the backup it was begun with.
    fn same<'a>(&'a self, name: &str, hash: &str, wanted: &'a [String]) -> Result<&'a [String], Failure> {
        let Begun { event, buckets, .. } = self;
        if self.hash != hash {
            let begun = &self.name;
            return Err(Failure::new(
                Code::Conflict,
                format!("event {event} began the restore of backup {begun}, and this is {name}; name that one"),
            ));
        }
        if let Some(other) = wanted.iter().find(|name| !buckets.contains(name)) {
            let those = buckets.join(", ");
            return Err(Failure::new(
                Code::Conflict,
                format!("event {event} began the restore of {those}, not of {other}; begin another restore for it"),
            ));
        }
        Ok(if wanted.is_empty() { buckets } else { wanted })
    }
}

/// Sends all records of a backup.
struct Sending<'a> {
    client: &'a Client,
    directory: &'a Directory,
    manifest: &'a Manifest,
    buckets: BTreeMap<BucketId, BucketEntry>,
    restore: u64,
}

/// Numbers of an answer, added up.
type Counts = BTreeMap<String, u64>;

impl Sending<'_> {
    fn all(&mut self, act: &str) -> Result<Counts, Failure> {
        let mut counts = Counts::new();
        let mut progress = Progress::default();
        let (parts, mut records) = (self.manifest.parts.len(), 0);
        // Over all parts, which are small: requests would be many and nearly empty otherwise.
        let mut batches: BTreeMap<BucketId, Batch> = BTreeMap::new();
        for (at, part) in self.manifest.parts.iter().enumerate() {
            let mut refused = None;
            let read = read_all(&self.directory.part(part), part.hash, part.partition, &mut |entry| {
                records += 1;
                let sent = self.entry(&mut batches, &entry, act, &mut counts);
                sent.map_err(|failure| {
                    let error = backup::Error::new(failure.to_string());
                    refused = Some(failure);
                    error
                })
            });
            if let Some(failure) = refused {
                return Err(failure);
            }
            read.map_err(failed)?;
            progress.say(|| format!("{act}: {} of {parts} partitions, {records} records", at + 1));
        }
        for (bucket, batch) in batches {
            self.send(bucket, batch, act, &mut counts)?;
        }
        Ok(counts)
    }

    fn entry(
        &self,
        batches: &mut BTreeMap<BucketId, Batch>,
        entry: &Entry,
        act: &str,
        counts: &mut Counts,
    ) -> Result<(), Failure> {
        let slot = codec::parse_slot_key(&entry.key).map_err(|error| Failure::error(error.to_string()))?;
        if !self.buckets.contains_key(&slot.bucket) {
            return Ok(());
        }
        let batch = batches.entry(slot.bucket).or_default();
        write_frame(&mut batch.body, &Frame::Entry(entry.clone()));
        batch.records += 1;
        if batch.records < BATCH_RECORDS && batch.body.len() < BATCH_BYTES {
            return Ok(());
        }
        let full = std::mem::take(batch);
        self.send(slot.bucket, full, act, counts)
    }

    fn send(&self, bucket: BucketId, batch: Batch, act: &str, counts: &mut Counts) -> Result<(), Failure> {
        let Some(bucket) = self.buckets.get(&bucket).filter(|_| batch.records > 0) else { return Ok(()) };
        let path = format!("/v1/restore/items?restore={}&bucket={}&act={act}", self.restore, bucket.name);
        let answer = patiently(|| self.client.post_bytes(&path, &batch.body))?;
        let numbers = answer.as_object().cloned().unwrap_or_default();
        for (name, number) in numbers {
            *counts.entry(name).or_insert(0) += number.as_u64().unwrap_or(0);
        }
        Ok(())
    }
}

/// Records of one bucket on their way.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    records: usize,
}

struct Report<'a> {
    name: &'a str,
    restore: u64,
    written: Counts,
    checked: Counts,
}

impl Report<'_> {
    fn show(&self, as_json: bool) -> Result<(), Failure> {
        let written = |name: &str| self.written.get(name).copied().unwrap_or(0);
        let checked = |name: &str| self.checked.get(name).copied().unwrap_or(0);
        if as_json {
            let mut report = Map::new();
            report.insert("name".to_owned(), self.name.into());
            report.insert("restore".to_owned(), self.restore.into());
            for name in ["written", "done", "kept", "dead"] {
                report.insert(name.to_owned(), written(name).into());
            }
            for name in ["equal", "different", "missing"] {
                report.insert(name.to_owned(), checked(name).into());
            }
            output::print_json(&Value::Object(report))?;
        } else {
            output::print(&format!(
                "restored {}: {} items written, {} were written before, {} kept as they are, {} deleted or expired in the \
                 backup\nread back: {} are equal to the backup, {} differ (kept, or changed since), {} are missing\n",
                self.name,
                written("written"),
                written("done"),
                written("kept"),
                written("dead"),
                checked("equal"),
                checked("different"),
                checked("missing"),
            ))?;
        }
        match checked("missing") {
            0 => Ok(()),
            missing => Err(Failure::error(format!(
                "{missing} restored items cannot be read back; go on with --resume {}",
                self.restore
            ))),
        }
    }
}
