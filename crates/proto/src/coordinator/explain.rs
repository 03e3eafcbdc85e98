//! One explanation: ask every node that takes part in a view in use what it holds of a slot and which hints it keeps for
//! it, and put the accounts beside each other.
//!
//! Invariant: it changes nothing, counts as neither read nor write, and no epoch refuses it: a node that is behind says so
//! in its account. Whoever has not answered by the deadline is named as silent.

use super::write::check_key;
use super::{Asker, Operation, Operations};
use crate::bucket::Bucket;
use crate::core::Core;
use crate::event::Change;
use crate::explain::{Account, Explain, Explanation, Inspected, Testimony, ViewUse, Witness};
use crate::history::View;
use crate::ids::{BucketId, OpId};
use crate::item::{ItemKey, Slot};
use crate::message::Message;
use crate::record::Record;
use crate::request::Response;
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// Accounts take one round trip and one look into the store; who needs longer than this is named as silent.
const WAIT_MAX: Span = Span::secs(2);

/// An explanation being gathered.
#[derive(Clone, Debug)]
pub(crate) struct Explaining {
    asker: Asker,
    bucket: Bucket,
    slot: Slot,
    /// Who was asked; the others looked down.
    asked: BTreeSet<NodeId>,
    accounts: BTreeMap<NodeId, Account>,
    deadline: Mono,
}

impl Explaining {
    /// Asks everybody.
    pub(crate) fn start(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        explain: Explain,
        bucket: Bucket,
        within: Span,
    ) {
        if let Err(refusal) = check_key(core, &explain.key) {
            return ops.refuse(core, &asker, refusal);
        }
        let slot = Slot::new(core.history.genesis().grid, bucket.id, explain.key);
        let wait = Span(within.0.min(WAIT_MAX.0));
        let (asked, accounts) = (BTreeSet::new(), BTreeMap::new());
        let mut explaining = Explaining { asker, bucket, slot, asked, accounts, deadline: core.now.mono + wait };
        let id = core.next_op();
        for node in core.participants() {
            explaining.ask(core, id, node);
        }
        explaining.keep(ops, core, id);
    }

    fn ask(&mut self, core: &mut Core, id: OpId, node: NodeId) {
        if node == core.node {
            core.store(Purpose::Local(id), StoreOp::Inspect { slot: self.slot.clone() });
        } else if core.is_down(node) {
            return;
        } else {
            let Slot { bucket, key, .. } = self.slot.clone();
            core.send(node, Message::Explain { op: id, bucket, key });
        }
        self.asked.insert(node);
    }

    /// Our own store has said what it holds.
    pub(crate) fn on_stored(self, ops: &mut Operations, core: &mut Core, id: OpId, outcome: StoreOutcome) {
        let own = core.node;
        let account = account(core, &self.slot, outcome);
        self.on_account(ops, core, id, own, account);
    }

    /// A node has given its account.
    pub(crate) fn on_account(
        mut self,
        ops: &mut Operations,
        core: &mut Core,
        id: OpId,
        from: NodeId,
        account: Account,
    ) {
        let silent = || self.asked.iter().copied().find(|node| !self.accounts.contains_key(node));
        let of = if planted("an account is taken for another's") { silent() } else { Some(from) };
        if let Some(of) = of.filter(|node| self.asked.contains(node)) {
            self.accounts.insert(of, account);
        }
        self.keep(ops, core, id);
    }

    /// A connection stands again: the question may have been lost.
    pub(crate) fn on_connected(mut self, ops: &mut Operations, core: &mut Core, id: OpId, peer: NodeId) {
        if core.participants().contains(&peer) && !self.accounts.contains_key(&peer) {
            self.ask(core, id, peer);
        }
        self.keep(ops, core, id);
    }

    /// Answers if everybody has, or nobody else will in time; else goes on waiting.
    pub(crate) fn keep(self, ops: &mut Operations, core: &mut Core, id: OpId) {
        let waits = |node: &NodeId| !self.accounts.contains_key(node) && !core.is_down(*node);
        if core.now.mono < self.deadline && self.asked.iter().any(waits) {
            let wake = self.deadline;
            return ops.put_back(id, Operation::Explain(Box::new(self)), wake);
        }
        let explanation = self.explanation(core);
        ops.answer(core, &self.asker, Response::Explained(Box::new(explanation)));
    }

    fn explanation(&self, core: &Core) -> Explanation {
        let Slot { partition, bucket, token, .. } = self.slot;
        let reading = core.history.view(core.reading()).epoch;
        // A bucket that is younger than the view reads use is read where it was first.
        let has = |view: &&Arc<View>| view.epoch >= reading && !view.replicas(partition, bucket).is_empty();
        let reads = core.history.views().find(has).map(|view| view.epoch);
        let view = |view: &Arc<View>| {
            let replicas = view.replicas(partition, bucket).to_vec();
            ViewUse { epoch: view.epoch, reads: Some(view.epoch) == reads, writes: !replicas.is_empty(), replicas }
        };
        let nodes: BTreeSet<NodeId> = core.participants().into_iter().chain(self.asked.iter().copied()).collect();
        Explanation {
            by: core.node,
            at: core.now.wall,
            bucket: self.bucket.clone(),
            key: self.slot.key.clone(),
            token,
            partition,
            views: core.history.views().map(view).collect(),
            witnesses: nodes.into_iter().map(|node| self.witness(core, node)).collect(),
            origins: self.origins(core),
        }
    }

    fn witness(&self, core: &Core, node: NodeId) -> Witness {
        let testimony = match self.accounts.get(&node) {
            Some(account) => Testimony::Answered(Box::new(account.clone())),
            None if core.is_down(node) => Testimony::Unreachable,
            None => Testimony::Silent,
        };
        let (name, uri) = core.name_of(node);
        Witness { node, name, uri, condition: core.condition(node), testimony }
    }

    /// Names of the nodes whose actors appear in the records, those that have left among them.
    fn origins(&self, core: &Core) -> Vec<(NodeId, String)> {
        let records = self.accounts.values().filter_map(|account| account.seen.held.record());
        let seen: BTreeSet<u128> = records.flat_map(actors).collect();
        let named = |actor: u128| {
            let of = |change: &Change| match change {
                Change::Add { member, .. } if member.id.0 == actor => Some(member.name.clone()),
                Change::Readdress { node, name, .. } if node.0 == actor => Some(name.clone()),
                _ => None,
            };
            let name = core.history.events().iter().rev().find_map(|event| of(&event.change));
            name.map(|name| (NodeId(actor), name))
        };
        seen.into_iter().filter_map(named).collect()
    }
}

fn actors(record: &Record) -> Vec<u128> {
    if let Record::Register(register) = record {
        return vec![register.state.promised.node.0, register.accepted_under().node.0];
    }
    record.context().iter().map(|(actor, _)| actor.node).collect()
}

/// A peer asks what we hold and keep.
pub(crate) fn on_explain(core: &mut Core, from: NodeId, op: OpId, bucket: BucketId, key: ItemKey) {
    let slot = Slot::new(core.history.genesis().grid, bucket, key);
    core.store(Purpose::AnswerExplain { to: from, op, slot: Box::new(slot.clone()) }, StoreOp::Inspect { slot });
}

/// Our store has said what a peer asked for.
pub(crate) fn on_inspected(core: &mut Core, to: NodeId, op: OpId, slot: &Slot, outcome: StoreOutcome) {
    let account = account(core, slot, outcome);
    core.send(to, Message::Explained { op, account: Box::new(account) });
}

fn account(core: &Core, slot: &Slot, outcome: StoreOutcome) -> Account {
    let seen = match outcome {
        StoreOutcome::Inspected(seen) => *seen,
        StoreOutcome::Failed(failure) => Inspected::failed(failure.to_string()),
        _ => Inspected::failed("storage gave an answer that does not fit".to_owned()),
    };
    Account {
        epoch: core.epoch(),
        stable: core.stable(),
        reading: core.reading(),
        progress: core.own_progress(),
        replica: core.is_replica(core.node, slot.partition, slot.bucket),
        seen,
    }
}
