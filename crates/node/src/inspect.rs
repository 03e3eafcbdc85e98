//! Read-only look at the items this node stores, for pages and queries on other threads. Sees what is visible, durable
//! or not; takes no part in the protocol.

use proto::{BucketId, ItemKey, Value};
use ring::Token;
use std::ops::ControlFlow;
use stdx::Wall;
use storage::{Reader, Space, StorageError};

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
    pub fn each(&self, wall: Wall, visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>) -> Result<(), StorageError> {
        let mut damaged = None;
        self.reader.scan(Space::Items, &[], None, &mut |key, value| match codec::decode_stored(key, value) {
            Ok((bucket, item, record)) => {
                let token = Token::of(&item.partition_key);
                for (_, version) in record.visible(wall) {
                    let value = version.value.clone().expect("a visible version has a value");
                    if visit(LocalItem { token, bucket, key: item.clone(), value }).is_break() {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                damaged = Some(error.to_string());
                ControlFlow::Break(())
            }
        })?;
        match damaged {
            None => Ok(()),
            Some(what) => Err(StorageError::Corrupt { what, expected: "a whole record".into(), got: "damage".into() }),
        }
    }
}
