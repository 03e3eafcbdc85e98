//! Short words for messages, requests and answers, for traces, and the number that tells a message best from others of
//! its kind, for the hash.

use crate::fault::HostId;
use node::proto;
use node::proto::{Admin, Found, ItemKey, Message, ReadAnswer, Record, Request, Response, ScanAnswer};
use ring::NodeId;

/// A message's kind and the number that tells it from others of that kind.
pub(crate) fn name_of(message: &Message) -> (&'static str, u64) {
    match message {
        Message::Replicate { op, .. } => ("Replicate", op.0),
        Message::Replicated { op, .. } => ("Replicated", op.0),
        Message::KeepHint { op, .. } => ("KeepHint", op.0),
        Message::Read { op, .. } => ("Read", op.0),
        Message::ReadReply { op, .. } => ("ReadReply", op.0),
        Message::Register { op, .. } => ("Register", op.0),
        Message::RegisterReply { op, .. } => ("RegisterReply", op.0),
        Message::Scan { op, .. } => ("Scan", op.0),
        Message::Explain { op, .. } => ("Explain", op.0),
        Message::Explained { op, .. } => ("Explained", op.0),
        Message::ScanReply { op, .. } => ("ScanReply", op.0),
        Message::Forward { op, .. } => ("Forward", op.0),
        Message::Forwarded { op, .. } => ("Forwarded", op.0),
        Message::Introduce { op, .. } => ("Introduce", op.0),
        Message::Confirm { attempt, .. } => ("Confirm", attempt.0),
        Message::Confirmed { attempt, .. } => ("Confirmed", attempt.0),
        Message::Outline { session, .. } => ("Outline", session.0),
        Message::Outlined { session, .. } => ("Outlined", session.0),
        Message::Offer { session, .. } => ("Offer", session.0),
        Message::Want { session, .. } => ("Want", session.0),
        Message::Push { session, .. } => ("Push", session.0),
        Message::Pushed { session, .. } => ("Pushed", session.0),
        Message::Compare { session, .. } => ("Compare", session.0),
        Message::Differ { session, .. } => ("Differ", session.0),
        Message::Fetch { patches, .. } => ("Fetch", patches.len() as u64),
        Message::Agree { session, .. } => ("Agree", session.0),
        Message::Agreed { session, .. } => ("Agreed", session.0),
        Message::Collect { session, .. } => ("Collect", session.0),
        Message::Collected { session, .. } => ("Collected", session.0),
        Message::Gossip { epoch, .. } => ("Gossip", epoch.0),
        Message::PullEvents { from } => ("PullEvents", from.0),
        Message::Events { events } => ("Events", events.len() as u64),
        Message::Prepare { ballot, .. } => ("Prepare", ballot.counter),
        Message::Promise { ballot, .. } => ("Promise", ballot.counter),
        Message::Accept { ballot, .. } => ("Accept", ballot.counter),
        Message::Accepted { ballot, .. } => ("Accepted", ballot.counter),
        Message::Nack { ballot, .. } => ("Nack", ballot.counter),
        Message::Ping { nonce } => ("Ping", *nonce),
        Message::Pong { nonce } => ("Pong", *nonce),
        Message::ProbeFor { nonce, .. } => ("ProbeFor", *nonce),
        Message::ProbedFor { nonce, .. } => ("ProbedFor", *nonce),
        Message::Traced { op, .. } => ("Traced", op.0),
        Message::Reached { pulse, .. } => ("Reached", pulse.batches),
    }
}

/// About how many bytes a message has on the wire.
pub(crate) fn bytes(message: &Message) -> u64 {
    let weight = match message {
        Message::Replicate { key, record, .. } | Message::KeepHint { key, record, .. } => key.len() + record.weight(),
        Message::ReadReply { answer: ReadAnswer::Held(Some(record)), .. } => record.weight(),
        Message::Push { items, .. } => items.iter().map(|(_, key, record)| key.len() + record.weight()).sum(),
        Message::ScanReply { answer: ScanAnswer::Held { items, .. }, .. } => {
            items.iter().map(|(_, key, record)| key.len() + record.weight()).sum()
        }
        Message::Outline { outline, .. } => outline.first.1.len() + outline.last.1.len() + 16,
        Message::Offer { items, .. } => items.iter().map(|item| item.key.len() + 16).sum(),
        Message::Compare { spots, .. } => spots.iter().map(|(_, hashes)| 12 + hashes.len() * 8).sum(),
        Message::Events { events } => events.len() * 200,
        _ => 0,
    };
    64 + weight as u64
}

/// A message in words.
pub(crate) fn message(message: &Message) -> String {
    let (name, number) = name_of(message);
    let rest = match message {
        Message::Replicate { epoch, bucket, key, record: held, fsync, round, .. } => {
            format!("e{epoch} r{round} {}{} fsync={fsync}", item(bucket.0, key), record(held))
        }
        Message::KeepHint { target, bucket, key, record: held, round, .. } => {
            format!("r{round} for {} {}{}", host_of(*target), item(bucket.0, key), record(held))
        }
        Message::Replicated { ack, .. } => format!("{ack:?}"),
        Message::Read { epoch, bucket, key, .. } => format!("e{epoch} {}", item(bucket.0, key)),
        Message::ReadReply { answer: ReadAnswer::Held(held), .. } => held.as_ref().map(record).unwrap_or_default(),
        Message::ReadReply { answer, .. } => format!("{answer:?}"),
        Message::Register { epoch, bucket, key, ask, .. } => format!("e{epoch} {} {ask:?}", item(bucket.0, key)),
        Message::Scan { epoch, range, .. } => format!("e{epoch} {range:?}"),
        Message::ScanReply { answer: ScanAnswer::Held { items, more }, .. } => {
            format!("{} items more={more}", items.len())
        }
        Message::ScanReply { answer, .. } => format!("{answer:?}"),
        Message::Forward { request: asked, within, .. } => format!("{} within {within:?}", request(asked)),
        Message::Forwarded { response: said, .. } => response(said),
        Message::Outline { epoch, outline, .. } => {
            let place = |place: &(node::proto::BucketId, node::proto::ItemKey)| item(place.0.0, &place.1);
            let (first, last) = (place(&outline.first), place(&outline.last));
            format!("e{epoch} {:?} {} items, {first} to {last}", outline.partition, outline.items)
        }
        Message::Outlined { likeness, .. } => format!("{likeness:?}"),
        Message::Offer { epoch, partition, items, .. } => {
            let keys: Vec<String> = items.iter().map(|o| item(o.bucket.0, &o.key)).collect();
            format!("e{epoch} {partition:?} {}", keys.join(" "))
        }
        Message::Push { epoch, items, round, .. } => {
            let keys: Vec<String> =
                items.iter().map(|(bucket, key, held)| format!("{}{}", item(bucket.0, key), record(held))).collect();
            format!("e{epoch} r{round} {}", keys.join(" "))
        }
        Message::Agree { items, .. } | Message::Collect { items, .. } => {
            let keys: Vec<String> = items.iter().map(|one| item(one.bucket.0, &one.key)).collect();
            keys.join(" ")
        }
        Message::Gossip { epoch, progress, answer, .. } => {
            let of = |(node, p): &(NodeId, proto::Progress)| {
                format!("{}:{}/{}/{}/{}/{}", host_of(*node), p.acked, p.synced, p.switched, p.settled, p.clear)
            };
            let progress: Vec<String> = progress.iter().map(of).collect();
            format!("e{epoch} {} answer={answer}", progress.join(" "))
        }
        Message::Ping { .. } | Message::Pong { .. } => String::new(),
        other => format!("{other:?}"),
    };
    format!("{name}#{number} {rest}")
}

/// A request in words.
pub(crate) fn request(request: &Request) -> String {
    match request {
        Request::Get(get) => format!("get {}/{} {:?}", get.bucket, key(&get.key), get.level),
        Request::Cas(cas) => format!(
            "change {}/{}: {:?} if {:?} as {:?} tried={:?}",
            cas.bucket,
            key(&cas.key),
            cas.edit,
            cas.expect,
            cas.id,
            cas.tried
        ),
        Request::Put(put) => {
            let value = put.value.as_ref().map_or("(delete)".to_owned(), |value| text(&value.bytes));
            let context = put.context.as_ref().map(context).unwrap_or_default();
            format!(
                "put {}/{} = {value} {:?} {:?} after [{context}]",
                put.bucket,
                key(&put.key),
                put.level,
                put.durability
            )
        }
        Request::Amend(of) => {
            format!("amend {}/{}: {:?} {:?} {:?}", of.bucket, key(&of.key), of.amendment, of.level, of.durability)
        }
        Request::Scan(scan) => format!("scan {} {:?} {:?}", scan.bucket, scan.scope, scan.level),
        Request::Dump(scan) => format!("dump {} {:?} {:?}", scan.bucket, scan.scope, scan.level),
        Request::Restore(of) => format!("restore {}/{} {}", of.bucket, key(&of.key), record(&of.record)),
        Request::Explain(of) => format!("explain {}/{}", of.bucket, key(&of.key)),
        Request::Admin(Admin::Join(join)) => format!("join {}", host_of(join.node)),
        Request::Admin(Admin::Leave { node, .. }) => format!("leave {}", host_of(*node)),
        Request::Admin(admin) => format!("{admin:?}"),
        Request::Watch(watch) => format!("{watch:?}"),
    }
}

/// An answer in words.
pub(crate) fn response(response: &Response) -> String {
    match response {
        Response::Found(Found { siblings, context: seen, answered, .. }) => {
            let values: Vec<String> = siblings
                .iter()
                .map(|s| {
                    let value = s.version.value.as_ref().map(|value| text(&value.bytes)).unwrap_or_default();
                    format!("{}={value}@{}", dot(s.dot), s.version.stamp.as_u64())
                })
                .collect();
            format!("found {} context [{}] of {answered}", values.join(" "), context(seen))
        }
        Response::Written(written) => format!("written [{}] on {}", context(&written.context), written.acknowledged),
        Response::Page(page) => format!("page of {}", page.items.len()),
        Response::Changed { history, .. } => format!("changed, epoch {}", history.len()),
        other => format!("{other:?}"),
    }
}

/// A note of a node in words, if it is worth a line.
pub(crate) fn note(note: &proto::Note) -> String {
    match note {
        proto::Note::EventArrived(event) => format!("event {} {}", event.epoch, change(&event.change)),
        proto::Note::Condition { peer, condition, .. } => format!("{} looks {condition:?}", host_of(*peer)),
        proto::Note::HintKept(target) => format!("keeps a hint for {}", host_of(*target)),
        proto::Note::Collected(items) => format!("collected {items} items"),
        proto::Note::HintsDelivered(target, count) => format!("delivered {count} hints to {}", host_of(*target)),
        proto::Note::Differing(peer, count) => format!("differs from {} in {count} trees", host_of(*peer)),
        other => format!("{other:?}"),
    }
}

fn change(change: &proto::Change) -> String {
    match change {
        proto::Change::Add { member, .. } => format!("adds {}", host_of(member.id)),
        proto::Change::Remove { member } => format!("removes {}", host_of(member.id)),
        proto::Change::Eject { member } => format!("ejects {}", host_of(member.id)),
        proto::Change::Replace { old, member, .. } => format!("puts {} for {}", host_of(member.id), host_of(*old)),
        proto::Change::Reweigh { node, weight, .. } => format!("gives {} weight {weight}", host_of(*node)),
        proto::Change::Abort { of, undo } => format!("takes epoch {of} back: {}", self::change(undo)),
        other => format!("{other:?}"),
    }
}

/// The dots and values of a record in words.
pub(crate) fn record(record: &Record) -> String {
    let versions: Vec<String> = record
        .versions()
        .iter()
        .map(|(of, version)| {
            let value = version.value.as_ref().map_or("(deleted)".to_owned(), |value| text(&value.bytes));
            format!("{}={value}@{}", dot(*of), version.stamp.as_u64())
        })
        .collect();
    if let Record::Register(register) = record {
        let (state, cell) = (&register.state, register.cell());
        let number = cell.map_or(0, |cell| cell.number);
        let (promised, accepted) = (ballot(state.promised), ballot(register.accepted_under()));
        return format!("{{{} #{number} under {accepted}, promised {promised}}}", versions.join(" "));
    }
    if let Record::Amended(amended) = record {
        return format!("{{{} from {:?}}}", versions.join(" "), amended.parts());
    }
    format!("{{{} | {}}}", versions.join(" "), context(&record.context()))
}

fn ballot(ballot: proto::paxos::Ballot) -> String {
    format!("{}.{}.{}", ballot.counter, ballot.node.0, ballot.incarnation >> 32)
}

/// A dot: node, incarnation, counter.
pub(crate) fn dot(dot: causal::Dot) -> String {
    format!("{}.{}:{}", dot.actor.node, dot.actor.incarnation >> 32, dot.counter)
}

/// A context as dots.
pub(crate) fn context(context: &causal::Context) -> String {
    let dots: Vec<String> = context.iter().map(|(actor, counter)| dot(causal::Dot { actor, counter })).collect();
    dots.join(" ")
}

/// An item's key.
pub(crate) fn key(key: &ItemKey) -> String {
    match &key.sort_key {
        None => text(&key.partition_key),
        Some(sort_key) => format!("{}:{}", text(&key.partition_key), text(sort_key)),
    }
}

fn item(bucket: u32, of: &ItemKey) -> String {
    format!("{bucket}/{}", key(of))
}

/// The readable part of a key or a value.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('.').chars().take(24).collect()
}

/// The host that runs a node.
pub(crate) fn host_of(node: NodeId) -> HostId {
    HostId((node.0 as usize).saturating_sub(1))
}
