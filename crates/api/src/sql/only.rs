//! Which items a statement can want, as far as its conditions say so in a form that reading can use: `key = …` and
//! `bucket = …`.
//!
//! Invariant: nothing that satisfies the conditions is left out. SQLite looks at each row again, so too much may be read.

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::vtab::{Filters, IndexConstraintOp, IndexInfo};
use std::ffi::c_int;

/// The columns that can narrow what is read, with the bit that says of each that its value is given.
const COLUMNS: [(c_int, c_int); 2] = [(KEY_COLUMN, 1), (BUCKET_COLUMN, 2)];
/// The column `key`.
pub(super) const KEY_COLUMN: c_int = 1;
/// The column `bucket`.
pub(super) const BUCKET_COLUMN: c_int = 3;

/// What one column must be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Wanted {
    /// Anything.
    #[default]
    Any,
    /// These bytes.
    This(Bytes),
    /// Something that no item has, such as a number.
    Nothing,
}

/// What an item must be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Only {
    /// Its partition key.
    pub(super) key: Wanted,
    /// The name of its bucket.
    pub(super) bucket: Wanted,
}

impl Only {
    /// Chooses the conditions that narrow what is read, asks SQLite for their values, and tells whether there are any.
    pub(super) fn choose(info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let (mut given, mut arguments) = (0, 0);
        for (column, bit) in COLUMNS {
            let is_equality = |op| op == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ;
            let mut usable = info.constraints().enumerate().filter(|(_, constraint)| {
                constraint.is_usable() && constraint.column() == column && is_equality(constraint.operator())
            });
            let Some((index, _)) = usable.next() else { continue };
            // Under another collation other bytes are equal, too.
            if info.collation(index)? == "BINARY" {
                arguments += 1;
                given |= bit;
                info.constraint_usage(index).set_argv_index(arguments);
            }
        }
        info.set_idx_num(given);
        Ok(given != 0)
    }

    /// Reads the values that were asked for.
    pub(super) fn read(given: c_int, arguments: &Filters<'_>) -> Only {
        let mut only = Only::default();
        let mut values = arguments.iter();
        for (column, bit) in COLUMNS {
            if given & bit == 0 {
                continue;
            }
            let wanted = match values.next() {
                Some(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Wanted::This(Bytes::copy_from_slice(bytes)),
                // A name is text, and SQLite makes text of a number before it compares the two; a key has no type.
                _ if column == BUCKET_COLUMN => Wanted::Any,
                _ => Wanted::Nothing,
            };
            *(if column == KEY_COLUMN { &mut only.key } else { &mut only.bucket }) = wanted;
        }
        only
    }

    /// Whether items of a bucket of this name can be wanted.
    pub(super) fn wants_bucket(&self, name: &str) -> bool {
        match &self.bucket {
            Wanted::Any => self.key != Wanted::Nothing,
            Wanted::This(bytes) => bytes == name.as_bytes() && self.key != Wanted::Nothing,
            Wanted::Nothing => false,
        }
    }
}
