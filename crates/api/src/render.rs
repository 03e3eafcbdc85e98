//! What the node found and wrote, as JSON for the reference interface and its extensions.
//!
//! Invariant: one value appears as `value`, as in the reference; `values` appears whenever there are several, and always
//! where the rule is to keep siblings.

use crate::json::{Object, write_object};
use proto::{Current, ItemKey, Mode, Outcome, Rule, Sibling, Value};
use stdx::Wall;

/// The answer to a GET that found something. `context` is there in buckets that keep siblings.
pub(crate) fn found(key: &ItemKey, siblings: &[Sibling], context: Option<&str>) -> Vec<u8> {
    let mut object = Object::sized(key.len() + weight(siblings) + 64);
    write_item(&mut object, key, siblings, context.is_some());
    if let Some(context) = context {
        object.text("context", context);
    }
    object.end()
}

/// The answer to a GET or a change in a linearizable bucket. `value` is there if it is known.
pub(crate) fn current(key: &ItemKey, current: &Current) -> Vec<u8> {
    let bytes = current.value.as_ref().map_or(0, |value| value.bytes.len());
    let mut object = Object::sized(key.len() + bytes + 64);
    write_key(&mut object, key);
    if let Some(value) = &current.value {
        write_bytes(&mut object, value);
    }
    object.number("version", current.version);
    if let Some(Wall(end)) = current.expires {
        object.number("expires", end);
    }
    object.end()
}

/// The answer to a change in a linearizable bucket.
pub(crate) fn changed(key: &ItemKey, version: u64) -> Vec<u8> {
    current(key, &Current { version, ..Current::default() })
}

/// The answer to a write.
pub(crate) fn written(key: &ItemKey, acknowledged: u8, context: Option<&str>) -> Vec<u8> {
    let mut object = Object::sized(key.len() + 64);
    write_key(&mut object, key);
    object.number("acknowledged", u64::from(acknowledged));
    if let Some(context) = context {
        object.text("context", context);
    }
    object.end()
}

/// The answer to what was added.
pub(crate) fn amended(key: &ItemKey, outcome: &Outcome) -> Vec<u8> {
    let mut object = Object::sized(key.len() + outcome.value.len() + 64);
    write_key(&mut object, key);
    object.bytes("value", &outcome.value);
    object.number("acknowledged", u64::from(outcome.acknowledged));
    object.end()
}

/// The answer to a scan.
pub(crate) fn page(items: &[(ItemKey, Vec<Sibling>)], of: (Rule, Mode), cursor: Option<&str>) -> Vec<u8> {
    let bytes = items.iter().map(|(key, siblings)| key.len() + weight(siblings) + 48).sum::<usize>();
    let mut object = Object::sized(bytes + 64);
    object.list("items", items, |out, (key, siblings)| {
        item(out, key, siblings, of);
    });
    if let Some(cursor) = cursor {
        object.text("cursor", cursor);
    }
    object.end()
}

/// One item of a listing of a bucket of this rule and mode, as an object of its own.
pub(crate) fn item(out: &mut Vec<u8>, key: &ItemKey, siblings: &[Sibling], (rule, mode): (Rule, Mode)) {
    let is_linearizable = mode == Mode::Linearizable;
    let siblings_kept = rule.of_key(key) == Rule::Siblings && !is_linearizable;
    write_object(out, |object| {
        write_item(object, key, siblings, siblings_kept);
        if let (true, [only]) = (is_linearizable, siblings) {
            object.number("version", only.dot.counter);
        }
    });
}

fn write_item(object: &mut Object, key: &ItemKey, siblings: &[Sibling], siblings_kept: bool) {
    write_key(object, key);
    if let [only] = siblings {
        write_value(object, only);
    }
    if siblings_kept || siblings.len() > 1 {
        object.list("values", siblings, |out, sibling| write_object(out, |object| write_value(object, sibling)));
    }
}

fn write_key(object: &mut Object, key: &ItemKey) {
    object.bytes("key", &key.partition_key);
    if let Some(sort) = &key.sort_key {
        object.bytes("sort", sort);
    }
}

fn write_value(object: &mut Object, sibling: &Sibling) {
    match &sibling.version.value {
        Some(value) => {
            write_bytes(object, value);
            if let Some(Wall(end)) = sibling.version.expires {
                object.number("expires", end);
            }
        }
        // A sibling is never a tombstone; if one came all the same, an empty value does less harm than no answer.
        None => object.bytes("value", &[]),
    }
}

fn write_bytes(object: &mut Object, value: &Value) {
    object.bytes("value", &value.bytes);
    if let Some(kind) = &value.content_type {
        object.text("contentType", kind);
    }
}

fn weight(siblings: &[Sibling]) -> usize {
    let value = |sibling: &Sibling| sibling.version.value.as_ref().map_or(0, |value| value.bytes.len());
    siblings.iter().map(|sibling| value(sibling) + 16).sum()
}
