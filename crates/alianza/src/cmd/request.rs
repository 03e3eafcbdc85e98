//! The JSON of requests, from what the command line says.

use crate::args::{ChangeName, Condition, Item, Place, Writing};
use serde_json::{Map, Value};

/// The fields of a request in the making.
pub(super) struct Request(Map<String, Value>);

impl Request {
    /// A request of this type.
    pub(super) fn new(kind: &str) -> Request {
        Request(Map::new()).with("type", kind)
    }

    /// Adds a field.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Request {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field if there is a value for it.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Request {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds what names the item.
    pub(super) fn of(self, item: &Item) -> Request {
        self.with("key", item.key.as_str()).with_some("sort", item.sort.as_deref()).at(&item.place)
    }

    /// Adds bucket, level and patience.
    pub(super) fn at(self, place: &Place) -> Request {
        self.with("bucket", place.bucket.as_str())
            .with_some("level", place.level.as_deref())
            .with_some("timeout", place.timeout.as_deref())
    }

    /// Adds what must hold.
    pub(super) fn on(self, condition: &Condition) -> Request {
        let version = if condition.if_absent { Some(0) } else { condition.if_version };
        self.with_some("ifVersion", version).with_some("ifValue", condition.if_value.as_deref()).named(&condition.name)
    }

    /// Adds the name of a change.
    pub(super) fn named(self, name: &ChangeName) -> Request {
        self.with_some("id", name.id.as_deref()).with_some("again", name.again.as_deref())
    }

    /// Adds what writes have.
    pub(super) fn writing(self, writing: &Writing) -> Request {
        self.with_some("context", writing.context.as_deref()).with_some("durability", writing.durability.as_deref())
    }

    /// The JSON.
    pub(super) fn json(self) -> Value {
        Value::Object(self.0)
    }
}
