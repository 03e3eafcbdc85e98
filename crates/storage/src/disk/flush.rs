//! Writing a memory table out to tables.
//!
//! Invariant: when `write_out` succeeds, everything in the memory table is durable in tables, and tables written before
//! hold nothing that its range deletions hide.
//! Refuses to know when; the workers and the opening do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::journal::Lsn;
use super::memtable::{Entry, Memtable, Version};
use super::merge::{MemtableScan, Merge, Source, Versions};
use super::range::bounds;
use super::runs::Runs;
use super::tables::Tables;
use crate::error::StorageError;
use crate::space::Space;

/// Writes `memtable`, the oldest one there is, to `tables`. The journal must have it durably. Repeated after a failure, it goes on where it stopped.
pub(super) fn write_out(memtable: &Memtable, tables: &[Tables; Space::ALL.len()]) -> Result<(), StorageError> {
    for space in Space::ALL {
        let written = &memtable.written[space.index()];
        if written.load(Ordering::Acquire) || memtable.is_empty(space) {
            continue;
        }
        let tables = &tables[space.index()];
        let runs = tables.runs();
        tables.add(entries(memtable, space, &runs)?)?;
        written.store(true, Ordering::Release);
    }
    Ok(())
}

/// The tables of every space as they are now.
pub(super) fn current_runs(tables: &[Tables; Space::ALL.len()]) -> [Arc<Runs>; Space::ALL.len()] {
    Space::ALL.map(|space| Arc::new(tables[space.index()].runs()))
}

/// What the memory table holds, and a deletion for each key of `runs` that it hides.
fn entries<'a>(memtable: &'a Memtable, space: Space, runs: &'a Runs) -> Result<Versions<'a>, StorageError> {
    let everything = (b"".as_slice(), None);
    let mut sources: Vec<(Source<'a>, _)> =
        vec![(Box::new(MemtableScan::new(memtable, space, everything, Lsn::MAX)), Vec::new())];
    for hidden in memtable.hidden(space, Lsn::MAX) {
        let Some(bounds) = bounds(&hidden.start, hidden.end.as_deref()) else { continue };
        let runs = runs.ranges(bounds).into_iter().map(|run| (run, Vec::new())).collect();
        let deleted =
            move |entry: Result<Entry, _>| entry.map(|(key, _)| (key, Version { lsn: hidden.lsn, value: None }));
        sources.push((Box::new(Merge::new(runs)?.map(deleted)), Vec::new()));
    }
    Ok(Versions(Merge::new(sources)?))
}
