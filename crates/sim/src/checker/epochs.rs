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
