//! Layers of settings, and how they lie over each other.
//!
//! Invariant: a merged value comes whole from one layer; lists are not joined across layers.

use super::list::{SETTINGS, Setting};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// Nobody said anything else.
    Default,
    /// The file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::Environment(variable) => write!(f, "environment {variable}"),
            Origin::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// A value as it was written, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// One text, or several for a list.
    pub(crate) texts: Vec<String>,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// What one place says.
pub(crate) type Layer = BTreeMap<&'static str, Written>;

/// What all places say together.
#[derive(Clone, Debug)]
pub(crate) struct Merged(Layer);

impl Merged {
    /// What holds if nobody says anything.
    pub(crate) fn defaults() -> Merged {
        let set = |setting: &&Setting| !setting.default.is_empty();
        let written = |setting: &Setting| Written { texts: vec![setting.default.to_owned()], origin: Origin::Default };
        Merged(SETTINGS.iter().filter(set).map(|setting| (setting.name, written(setting))).collect())
    }

    /// Lays another layer over this one.
    pub(crate) fn over(&mut self, layer: Layer) {
        self.0.extend(layer);
    }

    /// The value of a setting, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&Written> {
        self.0.get(name)
    }

    /// Sets what follows from other settings, if nobody has.
    pub(crate) fn fill(&mut self, name: &'static str, text: String) {
        self.0.entry(name).or_insert(Written { texts: vec![text], origin: Origin::Default });
    }
}

/// Cuts a list that was written as one text.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
