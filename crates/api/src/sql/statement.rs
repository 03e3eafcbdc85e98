//! Running one statement: a fresh connection in memory, closed against everything but reading, with a time, a memory
//! and a row limit.
//!
//! Invariant: no file is opened and nothing outlives the statement.

use super::rows;
use super::table::{self, Source};
use crate::problem::{Kind, Problem};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, Error, ErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Memory that all statements together may take in SQLite.
const MEMORY: u64 = 256 << 20;
/// Largest value that SQLite handles, as bytes.
const VALUE: i32 = 128 << 20;
/// Longest statement.
const TEXT: i32 = 64 << 10;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 1_000;

/// What a statement may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Rows.
    pub(super) rows: usize,
    /// Time.
    pub(super) time: Duration,
}

/// Runs `sql` and returns its rows as JSON.
pub(super) fn run(sql: &str, source: Source, bounds: Bounds) -> Result<Vec<u8>, Problem> {
    if sql.trim_matches(|c: char| c.is_whitespace() || c == ';').is_empty() {
        return Err(Problem::new(Kind::Sql, "The statement is empty; try SELECT * FROM item."));
    }
    let (deadline, shortfall) = (source.deadline, Arc::clone(&source.shortfall));
    let connection = connect(source).map_err(|error| problem(&error, bounds, deadline))?;
    let mut statement = connection.prepare(sql).map_err(|error| problem(&error, bounds, deadline))?;
    if !statement.readonly() {
        return Err(read_only());
    }
    rows::collect(&mut statement, bounds.rows, &shortfall).map_err(|error| problem(&error, bounds, deadline))
}

fn connect(source: Source) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    let deadline = source.deadline;
    // The limit is of the whole process, in which nothing else uses SQLite.
    connection.execute_batch(&format!("PRAGMA hard_heap_limit={MEMORY}; PRAGMA temp_store=MEMORY;"))?;
    table::register(&connection, source)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, TEXT)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    connection.progress_handler(STEPS, Some(move || Instant::now() > deadline))?;
    connection.authorizer(Some(|context: AuthContext<'_>| authorize(&context.action)))?;
    Ok(connection)
}

fn authorize(action: &AuthAction<'_>) -> Authorization {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !is_risky(function_name) => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

fn is_risky(function: &str) -> bool {
    ["load_extension", "fts3_tokenizer"].iter().any(|risky| function.eq_ignore_ascii_case(risky))
}

fn problem(error: &Error, bounds: Bounds, deadline: Instant) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied) => return read_only(),
        Some(ErrorCode::OutOfMemory) => {
            let detail = format!("The statement needs more than {} MiB; narrow it, or add a LIMIT.", MEMORY >> 20);
            return Problem::new(Kind::SqlLimit, detail);
        }
        _ if Instant::now() > deadline => {
            let secs = bounds.time.as_secs_f64();
            return Problem::new(
                Kind::SqlLimit,
                format!("The statement took longer than {secs} s; narrow it, or add a LIMIT."),
            );
        }
        _ => {}
    }
    let message = match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::MultipleStatement => "more than one statement; send them one by one".to_owned(),
        other => other.to_string(),
    };
    Problem::new(Kind::Sql, format!("SQLite says: {message}."))
}

fn read_only() -> Problem {
    Problem::new(Kind::Sql, "Only reading is allowed here; send one SELECT over the table item.")
}
