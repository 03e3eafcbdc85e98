//! No two different events have one epoch, anywhere, ever.
//!
//! Fed with every event that any node writes into its history or hands to a client.

use node::proto::{Digest, Epoch, Event};
use std::collections::BTreeMap;

/// The events of the cluster, as far as anybody knows them.
#[derive(Default)]
pub(crate) struct Epochs {
    events: BTreeMap<Epoch, (Digest, Event)>,
}

impl Epochs {
    /// Takes an event in. The error says which two events share an epoch.
    pub(crate) fn see(&mut self, event: &Event) -> Result<(), String> {
        let hash = event.hash();
        match self.events.get(&event.epoch) {
            None => {
                self.events.insert(event.epoch, (hash, event.clone()));
                Ok(())
            }
            Some((known, _)) if *known == hash => Ok(()),
            Some((_, known)) => Err(format!("epoch {} is {:?} and {:?}", event.epoch, known.change, event.change)),
        }
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Epochs;
    use node::proto::{Change, Digest, Epoch, Event};
    use ring::NodeId;

    #[test]
    fn two_events_of_one_epoch_are_noticed() {
        let event = |nonce: u64| Event {
            epoch: Epoch(3),
            previous: Digest::default(),
            at: stdx::Wall(1),
            nonce,
            change: Change::Readdress { node: NodeId(1), name: "one".to_owned(), uri: "http://one".to_owned() },
        };
        let mut epochs = Epochs::default();
        assert_eq!((epochs.see(&event(1)), epochs.see(&event(1))), (Ok(()), Ok(())));
        assert!(epochs.see(&event(2)).is_err());
        assert_eq!(epochs.len(), 1);
    }
}
