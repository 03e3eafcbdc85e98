//! About how many bytes a message takes, to bound what waits for a peer.
//!
//! Invariant: whatever can grow with what clients write or with the cluster is counted; small fixed parts are a round
//! number.
//! Refuses to know the encoding: exact lengths would cost an encoding per message.

use proto::explain::Account;
use proto::paxos::register::{Answer, Ask, Cell};
use proto::watch::{Watch, Watched};
use proto::{Amendment, Edit, RegisterAnswer, Sibling, Spot, Version};
use proto::{Change, Event, ItemKey, Message, Page, Range, ReadAnswer, Record, Request, Response, ScanAnswer, Scope};

/// What a message takes beside its parts that grow.
const BASE: usize = 64;

/// About how many bytes `message` takes, in memory and on the wire.
pub(crate) fn of(message: &Message) -> usize {
    BASE + match message {
        Message::Replicate { key, record, .. } | Message::KeepHint { key, record, .. } => key.len() + record.weight(),
        Message::Read { key, .. } | Message::Explain { key, .. } => key.len(),
        Message::Explained { account, .. } => of_account(account),
        Message::ReadReply { answer: ReadAnswer::Held(record), .. } => record.as_ref().map_or(0, Record::weight),
        Message::Scan { range, .. } => of_range(range),
        Message::ScanReply { answer: ScanAnswer::Held { items, .. }, .. } | Message::Push { items, .. } => {
            items.iter().map(|(_, key, record)| BASE + key.len() + record.weight()).sum()
        }
        Message::Register { key, ask, .. } => key.len() + of_ask(ask),
        Message::RegisterReply { answer: RegisterAnswer::Said(answer), .. } => of_answer(answer),
        Message::Forward { request, .. } => of_request(request),
        Message::Forwarded { response, .. } => of_response(response),
        Message::Outline { outline, .. } => outline.first.1.len() + outline.last.1.len() + 4 * outline.buckets.len(),
        Message::Offer { items, .. } => items.iter().map(|item| BASE + item.key.len()).sum(),
        Message::Agree { items, .. } | Message::Collect { items, .. } => {
            items.iter().map(|item| BASE + item.key.len()).sum()
        }
        Message::Agreed { items, .. } => 4 * items.len(),
        Message::Want { items, .. } => items.as_ref().map_or(0, |items| 4 * items.len()),
        Message::Compare { spots, .. } => spots.iter().map(of_spot).sum(),
        Message::Differ { spots, .. } => {
            spots.iter().map(|spot| 8 + 4 * (spot.differ.len() + spot.unknown.len())).sum()
        }
        Message::Fetch { patches, .. } => 16 * patches.len(),
        Message::Gossip { progress, .. } => 64 * progress.len(),
        Message::Events { events } => events.iter().map(of_event).sum(),
        Message::Accept { event, .. } | Message::Promise { accepted: Some((_, event)), .. } => of_event(event),
        Message::Replicated { .. }
        | Message::ReadReply { .. }
        | Message::RegisterReply { .. }
        | Message::Introduce { .. }
        | Message::Confirm { .. }
        | Message::Confirmed { .. }
        | Message::ScanReply { .. }
        | Message::Outlined { .. }
        | Message::Pushed { .. }
        | Message::Collected { .. }
        | Message::PullEvents { .. }
        | Message::Prepare { .. }
        | Message::Promise { accepted: None, .. }
        | Message::Accepted { .. }
        | Message::Nack { .. }
        | Message::Ping { .. }
        | Message::Pong { .. }
        | Message::ProbeFor { .. }
        | Message::ProbedFor { .. }
        | Message::Reached { .. }
        | Message::Traced { .. } => 0,
    }
}

fn of_spot((spot, hashes): &(Spot, Vec<u64>)) -> usize {
    let trees = if let Spot::Roots(trees) = spot { trees.len() } else { 2 };
    8 * (trees + hashes.len())
}

fn of_ask(ask: &Ask<Version>) -> usize {
    match ask {
        Ask::Read | Ask::Prepare(_) => 0,
        Ask::Accept { cell, .. } => of_cell(cell),
    }
}

fn of_answer(answer: &Answer<Version>) -> usize {
    match answer {
        Answer::Held(held) | Answer::Promised(_, held) => held.accepted.as_ref().map_or(0, |(_, cell)| of_cell(cell)),
        Answer::Accepted { .. } | Answer::Nack { .. } => 0,
    }
}

fn of_cell(cell: &Cell<Version>) -> usize {
    let value = cell.value.as_ref().and_then(|version| version.value.as_ref());
    BASE + 8 * cell.recent.len() + value.map_or(0, |value| value.bytes.len())
}

fn of_range(range: &Range) -> usize {
    match range {
        Range::SortKeys { partition_key, from, to, after, .. } => {
            let bounds = [from, to].into_iter().flatten().map(bytes::Bytes::len).sum::<usize>();
            partition_key.len() + bounds + after.as_ref().map_or(0, ItemKey::len)
        }
        Range::Partition { after, .. } => after.as_ref().map_or(0, |(_, key)| key.len()),
    }
}

fn of_request(request: &Request) -> usize {
    match request {
        Request::Get(get) => get.key.len(),
        Request::Put(put) => {
            let context = put.context.as_ref().map_or(0, |context| 32 * context.len());
            put.key.len() + put.value.as_ref().map_or(0, |value| value.bytes.len()) + context
        }
        Request::Cas(cas) => {
            let value = match &cas.edit {
                Edit::Put(value) => value.bytes.len(),
                Edit::Restore { version, .. } => version.value.as_ref().map_or(0, |value| value.bytes.len()),
                Edit::Delete | Edit::Add(_) | Edit::End { .. } => 0,
            };
            cas.key.len() + value
        }
        Request::Amend(amending) => {
            let value = match &amending.amendment {
                Amendment::Put(Some(value)) => value.bytes.len(),
                Amendment::Put(None) | Amendment::Add { .. } | Amendment::End { .. } => 0,
            };
            amending.key.len() + value
        }
        Request::Restore(restore) => restore.key.len() + restore.record.weight(),
        Request::Explain(explain) => explain.key.len(),
        Request::Scan(scan) | Request::Dump(scan) => match &scan.scope {
            Scope::SortKeys { .. } => of_range(&scan.scope.range(proto::BucketId::DEFAULT)),
            Scope::Partition { after, .. } => after.as_ref().map_or(0, ItemKey::len),
        },
        Request::Admin(_) => 8 * BASE,
        Request::Watch(Watch::Follow { interests, .. }) => BASE + 8 * interests.len(),
        Request::Watch(Watch::Places { .. }) => BASE,
    }
}

fn of_response(response: &Response) -> usize {
    match response {
        Response::Found(found) => found.siblings.iter().map(of_sibling).sum::<usize>() + 32 * found.context.len(),
        Response::Written(written) => 32 * written.context.len(),
        Response::Amended(outcome) => outcome.value.len(),
        Response::Current(current) | Response::Swapped(current) => {
            current.value.as_ref().map_or(0, |value| value.bytes.len())
        }
        Response::Page(Page { items, .. }) => {
            items.iter().map(|(key, siblings)| key.len() + siblings.iter().map(of_sibling).sum::<usize>()).sum()
        }
        Response::Records(records) => {
            records.items.iter().map(|(key, record)| BASE + key.len() + record.weight()).sum()
        }
        // Never sent: an explain is answered where it is asked.
        Response::Explained(_) => BASE,
        Response::Watched(watched) => match watched.as_ref() {
            Watched::Followed(followed) => followed.changes.iter().map(|change| BASE + change.key.len()).sum(),
            Watched::Places(places) => places.of.iter().map(|(_, of)| BASE + 2 * of.len()).sum(),
        },
        Response::Status(status) => {
            status.members.iter().map(|member| 4 * BASE + 20 * member.member.tokens.len()).sum()
        }
        Response::History(events) => events.iter().map(of_event).sum(),
        Response::Changed { history, progress, .. } => {
            history.iter().map(of_event).sum::<usize>() + 48 * progress.len()
        }
        Response::Repair(status) => status.listed.iter().map(|tree| 32 + 24 * tree.differing.len()).sum(),
        Response::Plan(plan) => 24 * plan.gains.len(),
        Response::Refused(_) => BASE,
    }
}

fn of_account(account: &Account) -> usize {
    let record = account.seen.held.record().map_or(0, Record::weight);
    4 * BASE + record + 48 * account.seen.hints.len()
}

fn of_sibling(sibling: &Sibling) -> usize {
    let Version { value, .. } = &sibling.version;
    BASE + value.as_ref().map_or(0, |value| value.bytes.len())
}

fn of_event(event: &Event) -> usize {
    of_change(&event.change)
}

fn of_change(change: &Change) -> usize {
    match change {
        Change::Add { member, .. }
        | Change::Remove { member }
        | Change::Eject { member }
        | Change::Replace { member, .. } => 4 * BASE + 20 * member.tokens.len(),
        Change::Reweigh { tokens, .. } => 4 * BASE + 20 * tokens.len(),
        Change::Abort { undo, .. } => 2 * BASE + of_change(undo),
        Change::Create(_) | Change::Readdress { .. } | Change::Bucket(_) => 4 * BASE,
        Change::Grant(token) => 4 * BASE + BASE * token.scopes.len(),
        Change::Revoke { .. } => BASE,
        Change::Restored(restored) => 4 * BASE + BASE * restored.buckets.len(),
    }
}

#[cfg(test)]
mod tests {
    use proto::{Durability, ItemKey, Message, OpId, Put, Request, Value};
    use stdx::Span;

    #[test]
    fn values_and_keys_count() {
        let put = Put {
            bucket: "default".to_owned(),
            key: ItemKey::plain(vec![0; 1_000]),
            value: Some(Value::plain(vec![0; 10_000])),
            context: None,
            level: None,
            durability: Durability::Fsync,
            ttl: None,
        };
        let message = Message::Forward {
            op: OpId(1),
            request: Request::Put(put),
            within: Span::secs(1),
            life: 0,
            round: 0,
            confirms: false,
        };
        assert!((11_000..12_000).contains(&super::of(&message)));
        assert!(super::of(&Message::Ping { nonce: 1 }) < 100);
    }
}
