//! What peers say, handed to the part that it is for.
//!
//! Invariant: whoever was put out is taught so and not heard. Refuses to decide what a message means.

use super::{Machine, WITHIN_MAX};
use crate::collect::{self};
use crate::coordinator::{self, Asker, Operation};
use crate::fences::Fences;
use crate::input::Note;
use crate::message::Message;
use crate::replica;
use crate::request::Request;
use crate::store::Hint;
use ring::NodeId;

impl Machine {
    pub(super) fn on_message(&mut self, from: NodeId, message: Message) {
        let core = &mut self.core;
        match message {
            Message::Replicate { op, epoch, bucket, key, record, fsync, round } => {
                replica::on_replicate(core, from, op, epoch, bucket, key, record, fsync, round);
            }
            Message::Reached { pulse, .. } => core.hear_pulse(from, pulse),
            Message::Replicated { op, ack, pulse } => {
                if let Some(pulse) = pulse {
                    core.hear_pulse(from, pulse);
                }
                if let crate::message::Ack::Stale(fences) = ack {
                    self.catch_up(from, fences);
                }
                if let Some(Operation::Write(writing)) = self.take_if(op, |op| matches!(op, Operation::Write(_))) {
                    writing.on_ack(&mut self.ops, &mut self.core, op, from, ack);
                }
            }
            Message::KeepHint { op, target, bucket, key, record, round } => {
                let hint = Hint { id: crate::ids::HintId::default(), target, bucket, key, record };
                replica::on_keep_hint(core, from, op, hint, round);
            }
            Message::Read { op, epoch, bucket, key } => replica::on_read(core, from, op, epoch, bucket, key),
            Message::ReadReply { op, answer } => {
                if let crate::message::ReadAnswer::Stale(fences) = answer {
                    self.catch_up(from, fences);
                }
                if self.healing.on_answer(&mut self.core, from, op, &answer) {
                    return;
                }
                if let Some(Operation::Read(reading)) = self.take_if(op, |op| matches!(op, Operation::Read(_))) {
                    reading.on_answer(&mut self.ops, &mut self.core, op, from, answer);
                }
            }
            Message::Register { op, epoch, bucket, key, ask, round } => {
                replica::on_register(core, from, op, epoch, bucket, key, ask, round);
            }
            Message::RegisterReply { op, answer } => {
                if let crate::message::RegisterAnswer::Stale(fences) = answer {
                    self.catch_up(from, fences);
                }
                if let Some(Operation::Register(deciding)) = self.take_if(op, |op| matches!(op, Operation::Register(_)))
                {
                    deciding.on_answer(&mut self.ops, &mut self.core, op, from, answer);
                }
            }
            Message::Scan { op, epoch, range, limit } => replica::on_scan(core, from, op, epoch, range, limit),
            Message::ScanReply { op, answer } => {
                if let crate::message::ScanAnswer::Stale(fences) = answer {
                    self.catch_up(from, fences);
                }
                match self.take_if(op, |op| matches!(op, Operation::Scan(_) | Operation::List(_))) {
                    Some(Operation::Scan(scanning)) => {
                        scanning.on_answer(&mut self.ops, &mut self.core, op, from, answer)
                    }
                    Some(Operation::List(listing)) => {
                        listing.on_answer(&mut self.ops, &mut self.core, op, from, answer)
                    }
                    _ => {}
                }
            }
            Message::Explain { op, bucket, key } => coordinator::on_explain(core, from, op, bucket, key),
            Message::Explained { op, account } => {
                if let Some(Operation::Explain(explaining)) = self.take_if(op, |op| matches!(op, Operation::Explain(_)))
                {
                    explaining.on_account(&mut self.ops, &mut self.core, op, from, *account);
                }
            }
            Message::Forward { op, request, within, life, round, confirms } => {
                // Whoever handed it on then does not wait for it any more, and its traces may be gone.
                if matches!(request, Request::Cas(_)) && !core.admits_to_registers(round) {
                    return;
                }
                if matches!(request, Request::Cas(_) | Request::Amend(_)) && !self.handed.takes(core, from, op, life) {
                    return;
                }
                let asker = Asker::Peer { node: from, op, round, confirms };
                let within = within.min(WITHIN_MAX);
                self.on_request(asker, request, within);
            }
            Message::Confirm { op, attempt } => {
                let now = core.now.mono;
                let handed = self.ops.get(op);
                let waits = matches!(handed, Some(Operation::Forward(forwarding)) if forwarding.is_with(from, now));
                core.send(from, Message::Confirmed { attempt, waits });
            }
            Message::Confirmed { attempt, waits } => {
                if let Some(Operation::Register(deciding)) =
                    self.take_if(attempt, |op| matches!(op, Operation::Register(_)))
                {
                    deciding.on_confirmed(&mut self.ops, &mut self.core, attempt, from, waits);
                }
            }
            Message::Introduce { op, life } => {
                let other = core.lives.insert(from, life).is_some_and(|known| known != life);
                // Of two that contradict each other the later one may be the older: it may have been long on its way.
                if other && !core.lives_unsure.contains(&from) {
                    core.lives_unsure.insert(from);
                } else {
                    core.lives_unsure.remove(&from);
                }
                if let Some(Operation::Forward(forwarding)) = self.take_if(op, |op| matches!(op, Operation::Forward(_)))
                {
                    forwarding.on_introduced(&mut self.ops, &mut self.core, op, (from, life));
                }
            }
            Message::Forwarded { op, response } => {
                if let Some(Operation::Forward(forwarding)) = self.take_if(op, |op| matches!(op, Operation::Forward(_)))
                {
                    forwarding.on_answer(&mut self.ops, &mut self.core, op, from, *response);
                }
            }
            Message::Outline { session, epoch, outline } => {
                replica::on_outline(core, from, session, epoch, outline);
            }
            Message::Outlined { session, likeness } => self.streams.on_outlined(core, from, session, likeness),
            Message::Offer { session, epoch, items, .. } => {
                replica::on_offer(core, from, session, epoch, items);
            }
            Message::Want { session, items } => {
                if !self.anti_entropy.repairs.on_want(core, from, session, &items) {
                    self.streams.on_want(core, from, session, items);
                }
            }
            Message::Push { session, epoch, items, round } => {
                replica::on_push(core, from, session, epoch, items, round)
            }
            Message::Pushed { session, ok } => {
                if !self.anti_entropy.repairs.on_pushed(core, from, session, ok) {
                    self.streams.on_pushed(core, from, session, ok);
                }
            }
            Message::Compare { session, epoch, spots } => {
                self.anti_entropy.on_compare(core, from, session, epoch, spots);
            }
            Message::Differ { session, spots } => self.anti_entropy.on_differ(core, from, session, spots),
            Message::Agree { session, epoch, wall, items } => {
                collect::on_agree(core, from, session, epoch, wall, items);
            }
            Message::Agreed { session, round, wall, items } => {
                self.collector.on_agreed(core, from, session, (round, wall), &items);
            }
            Message::Collect { session, epoch, round, wall, items } => {
                collect::on_collect(core, from, session, epoch, (round, wall), items);
            }
            Message::Collected { session, ok } => self.collector.on_collected(core, from, session, ok),
            Message::Fetch { epoch, patches } => self.anti_entropy.on_fetch(core, from, epoch, patches),
            Message::Ping { .. } | Message::Pong { .. } | Message::ProbeFor { .. } | Message::ProbedFor { .. } => {
                self.on_probe_message(from, message);
            }
            Message::Traced { .. } => {}
            other => self.on_membership_message(from, other),
        }
    }

    pub(super) fn on_probe_message(&mut self, from: NodeId, message: Message) {
        let core = &mut self.core;
        let now = core.now.mono;
        let outgoing = match message {
            Message::Ping { nonce } => {
                core.send(from, Message::Pong { nonce });
                None
            }
            Message::Pong { nonce } => core.detector.on_echo(now, from, nonce),
            Message::ProbeFor { about, nonce } => core.detector.on_asked(now, from, about, nonce),
            Message::ProbedFor { about, nonce, reached } => {
                core.detector.on_report(now, about, nonce, reached);
                None
            }
            other => unreachable!("not about reachability: {other:?}"),
        };
        outgoing.into_iter().for_each(|outgoing| core.send_probe(outgoing));
    }

    /// A node that was put out as dead is heard no more, but may learn that it was.
    pub(super) fn teach(&mut self, banned: NodeId, message: &Message) {
        stdx::marks::hit("a_banned_node_spoke");
        let lacks = match message {
            Message::Gossip { epoch, .. } => epoch.next(),
            Message::PullEvents { from } => *from,
            _ => return,
        };
        self.gossip.on_pull(&mut self.core, banned, lacks);
    }

    pub(super) fn on_membership_message(&mut self, from: NodeId, message: Message) {
        let core = &mut self.core;
        match message {
            Message::Gossip { epoch, head, progress, answer } => {
                self.transition.hear(core, from, &progress);
                self.gossip.on_gossip(core, from, epoch, head, progress, answer);
                self.collector.on_gossip(core);
            }
            Message::PullEvents { from: first } => self.gossip.on_pull(core, from, first),
            Message::Events { events } => self.gossip.on_events(core, from, events),
            Message::Prepare { epoch, ballot } => self.acceptors.on_prepare(core, from, epoch, ballot),
            Message::Promise { epoch, ballot, accepted } => {
                self.proposals.on_promise(core, from, epoch, ballot, accepted);
            }
            Message::Accept { epoch, ballot, event } => self.acceptors.on_accept(core, from, epoch, ballot, event),
            Message::Accepted { epoch, ballot } => {
                if let Some(event) = self.proposals.on_accepted(from, epoch, ballot) {
                    let own = core.node;
                    self.gossip.on_events(core, own, vec![event]);
                }
            }
            Message::Nack { epoch, ballot, promised } => self.proposals.on_nack(core, epoch, ballot, promised),
            _ => core.note(Note::Nonsense(from, "a message of an unknown kind")),
        }
    }

    /// A peer refused us because of our epoch: if it is ahead, ask for its events.
    pub(super) fn catch_up(&mut self, peer: NodeId, fences: Fences) {
        self.core.hear_fences(fences);
        if fences.epoch > self.core.epoch() {
            let from = self.core.epoch().next();
            self.core.send(peer, Message::PullEvents { from });
        }
    }

    pub(super) fn on_connected(&mut self, peer: NodeId) {
        self.core.lives_unsure.insert(peer);
        for id in self.ops.ids() {
            let (ops, core) = (&mut self.ops, &mut self.core);
            match ops.take(id) {
                Some(Operation::Write(writing)) => writing.on_connected(ops, core, id, peer),
                Some(Operation::Read(reading)) => reading.on_connected(ops, core, id, peer),
                Some(Operation::Scan(scanning)) => scanning.on_connected(ops, core, id, peer),
                Some(Operation::List(listing)) => listing.on_connected(ops, core, id, peer),
                Some(Operation::Register(deciding)) => deciding.on_connected(ops, core, id, peer),
                Some(Operation::Forward(forwarding)) => forwarding.keep(ops, id),
                Some(Operation::Explain(explaining)) => explaining.on_connected(ops, core, id, peer),
                None => {}
            }
        }
    }

    pub(super) fn on_unreachable(&mut self, peer: NodeId) {
        self.core.detector.on_unreachable(self.core.now.mono, peer);
        self.core.lives_unsure.insert(peer);
        self.streams.on_unreachable(&mut self.core, peer);
        self.anti_entropy.on_unreachable(&mut self.core, peer);
        for id in self.ops.ids() {
            if let Some(Operation::Forward(forwarding)) = self.take_if(id, |op| matches!(op, Operation::Forward(_))) {
                forwarding.on_unreachable(&mut self.ops, &mut self.core, id, peer);
            }
        }
    }
}
