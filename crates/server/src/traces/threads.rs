//! The threads of traces through the event loop: which message belongs to which trace.
//!
//! What the machine sends while it handles a traced request, or an answer to what a traced operation asked, belongs to that trace;
//! before such a message another one says so. At the other side that begins a span, which ends when the answer is sent. The machine
//! knows nothing of it: an operation is recognised by the number that its messages carry.
//!
//! Invariant: while nothing is traced, an input costs three looks at empty tables, and nothing is sent.

use super::recent::Recent;
use super::{Open, Traces};
use node::NodeEffect;
use proto::{Message, OpId, TraceMark};
use ring::NodeId;
use std::sync::Arc;

/// What is followed.
#[derive(Debug)]
pub(crate) struct Threads {
    traces: Arc<Traces>,
    /// Peers' messages that were announced and have not come yet.
    announced: Recent<(NodeId, OpId), TraceMark>,
    /// Operations of this node.
    coordinated: Recent<OpId, TraceMark>,
    /// What peers asked and were not answered yet.
    served: Recent<(NodeId, OpId), Open>,
}

impl Threads {
    pub(crate) fn new(traces: Arc<Traces>) -> Threads {
        Threads { traces, announced: Recent::default(), coordinated: Recent::default(), served: Recent::default() }
    }

    /// A message has come. To what its handling belongs, if it is traced.
    pub(crate) fn heed(&mut self, from: NodeId, message: &Message) -> Option<TraceMark> {
        if let Message::Traced { op, mark } = message {
            self.announced.note((from, *op), *mark);
            return None;
        }
        if self.announced.is_empty() && self.coordinated.is_empty() {
            return None;
        }
        let op = message.op()?;
        if message.is_answer() {
            return self.coordinated.get(op).copied();
        }
        let open = self.traces.child(self.announced.take((from, op))?, message.kind());
        let mark = open.mark();
        self.served.note((from, op), open);
        Some(mark)
    }

    /// An input, which belonged to `cause`, has had these effects, from `begin` on.
    pub(crate) fn follow(&mut self, cause: Option<TraceMark>, effects: &mut Vec<NodeEffect>, begin: usize) {
        if cause.is_none() && self.coordinated.is_empty() && self.served.is_empty() {
            return;
        }
        let mut at = begin;
        while let Some(effect) = effects.get(at) {
            if let NodeEffect::Send { to, message } = effect
                && let Some(op) = message.op()
            {
                let to = *to;
                if message.is_answer() {
                    if let Some(open) = self.served.take((to, op)) {
                        self.traces.end(open, None);
                    }
                } else if let Some(mark) = self.coordinated.get(op).copied().or(cause) {
                    self.coordinated.note(op, mark);
                    effects.insert(at, NodeEffect::Send { to, message: Message::Traced { op, mark } });
                    at += 1;
                }
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Threads, Traces};
    use node::NodeEffect;
    use proto::{BucketId, Epoch, ItemKey, Message, OpId, ReadAnswer, TraceMark};
    use ring::NodeId;
    use std::sync::Arc;

    const MARK: TraceMark = TraceMark { trace: 7, span: 8 };
    const PEER: NodeId = NodeId(2);

    fn ask(op: u64) -> Message {
        Message::Read { op: OpId(op), epoch: Epoch(1), bucket: BucketId::DEFAULT, key: ItemKey::plain("k") }
    }

    fn answer(op: u64) -> Message {
        Message::ReadReply { op: OpId(op), answer: ReadAnswer::Held(None) }
    }

    fn send(message: Message) -> NodeEffect {
        NodeEffect::Send { to: PEER, message }
    }

    fn sent(effects: &[NodeEffect]) -> Vec<Message> {
        let message = |effect: &NodeEffect| {
            if let NodeEffect::Send { message, .. } = effect { Some(message.clone()) } else { None }
        };
        effects.iter().filter_map(message).collect()
    }

    #[test]
    fn what_a_traced_request_asks_is_announced_and_what_its_answers_lead_to() {
        let (traces, _spans) = Traces::new(0, 1, Default::default());
        let mut threads = Threads::new(Arc::new(traces));
        let mut effects = vec![send(ask(1)), send(ask(5)), send(answer(5))];
        threads.follow(Some(MARK), &mut effects, 1);
        let told = Message::Traced { op: OpId(5), mark: MARK };
        assert_eq!(sent(&effects), [ask(1), told.clone(), ask(5), answer(5)]);
        assert_eq!(threads.heed(PEER, &answer(5)), Some(MARK));
        assert_eq!(threads.heed(PEER, &answer(6)), None);
        assert_eq!(threads.heed(PEER, &ask(5)), None, "that is the peer's number");
        // Later, because an fsync has ended.
        let mut effects = vec![send(ask(5)), send(ask(6))];
        threads.follow(None, &mut effects, 0);
        assert_eq!(sent(&effects), [told, ask(5), ask(6)]);
    }

    #[test]
    fn what_a_peer_announced_is_a_span_until_it_is_answered() {
        let (traces, mut spans) = Traces::new(0, 1, Default::default());
        let mut threads = Threads::new(Arc::new(traces));
        assert_eq!(threads.heed(PEER, &Message::Traced { op: OpId(5), mark: MARK }), None);
        let cause = threads.heed(PEER, &ask(5)).unwrap();
        assert_eq!(cause.trace, 7);
        // What is asked of others meanwhile belongs to it, and an operation of ours with that number does not end it.
        let mut effects = vec![send(ask(5))];
        threads.follow(Some(cause), &mut effects, 0);
        assert_eq!(effects.len(), 2);
        assert!(spans.try_recv().is_err());
        threads.follow(None, &mut vec![send(answer(5))], 0);
        let span = spans.try_recv().unwrap();
        assert_eq!((span.mark, span.parent, span.name), (cause, Some(8), "read"));
        threads.follow(None, &mut vec![send(answer(5))], 0);
        assert!(spans.try_recv().is_err());
    }
}
