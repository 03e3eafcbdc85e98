//! A backup directory: where parts and manifests are.
//!
//! ```text
//! alianza-backup                          says what this directory is
//! parts/0f/0f3a….part                     one partition's content, named by its hash
//! manifests/20261121T120000.000Z-1a2b3c4d one backup, named by when it was made and its hash
//! unfinished/                             of a backup that is being made, or was broken off
//! ```
//!
//! Invariant: a file is in `parts` or `manifests` only when it is whole and on disk.

use crate::error::Error;
use crate::manifest::{Manifest, Part};
use proto::Digest;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const MARK: &str = "alianza-backup";
const MARK_TEXT: &str = "A directory of alianza backups, format 1. See docs/backup.md.\n";

/// A manifest that was found, or what is wrong with it.
pub struct Listed {
    /// The backup's name.
    pub name: String,
    /// The manifest and its hash.
    pub manifest: Result<(Manifest, Digest), Error>,
}

/// A directory of backups.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Opens a directory that holds backups.
    pub fn open(root: &Path) -> Result<Directory, Error> {
        let mark = root.join(MARK);
        match fs::read(&mark) {
            Ok(text) if text == MARK_TEXT.as_bytes() => Ok(Directory { root: root.to_owned() }),
            Ok(_) => Err(Error::new(format!("{} was made by another version of alianza", root.display()))),
            Err(_) => Err(Error::new(format!("{} is no directory of alianza backups", root.display()))),
        }
    }

    /// Opens a directory, or makes an empty or missing one into one that holds backups.
    pub fn create(root: &Path) -> Result<Directory, Error> {
        fs::create_dir_all(root).map_err(|error| Error::io("make", root, &error))?;
        if !root.join(MARK).exists() && holds_something_else(root)? {
            let sentence = "is not empty and holds no alianza backups; name an empty or a new directory";
            return Err(Error::new(format!("{} {sentence}", root.display())));
        }
        let directory = Directory { root: root.to_owned() };
        for folder in [directory.parts(), directory.manifests(), directory.unfinished()] {
            fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
        }
        if !root.join(MARK).exists() {
            place(&directory.unfinished().join(MARK), &root.join(MARK), MARK_TEXT.as_bytes())?;
            sync_folder(root)?;
        }
        Directory::open(root)
    }

    /// Every finished backup, oldest first.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let folder = self.manifests();
        let entries = fs::read_dir(&folder).map_err(|error| Error::io("read", &folder, &error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        Ok(names.into_iter().map(|name| Listed { manifest: self.manifest(&name), name }).collect())
    }

    /// The backup of this name.
    pub fn manifest(&self, name: &str) -> Result<(Manifest, Digest), Error> {
        let path = self.manifests().join(name);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(format!("there is no backup {name}; `alianza backup list` shows all")),
            _ => Error::io("read", &path, &error),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| Error::damaged(&path, "it is not text"))?;
        Manifest::read(&text).map_err(|what| Error::damaged(&path, what))
    }

    /// Where a part is.
    pub fn part(&self, part: &Part) -> PathBuf {
        self.part_of(&part.hash)
    }

    pub(crate) fn part_of(&self, hash: &Digest) -> PathBuf {
        let name = hash.to_string();
        self.parts().join(&name[..2]).join(format!("{name}.part"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn parts(&self) -> PathBuf {
        self.root.join("parts")
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    pub(crate) fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }
}

/// Whether there is anything that is not left over from a first run that was killed before it had set the mark.
fn holds_something_else(root: &Path) -> Result<bool, Error> {
    let entries = fs::read_dir(root).map_err(|error| Error::io("read", root, &error))?;
    let ours = |entry: fs::DirEntry| ["parts", "manifests", "unfinished"].iter().any(|name| entry.file_name() == *name);
    Ok(entries.into_iter().any(|entry| entry.map_or(true, |entry| !ours(entry))))
}

/// Puts a file in its place, whole or not at all.
pub(crate) fn place(unfinished: &Path, path: &Path, content: &[u8]) -> Result<(), Error> {
    let written = fs::write(unfinished, content).and_then(|()| fs::File::open(unfinished)?.sync_all());
    written.map_err(|error| Error::io("write", unfinished, &error))?;
    fs::rename(unfinished, path).map_err(|error| Error::io("write", path, &error))
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|file| file.sync_all()).map_err(|error| Error::io("sync", folder, &error))
}
