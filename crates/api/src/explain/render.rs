//! An explanation as JSON.
//!
//! Invariant: versions are named by their dots, as `node.incarnation:counter`, everywhere in one answer; times are
//! milliseconds since the Unix epoch and, beside it, text.

use crate::buckets::bucket_json;
use crate::cluster::condition_text;
use crate::utc;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causal::{Actor, Dot, Stamp};
use proto::explain::{Account, Answer, Explanation, Held, PREVIEW_BYTES, Testimony, Witness};
use proto::paxos::Ballot;
use proto::{Level, Mode, Progress, Record, Version};
use ring::NodeId;
use serde_json::{Map, Value, json};

/// The whole answer.
pub(super) fn explanation(of: &Explanation) -> Value {
    let merged = of.merged();
    let mut out = Map::new();
    add_bytes(&mut out, "key", &of.key.partition_key);
    if let Some(sort) = &of.key.sort_key {
        add_bytes(&mut out, "sort", sort);
    }
    let mut add = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    add("bucket", bucket_json(&of.bucket));
    add("token", of.token.to_string().into());
    add("partition", of.partition.0.into());
    add("by", name(of, of.by).into());
    add("at", of.at.0.into());
    add("time", utc::exact(of.at.0).into());
    add("views", of.views.iter().map(|view| view_json(of, view)).collect());
    add("nodes", of.witnesses.iter().map(|witness| witness_json(of, witness, merged.as_ref())).collect());
    add("versions", versions(of));
    add(
        "merged",
        json!({ "versions": dots(of, all_dots(merged.as_ref())), "visible": dots(of, of.visible(merged.as_ref())) }),
    );
    add("hints", hints(of));
    add("repair", repair(of, merged.as_ref()));
    add("answers", answers(of));
    Value::Object(out)
}

fn view_json(of: &Explanation, view: &proto::explain::ViewUse) -> Value {
    let replicas: Vec<String> = view.replicas.iter().map(|node| name(of, *node)).collect();
    json!({ "epoch": view.epoch.0, "reads": view.reads, "writes": view.writes, "replicas": replicas })
}

fn witness_json(of: &Explanation, witness: &Witness, merged: Option<&Record>) -> Value {
    let answered = match &witness.testimony {
        Testimony::Answered(_) => "yes",
        Testimony::Unreachable => "not asked, it looks down",
        Testimony::Silent => "not in time",
    };
    let mut out = json!({
        "nodeId": witness.node.to_string(),
        "name": name(of, witness.node),
        "uri": witness.uri,
        "replica": of.is_replica(witness.node),
        "condition": condition_text(witness.condition),
        "answered": answered,
    });
    if let (Testimony::Answered(account), Some(out)) = (&witness.testimony, out.as_object_mut()) {
        let Value::Object(more) = account_json(of, witness.node, account, merged) else { return Value::Null };
        out.extend(more);
    }
    out
}

fn account_json(of: &Explanation, node: NodeId, account: &Account, merged: Option<&Record>) -> Value {
    let (holds, error) = match &account.seen.held {
        Held::Nothing => ("nothing", None),
        Held::Record { .. } => ("record", None),
        Held::Failed(why) => ("unreadable", Some(why)),
    };
    let record = account.seen.held.record();
    json!({
        "epoch": account.epoch.0,
        "stable": account.stable.0,
        "reading": account.reading.0,
        "progress": progress(&account.progress),
        "servesIt": account.replica,
        "holds": holds,
        "error": error,
        "versions": dots(of, all_dots(record)),
        "visible": dots(of, of.visible(record)),
        "seen": record.map(|record| dots(of, context(record))),
        "register": record.and_then(|record| register_json(of, record)),
        "behind": of.is_replica(node) && is_behind(record, merged),
        "partitionHash": account.seen.root.map(|root| format!("{root:016x}")),
    })
}

/// What a replica of a linearizable bucket has promised and accepted.
fn register_json(of: &Explanation, record: &Record) -> Option<Value> {
    let Record::Register(register) = record else { return None };
    let accepted = register.state.accepted.as_ref();
    Some(json!({
        "promised": ballot(of, &register.state.promised),
        "accepted": accepted.map(|(under, _)| ballot(of, under)),
        "version": accepted.map(|(_, cell)| cell.number),
        "deleted": accepted.is_some_and(|(_, cell)| cell.value.as_ref().is_none_or(|version| version.value.is_none())),
        "voted": !register.learned,
    }))
}

fn ballot(of: &Explanation, ballot: &Ballot) -> String {
    let actor = Actor { node: ballot.node.0, incarnation: ballot.incarnation };
    dot_text(of, Dot { actor, counter: ballot.counter })
}

/// True if a replica lacks something that others have. What each has promised is its own affair.
fn is_behind(record: Option<&Record>, merged: Option<&Record>) -> bool {
    let accepted = |record: Option<&Record>| match record {
        Some(Record::Register(register)) => register.accepted_under(),
        _ => Ballot::default(),
    };
    match (record, merged) {
        (Some(Record::Register(_)), _) | (_, Some(Record::Register(_))) => accepted(record) != accepted(merged),
        _ => record != merged,
    }
}

fn progress(progress: &Progress) -> Value {
    json!({
        "acked": progress.acked.0,
        "synced": progress.synced.0,
        "switched": progress.switched.0,
        "settled": progress.settled.0,
    })
}

/// Every version that anybody holds, once, and who holds it.
fn versions(of: &Explanation) -> Value {
    let mut found: Vec<(Dot, &Version, u64, Vec<String>)> = Vec::new();
    for witness in &of.witnesses {
        let Some(Held::Record { record, sizes }) = of.account(witness.node).map(|account| &account.seen.held) else {
            continue;
        };
        for ((dot, version), size) in record.versions().into_iter().zip(sizes) {
            match found.iter_mut().find(|(known, ..)| *known == dot) {
                Some((.., holders)) => holders.push(name(of, witness.node)),
                None => found.push((dot, version, *size, vec![name(of, witness.node)])),
            }
        }
    }
    // Newest first.
    found.sort_by_key(|(dot, version, ..)| std::cmp::Reverse((version.stamp, *dot)));
    found.into_iter().map(|(dot, version, size, holders)| version_json(of, dot, version, size, &holders)).collect()
}

fn version_json(of: &Explanation, dot: Dot, version: &Version, size: u64, holders: &[String]) -> Value {
    let expired = version.expires.is_some_and(|end| end <= of.at);
    let mut out = Map::new();
    let mut add = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    add("dot", dot_text(of, dot).into());
    add("nodeId", NodeId(dot.actor.node).to_string().into());
    add("node", origin(of, dot.actor).into());
    add("stamp", stamp(version.stamp));
    add("tombstone", version.value.is_none().into());
    add("expires", version.expires.map(|end| end.0).into());
    add("expired", expired.into());
    add("visible", version.visible(of.at).is_some().into());
    add("bytes", size.into());
    add("heldBy", holders.into());
    if let Some(value) = &version.value {
        add("contentType", value.content_type.clone().into());
        add("cut", (size > PREVIEW_BYTES as u64).into());
        add_bytes(&mut out, "value", whole_characters(&value.bytes, size));
    }
    Value::Object(out)
}

/// A preview that was cut in the middle of a character, without the half of it.
fn whole_characters(bytes: &[u8], size: u64) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if size > bytes.len() as u64 && error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

fn stamp(stamp: Stamp) -> Value {
    json!({ "millis": stamp.millis(), "counter": stamp.counter(), "time": utc::exact(stamp.millis()) })
}

fn hints(of: &Explanation) -> Value {
    let mut waiting = Vec::new();
    let mut cut = Vec::new();
    for witness in &of.witnesses {
        let Some(account) = of.account(witness.node) else { continue };
        if account.seen.hints_cut {
            cut.push(name(of, witness.node));
        }
        for hint in &account.seen.hints {
            waiting.push(json!({
                "on": name(of, witness.node),
                "for": name(of, hint.target),
                "newest": hint.stamp.map(stamp),
            }));
        }
    }
    json!({ "waiting": waiting, "notAllLookedAtOn": cut })
}

/// What anti-entropy will find: whether this item differs, and whether the whole partition does, as far as hashes are
/// known.
fn repair(of: &Explanation, merged: Option<&Record>) -> Value {
    let replicas = || of.readers().iter().filter_map(|node| of.account(*node));
    let roots: Vec<Option<u64>> = replicas().map(|account| account.seen.root).collect();
    let all_answered = roots.len() == of.readers().len();
    let all_known = roots.iter().all(Option::is_some);
    let same = roots.windows(2).all(|pair| pair[0] == pair[1]);
    let behind = replicas().any(|account| is_behind(account.seen.held.record(), merged));
    json!({
        "item": if behind { "differs" } else { "same on all that answered" },
        "partition": match (all_answered, all_known, same) {
            (true, true, true) => "same on all replicas",
            (_, true, false) => "differs",
            (false, ..) => "not all replicas answered",
            (true, false, _) => "not known yet",
        },
    })
}

fn answers(of: &Explanation) -> Value {
    let at_each: Vec<Value> = of
        .readers()
        .iter()
        .map(|node| {
            let mut answer = match of.account(*node).map(|account| &account.seen.held) {
                Some(Held::Failed(_)) | None => json!({ "refused": { "needed": 1, "got": 0 } }),
                Some(held) => answer_json(of, &Answer::Versions(of.visible(held.record()))),
            };
            answer["at"] = name(of, *node).into();
            answer
        })
        .collect();
    let at = |level: Level| of.answers(level).iter().map(|answer| answer_json(of, answer)).collect::<Vec<_>>();
    let all = if of.bucket.mode == Mode::Linearizable { Vec::new() } else { at(Level::All) };
    json!({ "one": at_each, "quorum": at(Level::Quorum), "all": all })
}

fn answer_json(of: &Explanation, answer: &Answer) -> Value {
    match answer {
        Answer::Versions(versions) if versions.is_empty() => json!({ "found": false }),
        Answer::Versions(versions) => json!({ "found": true, "versions": dots(of, versions.iter().copied()) }),
        Answer::Refused { needed, got } => json!({ "refused": { "needed": needed, "got": got } }),
        Answer::Impossible => json!({ "impossible": true }),
        Answer::Unclear => json!({ "unclear": true }),
        Answer::Undecided => json!({ "undecided": true }),
    }
}

fn all_dots(record: Option<&Record>) -> Vec<Dot> {
    record.map(|record| record.versions().into_iter().map(|(dot, _)| dot).collect()).unwrap_or_default()
}

fn context(record: &Record) -> Vec<Dot> {
    record.context().iter().map(|(actor, counter)| Dot { actor, counter }).collect()
}

fn dots(of: &Explanation, dots: impl IntoIterator<Item = Dot>) -> Vec<String> {
    dots.into_iter().map(|dot| dot_text(of, dot)).collect()
}

fn dot_text(of: &Explanation, dot: Dot) -> String {
    let life = dot.actor.incarnation >> 32;
    format!("{}.{life}:{}", origin(of, dot.actor), dot.counter)
}

/// The name of the node that made a version; the beginning of its id if it is not a node of this cluster, as for versions
/// that were made by whoever was at hand, or restored.
fn origin(of: &Explanation, actor: Actor) -> String {
    let known = of.origins.iter().find(|(node, _)| node.0 == actor.node);
    known.map_or_else(|| format!("{:08x}", actor.node >> 96), |(_, name)| name.clone())
}

fn name(of: &Explanation, node: NodeId) -> String {
    let witness = of.witnesses.iter().find(|witness| witness.node == node);
    witness.map_or_else(|| node.to_string(), |witness| witness.name.clone())
}

fn add_bytes(out: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.insert(name.to_owned(), text.into()),
        Err(_) => out.insert(format!("{name}_base64"), STANDARD.encode(bytes).into()),
    };
}
