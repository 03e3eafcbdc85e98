//! What can go wrong with a backup directory, as sentences that name the file.

use std::fmt;
use std::io;
use std::path::Path;

/// Why something could not be done.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// With a sentence.
    pub fn new(sentence: impl Into<String>) -> Error {
        Error(sentence.into())
    }

    /// A file could not be read or written.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Error {
        Error(format!("cannot {what} {}: {error}", path.display()))
    }

    /// A file is not as it was written.
    pub(crate) fn damaged(path: &Path, what: impl fmt::Display) -> Error {
        Error(format!("{} is damaged: {what}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
