//! The rows of a statement as JSON: `{"columns":[…],"rows":[[…],…]}`, and what is missing from them.
//!
//! Invariant: bounded in rows and bytes; what was cut off is announced by `"truncated":true`. Bytes that are not text
//! appear as `{"base64":…}`, numbers that JSON cannot write as texts.

use super::everywhere::Shortfall;
use crate::json::{Object, write_object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement};
use std::sync::{Mutex, PoisonError};

/// Largest answer.
const BYTES_MAX: usize = 64 << 20;

/// Runs a statement and writes at most `rows_max` rows.
pub(super) fn collect(
    statement: &mut Statement<'_>,
    rows_max: usize,
    shortfall: &Mutex<Shortfall>,
) -> rusqlite::Result<Vec<u8>> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut object = Object::sized(1_024);
    object.list("columns", &columns, |out, name| push_json(out, name.as_str()));
    let out = object.name("rows");
    out.push(b'[');
    let mut rows = statement.query([])?;
    let (mut count, mut truncated) = (0, false);
    while let Some(row) = rows.next()? {
        if count == rows_max || out.len() > BYTES_MAX {
            truncated = true;
            break;
        }
        if count > 0 {
            out.push(b',');
        }
        write_row(out, row, columns.len())?;
        count += 1;
    }
    out.push(b']');
    if truncated {
        object.name("truncated").extend(b"true");
    }
    shortfall.lock().unwrap_or_else(PoisonError::into_inner).write(&mut object);
    Ok(object.end())
}

fn write_row(out: &mut Vec<u8>, row: &Row<'_>, columns: usize) -> rusqlite::Result<()> {
    out.push(b'[');
    for column in 0..columns {
        if column > 0 {
            out.push(b',');
        }
        write_cell(out, row.get_ref(column)?);
    }
    out.push(b']');
    Ok(())
}

fn write_cell(out: &mut Vec<u8>, cell: ValueRef<'_>) {
    match cell {
        ValueRef::Null => out.extend(b"null"),
        ValueRef::Integer(number) => out.extend(number.to_string().as_bytes()),
        ValueRef::Real(number) if number.is_finite() => push_json(out, number),
        ValueRef::Real(number) => push_json(out, number.to_string()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => push_json(out, text),
            Err(_) => write_base64(out, bytes),
        },
        ValueRef::Blob(bytes) => write_base64(out, bytes),
    }
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    write_object(out, |object| object.text("base64", &STANDARD.encode(bytes)));
}

fn push_json(out: &mut Vec<u8>, value: impl serde::Serialize) {
    // Texts and finite numbers always have a JSON form.
    let written = serde_json::to_writer(out, &value);
    debug_assert!(written.is_ok());
}
