//! The parts that operations are made of, read from the fields of a request: keys, bounds, conditions, levels.

use super::{Bounds, Name};
use crate::Options;
use crate::fields::{Fields, invalid, missing};
use crate::problem::{Kind, Problem};
use bytes::Bytes;
use proto::{ChangeId, Durability, Expect, ItemKey, Level};

pub(super) fn item_key(fields: &mut Fields<'_>, options: &Options) -> Result<ItemKey, Problem> {
    let partition_key = fields.bytes("key")?.ok_or_else(|| missing("key"))?;
    let key = ItemKey { partition_key, sort_key: fields.bytes("sort")? };
    fits("key", key.len(), options)?;
    Ok(key)
}

/// The key of an item that this interface may write: elements belong to whoever keeps sets and hashes in them.
pub(super) fn own_key(fields: &mut Fields<'_>, options: &Options) -> Result<ItemKey, Problem> {
    let key = item_key(fields, options)?;
    if key.is_element() {
        return Err(invalid("sort", "must not begin with a zero byte: such items are elements of sets and hashes"));
    }
    Ok(key)
}

pub(super) fn bounds(fields: &mut Fields<'_>, options: &Options) -> Result<Option<Bounds>, Problem> {
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
pub(super) fn condition(fields: &mut Fields<'_>) -> Result<Option<(Expect, Name)>, Problem> {
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
pub(super) fn content_type(fields: &mut Fields<'_>) -> Result<Option<String>, Problem> {
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

pub(super) fn level(fields: &mut Fields<'_>, quorum: &str) -> Result<Option<Level>, Problem> {
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

pub(super) fn durability(fields: &mut Fields<'_>) -> Result<Durability, Problem> {
    match fields.text("durability")?.as_deref() {
        None | Some("fsync") => Ok(Durability::Fsync),
        Some("memory") => Ok(Durability::Memory),
        Some(_) => Err(invalid("durability", "must be \"fsync\" or \"memory\"")),
    }
}

pub(super) fn too_large(name: &str, bytes: usize, bytes_max: usize) -> Problem {
    let detail = format!("\"{name}\" has {bytes} bytes and may have {bytes_max}; cut it into several items.");
    Problem::new(Kind::TooLarge, detail).with("field", name).with("max", bytes_max)
}
