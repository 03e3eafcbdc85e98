//! Things that must happen *sometimes*, or a sweep has not been where it should: "sometimes assertions". Some are marks
//! in the code (`stdx::marks`), most are read off what nodes say, answer and note, so they stay true when code moves.
//!
//! Invariant: a probe never changes a run.

use liveness::Condition;
use node::proto::{Ack, Likeness, Message, Note, ReadAnswer, Refusal, Request, Response, ScanAnswer};
use stdx::marks::hit;

/// Every probe that a sweep over some thousand seeds has to hit.
pub const PROBES: &[&str] = &[
    // Answers of replicas.
    "replica.refused_a_stale_write",
    "replica.disk_was_full",
    "replica.storage_failed",
    "replica.refused_a_stale_read",
    "replica.could_not_read",
    "replica.held_nothing",
    "replica.refused_a_stale_scan",
    "refused_a_newer_epoch",
    // Coordinators.
    "coordinator.forwarded_a_write",
    "coordinator.forwarded_a_read_of_a_leaver",
    "coordinator.forwarded_request_was_refused",
    "coordinator.quorum_unmet",
    "read_repair_before_answer",
    "read_repair_after_answer",
    "read_spread_before_answer",
    // Hints.
    "hint.kept",
    "hint.left_to_anti_entropy",
    "hint.delivered",
    "hint.delivered_many",
    // What clients hear.
    "answer.siblings",
    "answer.many_siblings",
    "answer.explained",
    "answer.a_whole_dump",
    "answer.a_whole_restore",
    "answer.a_whole_restore_of_registers",
    "sim.register_changed_before_its_restore",
    "answer.nothing",
    "answer.page_goes_on",
    "answer.write_quorum_unmet",
    "answer.read_quorum_unmet",
    "answer.no_answer_to_a_forwarded_write",
    "answer.too_many_siblings",
    "answer.not_ready",
    "answer.disk_full",
    "answer.storage_failed",
    "answer.change_refused",
    "answer.no_majority",
    "request.node_died_before_it_answered",
    "request.nobody_took_it",
    // Agreement on the next event.
    "paxos.refused_a_ballot",
    "paxos.promise_carried_a_value",
    "proposer_was_outbid",
    "another_event_won_the_epoch",
    // Gossip and the history.
    "gossip.events_were_asked_for",
    "gossip.several_events_at_once",
    "ring.an_old_image_was_noticed",
    "ring.an_old_view_went_out_of_use",
    "ring.two_changes_at_once",
    "ring.a_node_left",
    "ring.crash_while_it_changes",
    "ring.start_while_it_changes",
    "ring.cut_while_it_changes",
    "ring.change_of_n_while_it_changes",
    // Streams and anti-entropy.
    "stream.refused",
    "stream.nothing_was_lacking",
    "stream.something_was_lacking",
    "stream.all_of_a_page_was_there",
    "stream.nothing_of_a_page_was_there",
    "stream.a_page_was_named_item_by_item",
    "stream.several_items_at_once",
    "stream.waited_for_its_budget",
    "hand_over_waits_for_healing",
    "stream.push_was_refused",
    "entropy.compared",
    "anti_entropy_found_a_difference",
    "damaged_record_healed",
    "entropy.leaves_differed_twice",
    "entropy.several_places_differ",
    // Collection.
    "collect.some",
    "collect.everywhere",
    "collect.replicas_disagreed",
    "collect.not_clear_in_time",
    "collect.late_record_refused",
    "collect.registers",
    "collect.buried",
    // Reachability and clocks.
    "liveness.suspected",
    "liveness.down",
    "liveness.up_again",
    "liveness.own_pause_forgiven",
    "clock.peer_was_ahead",
    // Processes and disks.
    "crash.lost_batches",
    "crash.lost_many_batches",
    "crash.tore_a_batch",
    "crash.in_the_first_fsync",
    "crash.with_hints",
    "crash.everybody_is_down",
    "disk.full_and_freed",
    "sim.start_failed_and_was_repeated",
    "sim.link_was_full",
    // Messages of another time.
    "message.to_a_later_life",
    "message.was_damaged",
    "message.waited_for_a_connection",
];

/// Counts what a node says.
pub(crate) fn see_message(message: &Message) {
    match message {
        Message::Replicated { ack: Ack::Stale(_), .. } => hit("replica.refused_a_stale_write"),
        Message::Replicated { ack: Ack::Full, .. } => hit("replica.disk_was_full"),
        Message::Replicated { ack: Ack::Failed, .. } => hit("replica.storage_failed"),
        Message::ReadReply { answer: ReadAnswer::Stale(_), .. } => hit("replica.refused_a_stale_read"),
        Message::ReadReply { answer: ReadAnswer::Failed, .. } => hit("replica.could_not_read"),
        Message::ReadReply { answer: ReadAnswer::Held(None), .. } => hit("replica.held_nothing"),
        Message::ScanReply { answer: ScanAnswer::Stale(_), .. } => hit("replica.refused_a_stale_scan"),
        Message::Forward { request: Request::Put(_), .. } => hit("coordinator.forwarded_a_write"),
        Message::Forward { request: Request::Get(_), .. } => hit("coordinator.forwarded_a_read_of_a_leaver"),
        Message::Forwarded { response, .. } if matches!(**response, Response::Refused(_)) => {
            hit("coordinator.forwarded_request_was_refused");
        }
        Message::KeepHint { .. } => hit("hint.kept_by_a_bystander"),
        Message::Outlined { likeness: Some(Likeness::Same), .. } => hit("stream.all_of_a_page_was_there"),
        Message::Outlined { likeness: Some(Likeness::Nothing), .. } => hit("stream.nothing_of_a_page_was_there"),
        Message::Outlined { likeness: Some(Likeness::Other), .. } => hit("stream.a_page_was_named_item_by_item"),
        Message::Outlined { likeness: None, .. } | Message::Want { items: None, .. } => hit("stream.refused"),
        Message::Want { items: Some(items), .. } if items.is_empty() => hit("stream.nothing_was_lacking"),
        Message::Want { .. } => hit("stream.something_was_lacking"),
        Message::Push { items, .. } if items.len() > 1 => hit("stream.several_items_at_once"),
        Message::Pushed { ok: false, .. } => hit("stream.push_was_refused"),
        Message::Compare { .. } => hit("entropy.compared"),
        Message::Differ { spots, .. } if spots.iter().any(|spot| spot.differ.len() > 1) => {
            hit("entropy.several_places_differ");
        }
        Message::Fetch { .. } => hit("entropy.leaves_differed_twice"),
        Message::Promise { accepted: Some(_), .. } => hit("paxos.promise_carried_a_value"),
        Message::Nack { .. } => hit("paxos.refused_a_ballot"),
        Message::PullEvents { .. } => hit("gossip.events_were_asked_for"),
        Message::Events { events } if events.len() > 1 => hit("gossip.several_events_at_once"),
        _ => {}
    }
}

/// Counts what a client or an operator hears.
pub(crate) fn see_response(response: &Response) {
    match response {
        Response::Found(found) if found.siblings.len() > 3 => hit("answer.many_siblings"),
        Response::Found(found) if found.siblings.len() > 1 => hit("answer.siblings"),
        Response::Found(found) if found.siblings.is_empty() => hit("answer.nothing"),
        Response::Page(page) if page.next.is_some() => hit("answer.page_goes_on"),
        Response::Refused(refusal) => see_refusal(refusal),
        _ => {}
    }
}

fn see_refusal(refusal: &Refusal) {
    match refusal {
        Refusal::QuorumUnmet { write: true, .. } => hit("answer.write_quorum_unmet"),
        Refusal::OutOfReach { .. } => hit("answer.out_of_reach"),
        Refusal::QuorumUnmet { .. } => hit("answer.read_quorum_unmet"),
        Refusal::NoAnswer { write: true } => hit("answer.no_answer_to_a_forwarded_write"),
        Refusal::TooManySiblings { .. } => hit("answer.too_many_siblings"),
        Refusal::NotReady(_) => hit("answer.not_ready"),
        Refusal::DiskFull => hit("answer.disk_full"),
        Refusal::StorageFailed(_) => hit("answer.storage_failed"),
        Refusal::LevelImpossible { .. } => hit("answer.level_impossible"),
        Refusal::ChangeRefused(_) => hit("answer.change_refused"),
        Refusal::NoMajority { .. } => hit("answer.no_majority"),
        _ => {}
    }
}

/// Counts what a node notes.
pub(crate) fn see_note(note: &Note) {
    match note {
        Note::Condition { condition: Condition::Suspect, .. } => hit("liveness.suspected"),
        Note::Condition { condition: Condition::Down, .. } => hit("liveness.down"),
        Note::Condition { condition: Condition::Up, .. } => hit("liveness.up_again"),
        Note::Stable(_) => hit("ring.an_old_view_went_out_of_use"),
        Note::HintKept(_) => hit("hint.kept"),
        Note::HintLeft(_) => hit("hint.left_to_anti_entropy"),
        Note::HintsDelivered(_, count) => hit(if *count > 1 { "hint.delivered_many" } else { "hint.delivered" }),
        Note::Collected(_) => hit("collect.some"),
        Note::QuorumUnmet => hit("coordinator.quorum_unmet"),
        Note::ClockAhead(_) => hit("clock.peer_was_ahead"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::PROBES;
    use std::collections::BTreeSet;

    #[test]
    fn each_probe_is_there_once() {
        assert_eq!(PROBES.iter().collect::<BTreeSet<_>>().len(), PROBES.len());
        assert!(PROBES.len() >= 60);
    }
}
