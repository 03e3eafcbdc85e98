//! The virtual table `item`, and the only unsafe code of the workspace: two marker implementations that SQLite's
//! binding asks for.
//!
//! Invariant: the first field of each of the two structs is SQLite's own, and they are laid out as C does; SQLite holds
//! pointers to them and reads nothing behind that field. The table is eponymous: it exists without being created.
#![allow(unsafe_code, reason = "rusqlite marks its traits of virtual tables unsafe; there is no safe way to have one")]

use super::everywhere::Shortfall;
use super::feed::{Feed, FeedError, Origin};
use super::only::{BUCKET_COLUMN, KEY_COLUMN, Only};
use node::LocalItem;
use proto::BucketId;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor, sqlite3_vtab,
    sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Error};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use stdx::Wall;

const SCHEMA: &CStr = c"CREATE TABLE item(hash TEXT, key, value, bucket TEXT HIDDEN, sort HIDDEN)";
/// What reading everything costs, and what reading some of it does; only which of them is less matters.
const COST: f64 = 1e6;
const COST_NARROWED: f64 = 1e3;

/// Where the rows come from.
pub(super) struct Source {
    /// A fresh look at the items, at least at those that are named; none if the node is ending. Each scan needs its own.
    pub(super) items: Box<dyn Fn(Only) -> Option<Origin> + Send + Sync>,
    /// What was missing when they were read.
    pub(super) shortfall: Arc<Mutex<Shortfall>>,
    /// The time as of which items live.
    pub(super) wall: Wall,
    /// Names of buckets.
    pub(super) buckets: BTreeMap<BucketId, String>,
    /// When to give up.
    pub(super) deadline: Instant,
}

/// Makes the table known to a connection.
pub(super) fn register(connection: &Connection, source: Source) -> rusqlite::Result<()> {
    const MODULE: Module<'static, ItemTable> = Module::eponymous_only_module();
    connection.create_module(c"item", &MODULE, Some(Arc::new(source)))
}

#[repr(C)]
struct ItemTable {
    base: sqlite3_vtab,
    source: Arc<Source>,
}

// SAFETY: the struct is laid out as C does and begins with `sqlite3_vtab`, which is all that the trait asks for.
unsafe impl<'vtab> VTab<'vtab> for ItemTable {
    type Aux = Arc<Source>;
    type Cursor = ItemCursor;

    fn connect(
        db: &mut VTabConnection,
        source: Option<&Arc<Source>>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _arguments: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, ItemTable)> {
        let source = source.ok_or_else(|| Error::ModuleError("the table has no source".to_owned()))?;
        db.config(VTabConfig::Innocuous)?;
        Ok((Cow::Borrowed(SCHEMA), ItemTable { base: sqlite3_vtab::default(), source: Arc::clone(source) }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let is_narrowed = Only::choose(info)?;
        info.set_estimated_cost(if is_narrowed { COST_NARROWED } else { COST });
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<ItemCursor> {
        let source = Arc::clone(&self.source);
        Ok(ItemCursor { base: sqlite3_vtab_cursor::default(), source, feed: None, current: None, row: 0 })
    }
}

#[repr(C)]
struct ItemCursor {
    base: sqlite3_vtab_cursor,
    source: Arc<Source>,
    feed: Option<Feed>,
    current: Option<LocalItem>,
    row: i64,
}

impl ItemCursor {
    fn advance(&mut self) -> rusqlite::Result<()> {
        let deadline = self.source.deadline;
        self.current = match &mut self.feed {
            Some(feed) => feed.next(deadline).map_err(refused)?,
            None => None,
        };
        Ok(())
    }
}

// SAFETY: the struct is laid out as C does and begins with `sqlite3_vtab_cursor`, which is all that the trait asks for.
unsafe impl VTabCursor for ItemCursor {
    fn filter(&mut self, given: c_int, _name: Option<&str>, arguments: &Filters<'_>) -> rusqlite::Result<()> {
        let ending = || FeedError::Failed("the node is ending".to_owned());
        let items = (self.source.items)(Only::read(given, arguments)).ok_or_else(ending).map_err(refused)?;
        self.feed = Some(Feed::start(items, self.source.wall).map_err(refused)?);
        self.row = 0;
        self.advance()
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.row += 1;
        self.advance()
    }

    fn eof(&self) -> bool {
        self.current.is_none()
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let Some(item) = &self.current else { return context.set_result(rusqlite::types::Null) };
        match column {
            0 => context.set_result(item.token.to_string()),
            KEY_COLUMN => context.set_result(text_or_blob(&item.key.partition_key)),
            2 => context.set_result(text_or_blob(&item.value.bytes)),
            BUCKET_COLUMN => context.set_result(self.source.buckets.get(&item.bucket).map(String::as_str)),
            _ => match &item.key.sort_key {
                Some(sort) => context.set_result(text_or_blob(sort)),
                None => context.set_result(rusqlite::types::Null),
            },
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.row)
    }
}

fn text_or_blob(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match std::str::from_utf8(bytes) {
        Ok(_) => ValueRef::Text(bytes),
        Err(_) => ValueRef::Blob(bytes),
    })
}

fn refused(error: FeedError) -> Error {
    Error::ModuleError(error.to_string())
}
