//! Read-only look at the items this node stores, for pages and queries on other threads. Sees what is visible, durable
//! or not; takes no part in the protocol.

use proto::{BucketId, ItemKey, Value};
use ring::Token;
use std::ops::ControlFlow;
use stdx::Wall;
use storage::{Reader, StorageError};

/// One live value of an item on this node. An item with siblings gives several.
#[derive(Clone, Debug)]
pub struct LocalItem {
    /// SHA-1 of the partition key.
    pub token: Token,
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ItemKey,
    /// The value.
    pub value: Value,
}

/// The items of this node, in storage order.
pub struct LocalItems {
    reader: Box<dyn Reader + Send>,
}

impl LocalItems {
    /// Over a reader of the node's engine.
    pub fn new(reader: Box<dyn Reader + Send>) -> LocalItems {
        LocalItems { reader }
    }

    /// Shows every live value as of `wall` to `visit`, until it breaks.
    pub fn each(
        &self,
        wall: Wall,
        visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let _ = (&self.reader, wall, visit);
        unimplemented!()
    }
}
