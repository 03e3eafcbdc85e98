//! One request of `POST /`, from the fields of its JSON to what is asked of the node.
//!
//! Invariant: an [`Operation`] is within the bounds of the options, and none of its fields was ignored.
//! Refuses to know buckets: whether one exists, and what its contexts are worth, is settled later.

use crate::Options;
use crate::cursor::Cursor;
use crate::fields::{Fields, excerpt, invalid, missing};
use crate::problem::{Kind, Problem};
use bytes::Bytes;
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

fn item_key(fields: &mut Fields<'_>, options: &Options) -> Result<ItemKey, Problem> {
    let partition_key = fields.bytes("key")?.ok_or_else(|| missing("key"))?;
    let key = ItemKey { partition_key, sort_key: fields.bytes("sort")? };
    fits("key", key.len(), options)?;
    Ok(key)
}

/// The key of an item that this interface may write: elements belong to whoever keeps sets and hashes in them.
fn own_key(fields: &mut Fields<'_>, options: &Options) -> Result<ItemKey, Problem> {
    let key = item_key(fields, options)?;
    if key.is_element() {
        return Err(invalid("sort", "must not begin with a zero byte: such items are elements of sets and hashes"));
    }
    Ok(key)
}

fn bounds(fields: &mut Fields<'_>, options: &Options) -> Result<Option<Bounds>, Problem> {
    let Some(partition_key) = fields.bytes("key")? else {
        let stray = ["from", "to", "after"].into_iter().find(|name| fields.has(name));
        return stray.map_or(Ok(None), |name| Err(invalid(name, "belongs to the scan of one \"key\"; add that key")));
    };
    let (from, to, after) = (fields.bytes("from")?, fields.bytes("to")?, fields.bytes("after")?);
    for (name, sort_key) in [("from", &from), ("to", &to), ("after", &after)] {
        fits(name, partition_key.len() + sort_key.as_ref().map_or(0, Bytes::len), options)?;
    }
    Ok(Some(Bounds { partition_key, from, to, after }))
}

/// The condition of a change, and the client's name for it; none if there is neither.
fn condition(fields: &mut Fields<'_>) -> Result<Option<(Expect, Name)>, Problem> {
    let version = fields.whole("ifVersion", 0..=u64::MAX)?;
    let value = fields.bytes("ifValue")?;
    let name = name(fields)?;
    let expect = match (version, value) {
        (Some(_), Some(_)) => return Err(invalid("ifValue", "cannot be given beside \"ifVersion\"")),
        (Some(version), None) => Expect::Version(version),
        (None, Some(bytes)) => Expect::Value(bytes),
        (None, None) if name.id.is_none() => return Ok(None),
        (None, None) => Expect::Any,
    };
    Ok(Some((expect, name)))
}

fn name(fields: &mut Fields<'_>) -> Result<Name, Problem> {
    match (change_id(fields, "id")?, change_id(fields, "again")?) {
        (Some(_), Some(_)) => Err(invalid("again", "takes the place of \"id\"; give one of them")),
        (id, None) => Ok(Name { id, again: false }),
        (None, id) => Ok(Name { id, again: true }),
    }
}

fn change_id(fields: &mut Fields<'_>, field: &str) -> Result<Option<ChangeId>, Problem> {
    let Some(text) = fields.text(field)? else { return Ok(None) };
    let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = if digits { u64::from_str_radix(&text, 16).ok() } else { None };
    id.map(|id| Some(ChangeId(id))).ok_or_else(|| invalid(field, "must be 16 hexadecimal digits, chosen at random"))
}

/// The media type of the value, kept with it.
fn content_type(fields: &mut Fields<'_>) -> Result<Option<String>, Problem> {
    const BYTES_MAX: usize = 255;
    let Some(text) = fields.text("contentType")? else { return Ok(None) };
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if printable && text.len() <= BYTES_MAX && text.trim().split_once('/').is_some() {
        return Ok(Some(text.trim().to_owned()));
    }
    Err(invalid("contentType", "must be a media type like \"text/plain\", at most 255 characters of ASCII"))
}

fn fits(name: &str, bytes: usize, options: &Options) -> Result<(), Problem> {
    if bytes > options.key_bytes_max { Err(too_large(name, bytes, options.key_bytes_max)) } else { Ok(()) }
}

fn level(fields: &mut Fields<'_>, quorum: &str) -> Result<Option<Level>, Problem> {
    if fields.has("level") && fields.has(quorum) {
        return Err(invalid(quorum, "is another name of \"level\"; give one of them"));
    }
    let name = if fields.has("level") { "level" } else { quorum };
    let Some(text) = fields.text_or_whole(name)? else { return Ok(None) };
    read_level(name, &text).map(Some)
}

/// Reads a level given as text.
pub(crate) fn read_level(name: &str, text: &str) -> Result<Level, Problem> {
    let must = "must be \"any\", \"one\", \"quorum\", \"all\" or a number from 1 to 255";
    Level::parse(text).ok_or_else(|| invalid(name, must))
}

fn durability(fields: &mut Fields<'_>) -> Result<Durability, Problem> {
    match fields.text("durability")?.as_deref() {
        None | Some("fsync") => Ok(Durability::Fsync),
        Some("memory") => Ok(Durability::Memory),
        Some(_) => Err(invalid("durability", "must be \"fsync\" or \"memory\"")),
    }
}

fn too_large(name: &str, bytes: usize, bytes_max: usize) -> Problem {
    let detail = format!("\"{name}\" has {bytes} bytes and may have {bytes_max}; cut it into several items.");
    Problem::new(Kind::TooLarge, detail).with("field", name).with("max", bytes_max)
}

fn unknown_type(what: &str) -> Problem {
    let detail = format!("\"type\" must be \"GET\", \"PUT\", \"DELETE\", \"ADD\" or \"SCAN\"; {what}.");
    Problem::new(Kind::UnknownType, detail).with("field", "type")
}

#[cfg(test)]
mod tests {
    use super::{Action, Name, Operation};
    use crate::Options;
    use crate::problem::{Kind, Problem};
    use bytes::Bytes;
    use proto::{ChangeId, Durability, Edit, Expect, ItemKey, Level, Value};
    use stdx::Span;

    fn read(body: &str) -> Result<Operation, Problem> {
        let options = Options { value_bytes_max: 64, key_bytes_max: 16, ..Options::default() };
        Operation::read(&Bytes::copy_from_slice(body.as_bytes()), &options)
    }

    fn refused(body: &str) -> (Kind, String) {
        let problem = read(body).expect_err(body);
        (problem.kind(), problem.detail().to_owned())
    }

    #[test]
    fn the_requests_of_the_reference_are_read() {
        let get = read(r#"{"type":"GET","key":"9"}"#).unwrap();
        assert_eq!((get.bucket.as_str(), get.within, get.level), ("default", None, None));
        assert_eq!(get.action, Action::Get(ItemKey::plain("9")));
        let Action::Put(put) = read(r#"{"key":"1","value":"uno","type":"PUT"}"#).unwrap().action else { panic!() };
        assert_eq!((put.key, put.value), (ItemKey::plain("1"), Some(Value::plain("uno"))));
        assert_eq!((put.context, put.durability, put.ttl), (None, Durability::Fsync, None));
    }

    #[test]
    fn optional_fields_are_read() {
        let put = read(
            r#"{"type":"PUT","key":"k","sort":"s","value":"","bucket":"b","w":2,"durability":"memory","ttl":"30s",
                "timeout":0.5,"context":"tok"}"#,
        )
        .unwrap();
        assert_eq!((put.bucket.as_str(), put.level), ("b", Some(Level::Count(2))));
        assert_eq!(put.within, Some(Span::millis(500)));
        let Action::Put(write) = put.action else { panic!() };
        assert_eq!(write.key, ItemKey::sorted("k", "s"));
        assert_eq!((write.durability, write.ttl), (Durability::Memory, Some(Span::secs(30))));
        assert_eq!(write.context.as_deref(), Some("tok"));
        let level = |level: &str| read(&format!(r#"{{"type":"GET","key":"k",{level}}}"#)).unwrap().level;
        assert_eq!(level(r#""level":"all""#), Some(Level::All));
        assert_eq!(level(r#""r":"one""#), Some(Level::One));
        assert_eq!(level(r#""level":"2""#), Some(Level::Count(2)));
    }

    #[test]
    fn a_condition_makes_a_change() {
        let change = |body: &str| match read(body).unwrap().action {
            Action::Change(change) => change,
            other => panic!("{other:?}"),
        };
        let put = change(r#"{"type":"PUT","key":"k","value":"v","bucket":"b","ifVersion":0}"#);
        assert_eq!((put.expect, put.edit), (Expect::Version(0), Edit::Put(Value::plain("v"))));
        let lock = change(r#"{"type":"PUT","key":"k","value":"v","ifVersion":0,"ttl":"30s"}"#);
        assert_eq!((lock.expect, lock.ttl), (Expect::Version(0), Some(Span::secs(30))));
        let delete = change(r#"{"type":"DELETE","key":"k","ifValue":"v","id":"00000000000000ff"}"#);
        assert_eq!((delete.expect, delete.edit), (Expect::Value("v".into()), Edit::Delete));
        assert_eq!(delete.name, Name { id: Some(ChangeId(255)), again: false });
        let again = change(r#"{"type":"ADD","key":"k","again":"00000000000000ff"}"#);
        assert_eq!(again.name, Name { id: Some(ChangeId(255)), again: true });
        let added = |body: &'static str| read(body).unwrap().action;
        assert_eq!(added(r#"{"type":"ADD","key":"k"}"#), Action::Add(ItemKey::plain("k"), 1));
        assert_eq!(added(r#"{"type":"ADD","key":"k","by":-3,"level":"one"}"#), Action::Add(ItemKey::plain("k"), -3));
        for body in [
            r#"{"type":"ADD","key":"k","by":0.5}"#,
            r#"{"type":"PUT","key":"k","value":"v","ifVersion":1,"level":"one"}"#,
            r#"{"type":"PUT","key":"k","value":"v","ifVersion":1,"ifValue":"x"}"#,
            r#"{"type":"PUT","key":"k","value":"v","id":"12"}"#,
            r#"{"type":"PUT","key":"k","value":"v","id":"00000000000000ff","again":"00000000000000ff"}"#,
        ] {
            assert_eq!(refused(body).0, Kind::InvalidField, "{body}");
        }
    }

    #[test]
    fn a_scan_reads_one_key_or_all() {
        let Action::Scan(run) = read(r#"{"type":"SCAN","key":"k","from":"a","to":"b","limit":7}"#).unwrap().action
        else {
            panic!()
        };
        let bounds = run.bounds.unwrap();
        assert_eq!((bounds.from.as_deref(), bounds.to.as_deref()), (Some(&b"a"[..]), Some(&b"b"[..])));
        assert_eq!(run.limit, 7);
        let Action::Scan(run) = read(r#"{"type":"SCAN"}"#).unwrap().action else { panic!() };
        assert_eq!((run.bounds, run.cursor, run.limit), (None, None, 100));
        assert_eq!(refused(r#"{"type":"SCAN","from":"a"}"#).0, Kind::InvalidField);
        assert_eq!(refused(r#"{"type":"SCAN","cursor":"nonsense!"}"#).0, Kind::InvalidCursor);
        assert_eq!(refused(r#"{"type":"SCAN","limit":0}"#).0, Kind::InvalidField);
    }

    #[test]
    fn the_media_type_goes_with_the_value() {
        let put = |kind: &str| read(&format!(r#"{{"type":"PUT","key":"k","value":"v","contentType":"{kind}"}}"#));
        let Action::Put(write) = put(" text/plain; charset=utf-8").unwrap().action else { panic!() };
        assert_eq!(write.value.unwrap().content_type.as_deref(), Some("text/plain; charset=utf-8"));
        for kind in ["text", "text/\\n", "texto/ñ", &format!("a/{}", "b".repeat(254))] {
            assert_eq!(put(kind).unwrap_err().kind(), Kind::InvalidField, "{kind}");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert_eq!(refused(r#"{"key":"9"}"#).0, Kind::UnknownType);
        let (kind, detail) = refused(r#"{"type":"POP","key":"9"}"#);
        assert_eq!(kind, Kind::UnknownType);
        assert!(detail.contains("not \"POP\""), "{detail}");
        assert_eq!(
            refused(r#"{"type":"GET"}"#),
            (Kind::MissingField, "\"key\" is missing; add it to the JSON object.".into())
        );
        assert_eq!(refused(r#"{"type":"PUT","key":"9"}"#).0, Kind::MissingField);
        let (kind, detail) = refused(r#"{"type":"GET","key":"9","colour":"red"}"#);
        assert_eq!(kind, Kind::UnknownField);
        assert!(detail.contains("\"colour\""), "{detail}");
        assert_eq!(refused(r#"{"type":"GET","key":"9","value":"x"}"#).0, Kind::UnknownField);
        assert_eq!(refused(r#"{"type":"GET","key":"9","w":1}"#).0, Kind::UnknownField);
    }

    #[test]
    fn wrong_values_are_named() {
        assert_eq!(refused(r#"{"type":"PUT","key":"9","value":9}"#).0, Kind::InvalidField);
        assert_eq!(refused(r#"{"type":"GET","key":9}"#).0, Kind::InvalidField);
        for level in ["\"most\"", "0", "256", "-1", "true"] {
            assert_eq!(
                refused(&format!(r#"{{"type":"GET","key":"9","level":{level}}}"#)).0,
                Kind::InvalidField,
                "{level}"
            );
        }
        assert_eq!(refused(r#"{"type":"GET","key":"9","level":1,"r":1}"#).0, Kind::InvalidField);
        assert_eq!(refused(r#"{"type":"PUT","key":"9","value":"x","durability":"disk"}"#).0, Kind::InvalidField);
        assert_eq!(refused(r#"{"type":"PUT","key":"9","value":"x","ttl":0}"#).0, Kind::InvalidField);
    }

    #[test]
    fn bounds_are_kept() {
        assert_eq!(refused(&format!(r#"{{"type":"GET","key":"{}"}}"#, "k".repeat(17))).0, Kind::TooLarge);
        assert_eq!(refused(&format!(r#"{{"type":"PUT","key":"k","value":"{}"}}"#, "v".repeat(65))).0, Kind::TooLarge);
        assert!(read(&format!(r#"{{"type":"PUT","key":"{}","value":"{}"}}"#, "k".repeat(16), "v".repeat(64))).is_ok());
    }
}
