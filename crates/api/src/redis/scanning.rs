//! What the commands that scan have in common: cursors and options.

use super::arguments::{integer, is};
use super::fault::Fault;
use bytes::Bytes;

/// Most keys or elements of one call.
const COUNT_MAX: i64 = 10_000;

/// What a scan was asked for.
pub(crate) struct Wanted {
    /// Only names that fit.
    pub(crate) pattern: Option<Bytes>,
    /// Only keys of this kind.
    pub(crate) kind: Option<Bytes>,
    /// How many to look at.
    pub(crate) count: usize,
}

impl Wanted {
    /// Reads MATCH, COUNT and TYPE.
    pub(crate) fn read(mut options: &[Bytes]) -> Result<Wanted, Fault> {
        let mut wanted = Wanted { pattern: None, kind: None, count: 10 };
        while let [option, value, rest @ ..] = options {
            options = rest;
            match option {
                option if is(option, "MATCH") => wanted.pattern = Some(value.clone()),
                option if is(option, "TYPE") => wanted.kind = Some(value.clone()),
                option if is(option, "COUNT") => match integer(value)? {
                    count if count < 1 => return Err(Fault::SYNTAX),
                    count => wanted.count = count.min(COUNT_MAX) as usize,
                },
                _ => return Err(Fault::SYNTAX),
            }
        }
        if options.is_empty() { Ok(wanted) } else { Err(Fault::SYNTAX) }
    }
}

/// Reads a cursor.
pub(crate) fn cursor(argument: &[u8]) -> Result<u64, Fault> {
    std::str::from_utf8(argument).ok().and_then(|text| text.parse().ok()).ok_or(Fault::CURSOR)
}
