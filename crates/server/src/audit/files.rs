//! The files of the audit log: lines of JSON, each with the hash of the line before it, in files of bounded size and number.
//!
//! Invariant: a line is written behind the last one and never changed; `append` returns when it is on disk, or nothing of it counts.
//! The oldest file goes when there are too many.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A file that has so many bytes is followed by another.
pub(super) const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files kept.
pub(super) const FILES_MAX: usize = 16;

/// What every line has.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) at: u64,
}

/// Where the chain of lines ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// The number of the next line.
    pub(super) next: u64,
    /// The hash of the last line; zeros if there is none.
    pub(super) hash: [u8; 32],
}

/// The hash of a line without its end.
pub(super) fn hash(line: &[u8]) -> [u8; 32] {
    Sha256::digest(line).into()
}

/// The lines that are whole.
pub(super) fn whole(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &text[..end]
}

/// Where lines are kept.
pub(super) trait Store: Send {
    /// Where the chain ends.
    fn end(&mut self) -> io::Result<End>;

    /// Writes whole lines, the first of them of number `first`, and makes them durable.
    fn append(&mut self, first: u64, lines: &[u8]) -> io::Result<()>;
}

/// The files in a directory.
pub(super) struct Files {
    directory: PathBuf,
    /// The file that is written, and how long it is.
    open: Option<(File, u64)>,
}

impl Files {
    pub(super) fn new(directory: PathBuf) -> Files {
        Files { directory, open: None }
    }

    fn newest(&mut self) -> io::Result<Option<(File, u64)>> {
        let Some((_, path)) = list(&self.directory)?.pop() else { return Ok(None) };
        let file = OpenOptions::new().append(true).open(&path)?;
        let (bytes, whole) = (file.metadata()?.len(), whole(&fs::read(&path)?).len() as u64);
        if whole < bytes {
            // The process ended while it wrote this, so nobody was told that it is there.
            file.set_len(whole)?;
        }
        Ok(Some((file, whole)))
    }

    fn begin_another(&mut self, first: u64) -> io::Result<(File, u64)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let path = self.directory.join(format!("audit-{first:020}.jsonl"));
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        let mut all = list(&self.directory)?;
        let surplus = all.len().saturating_sub(FILES_MAX);
        for (_, old) in all.drain(..surplus) {
            fs::remove_file(old)?;
        }
        File::open(&self.directory)?.sync_all()?;
        Ok((file, bytes))
    }
}

impl Store for Files {
    fn end(&mut self) -> io::Result<End> {
        let mut end = End { next: 1, hash: [0; 32] };
        // An empty newest file says nothing.
        for (_, path) in list(&self.directory)?.into_iter().rev() {
            let text = fs::read(path)?;
            let lines = || whole(&text).split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            if let Some(last) = lines().next_back() {
                let numbers = lines().filter_map(|line| serde_json::from_slice::<Head>(line).ok());
                let highest = numbers.map(|head| head.seq).max().unwrap_or(0);
                end = End { next: highest + 1, hash: hash(last) };
                break;
            }
        }
        Ok(end)
    }

    fn append(&mut self, first: u64, lines: &[u8]) -> io::Result<()> {
        let open = match self.open.take() {
            Some(open) => Some(open),
            None => self.newest()?,
        };
        let (mut file, before) = match open {
            Some((file, bytes)) if bytes + lines.len() as u64 <= FILE_BYTES_MAX => (file, bytes),
            _ => self.begin_another(first)?,
        };
        let written = file.write_all(lines).and_then(|()| file.sync_data());
        match written {
            Ok(()) => {
                self.open = Some((file, before + lines.len() as u64));
                Ok(())
            }
            Err(error) => {
                // What there is of it would be taken for lines that were kept.
                file.set_len(before)?;
                Err(error)
            }
        }
    }
}

/// The files in order, each with the number of its first line.
pub(super) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let first = name.strip_prefix("audit-").and_then(|name| name.strip_suffix(".jsonl"));
        if let Some(first) = first.and_then(|first| first.parse().ok()) {
            files.push((first, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}
