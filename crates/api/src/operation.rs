//! One request of `POST /`, from the fields of its JSON to what is asked of the node.
//!
//! Invariant: an [`Operation`] is within the bounds of the options, and none of its fields was ignored.
//! Refuses to know buckets: whether one exists, and what its contexts are worth, is settled later.

mod parts;
#[cfg(test)]
mod tests;

pub(crate) use parts::read_level;

use crate::Options;
use crate::cursor::Cursor;
use crate::fields::{Fields, excerpt, invalid, missing};
use crate::problem::{Kind, Problem};
use bytes::Bytes;
use parts::{bounds, condition, content_type, durability, item_key, level, own_key, too_large};
use proto::{ChangeId, Durability, Edit, Expect, ItemKey, Level, Value};
use stdx::Span;

/// Items in a page of a scan if the client does not say.
const LIMIT_DEFAULT: u64 = 100;

/// Most items in a page of a scan.
const LIMIT_MAX: u64 = 10_000;

const GET_FIELDS: &[&str] = &["type", "key", "sort", "bucket", "level", "r", "timeout"];

const PUT_FIELDS: &[&str] = &[
    "type",
    "key",
    "value",
    "contentType",
    "sort",
    "bucket",
    "context",
    "level",
    "w",
    "durability",
    "ttl",
    "timeout",
    "ifVersion",
    "ifValue",
    "id",
    "again",
];

const DELETE_FIELDS: &[&str] = &[
    "type",
    "key",
    "sort",
    "bucket",
    "context",
    "level",
    "w",
    "durability",
    "timeout",
    "ifVersion",
    "ifValue",
    "id",
    "again",
];

const ADD_FIELDS: &[&str] =
    &["type", "key", "by", "sort", "bucket", "level", "w", "timeout", "ifVersion", "id", "again"];
const SCAN_FIELDS: &[&str] =
    &["type", "key", "from", "to", "after", "limit", "cursor", "bucket", "level", "r", "timeout"];

/// What a client asks for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Operation {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// How long the client waits.
    pub(crate) within: Option<Span>,
    /// Replicas asked for.
    pub(crate) level: Option<Level>,
    /// What to do.
    pub(crate) action: Action,
}

/// What to do.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Action {
    /// Read one item.
    Get(ItemKey),
    /// Write one item, or delete it if there is no value.
    Put(Write),
    /// Add to the number that one item is.
    Add(ItemKey, i64),
    /// Change one item of a linearizable bucket.
    Change(Change),
    /// Read a run of items.
    Scan(Run),
}

/// One write.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Write {
    /// The item.
    pub(crate) key: ItemKey,
    /// Its new value; none deletes it.
    pub(crate) value: Option<Value>,
    /// The sealed context, as the client gave it.
    pub(crate) context: Option<String>,
    /// When a replica may count as holding it.
    pub(crate) durability: Durability,
    /// How long it lives.
    pub(crate) ttl: Option<Span>,
}

/// One change of an item of a linearizable bucket.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Change {
    /// The item.
    pub(crate) key: ItemKey,
    /// What must hold.
    pub(crate) expect: Expect,
    /// What to do.
    pub(crate) edit: Edit,
    /// How long a value that is put lives.
    pub(crate) ttl: Option<Span>,
    /// The client's name for it.
    pub(crate) name: Name,
}

/// A client's name for a change.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    /// None: the change cannot be asked for again.
    pub(crate) id: Option<ChangeId>,
    /// It was asked for before.
    pub(crate) again: bool,
}

/// The run of items that a scan reads.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Run {
    /// The partition key and bounds, or the whole bucket.
    pub(crate) bounds: Option<Bounds>,
    /// Where an earlier page ended.
    pub(crate) cursor: Option<Cursor>,
    /// Most items to return.
    pub(crate) limit: u32,
}

/// Items of one partition key.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Bounds {
    /// The partition key.
    pub(crate) partition_key: Bytes,
    /// First sort key, inclusive.
    pub(crate) from: Option<Bytes>,
    /// End of the sort keys, exclusive.
    pub(crate) to: Option<Bytes>,
    /// Continue behind this sort key.
    pub(crate) after: Option<Bytes>,
}

impl Operation {
    /// Reads the body of a request.
    pub(crate) fn read(body: &Bytes, options: &Options) -> Result<Operation, Problem> {
        let mut fields = Fields::read(body)?;
        let kind = fields.text("type")?.ok_or_else(|| unknown_type("it is missing"))?;
        Operation::of(&kind, fields, options)
    }

    /// An operation of this type with these fields.
    pub(crate) fn of(kind: &str, fields: Fields<'_>, options: &Options) -> Result<Operation, Problem> {
        match kind {
            "GET" => Operation::get(fields, options),
            "PUT" => Operation::put(fields, options),
            "DELETE" => Operation::delete(fields, options),
            "ADD" => Operation::add(fields, options),
            "SCAN" => Operation::scan(fields, options),
            other => Err(unknown_type(&format!("not \"{}\"", excerpt(other.as_bytes())))),
        }
    }

    fn get(mut fields: Fields<'_>, options: &Options) -> Result<Operation, Problem> {
        let key = item_key(&mut fields, options)?;
        Operation::with(fields, "r", Action::Get(key), "GET", GET_FIELDS)
    }

    fn put(mut fields: Fields<'_>, options: &Options) -> Result<Operation, Problem> {
        let key = own_key(&mut fields, options)?;
        let bytes = fields.bytes("value")?.ok_or_else(|| missing("value"))?;
        if bytes.len() > options.value_bytes_max {
            return Err(too_large("value", bytes.len(), options.value_bytes_max));
        }
        let value = Value { bytes, content_type: content_type(&mut fields)? };
        if let Some((expect, name)) = condition(&mut fields)? {
            let change = Change { key, expect, edit: Edit::Put(value), ttl: fields.span("ttl")?, name };
            return Operation::change(fields, change, "PUT", PUT_FIELDS);
        }
        let write = Write {
            key,
            value: Some(value),
            context: fields.text("context")?.map(String::from),
            durability: durability(&mut fields)?,
            ttl: fields.span("ttl")?,
        };
        Operation::with(fields, "w", Action::Put(write), "PUT", PUT_FIELDS)
    }

    fn delete(mut fields: Fields<'_>, options: &Options) -> Result<Operation, Problem> {
        let key = own_key(&mut fields, options)?;
        if let Some((expect, name)) = condition(&mut fields)? {
            let change = Change { key, expect, edit: Edit::Delete, ttl: None, name };
            return Operation::change(fields, change, "DELETE", DELETE_FIELDS);
        }
        let write = Write {
            key,
            value: None,
            context: fields.text("context")?.map(String::from),
            durability: durability(&mut fields)?,
            ttl: None,
        };
        Operation::with(fields, "w", Action::Put(write), "DELETE", DELETE_FIELDS)
    }

    fn add(mut fields: Fields<'_>, options: &Options) -> Result<Operation, Problem> {
        let key = own_key(&mut fields, options)?;
        let by = fields.integer("by")?.unwrap_or(1);
        let Some((expect, name)) = condition(&mut fields)? else {
            return Operation::with(fields, "w", Action::Add(key, by), "ADD", ADD_FIELDS);
        };
        Operation::change(fields, Change { key, expect, edit: Edit::Add(by), ttl: None, name }, "ADD", ADD_FIELDS)
    }

    /// A change on a condition: what only eventual buckets have does not go with it.
    fn change(fields: Fields<'_>, change: Change, what: &str, known: &[&str]) -> Result<Operation, Problem> {
        let stray = ["context", "durability"].into_iter().find(|name| fields.has(name));
        if let Some(name) = stray {
            return Err(invalid(
                name,
                "belongs to eventual buckets, conditions to linearizable ones; leave one of them out",
            ));
        }
        let operation = Operation::with(fields, "w", Action::Change(change), what, known)?;
        match operation.level {
            None | Some(Level::Quorum) => Ok(operation),
            Some(_) => Err(invalid("level", "must be \"quorum\" for changes in linearizable buckets; leave it out")),
        }
    }

    fn scan(mut fields: Fields<'_>, options: &Options) -> Result<Operation, Problem> {
        let bounds = bounds(&mut fields, options)?;
        let cursor = fields.text("cursor")?.map(|text| Cursor::read(&text)).transpose()?;
        let limit = fields.whole("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as u32;
        Operation::with(fields, "r", Action::Scan(Run { bounds, cursor, limit }), "SCAN", SCAN_FIELDS)
    }

    /// Takes what all types have in common, and complains about the rest. `quorum` is the older name of the level.
    fn with(
        mut fields: Fields<'_>,
        quorum: &str,
        action: Action,
        what: &str,
        known: &[&str],
    ) -> Result<Operation, Problem> {
        let bucket = fields.text("bucket")?.map_or_else(|| "default".to_owned(), String::from);
        let within = fields.span("timeout")?;
        let level = level(&mut fields, quorum)?;
        fields.finish(what, known)?;
        Ok(Operation { bucket, within, level, action })
    }
}

fn unknown_type(what: &str) -> Problem {
    let detail = format!("\"type\" must be \"GET\", \"PUT\", \"DELETE\", \"ADD\" or \"SCAN\"; {what}.");
    Problem::new(Kind::UnknownType, detail).with("field", "type")
}
