//! What the data of a node is kept on: a directory, a small file system in memory, or ext4 in a file, whose power can be
//! cut.
//!
//! Invariant: what was mounted is unmounted when the run ends. Refuses to know processes; whoever cuts the power stops
//! them first.

mod mount;
mod shutdown;

pub use shutdown::NO_LOG_FLUSH;

use std::path::{Path, PathBuf};

/// What the data of each node is kept on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A directory of the file system that the run is on.
    Directory,
    /// For the nodes with these numbers, a file system in memory of so many MiB; a directory for the others.
    Small {
        /// Which nodes.
        nodes: Vec<usize>,
        /// Its size.
        megabytes: u32,
    },
    /// ext4 in a file of so many MiB, mounted by a loop device.
    Loop {
        /// Its size.
        megabytes: u32,
    },
}

impl Place {
    /// Makes what is needed for a node and returns its data directory, which does not exist yet.
    pub fn prepare(&self, directory: &Path, number: usize) -> Result<PathBuf, String> {
        let point = mount_point(directory, number);
        match self {
            Place::Small { nodes, megabytes } if nodes.contains(&number) => {
                make(&point)?;
                mount::run("mount", &["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs", text(&point)?])?;
            }
            Place::Loop { megabytes } => {
                make(&point)?;
                let image = image(directory, number);
                let file = std::fs::File::create(&image);
                let sized = file.and_then(|file| file.set_len(u64::from(*megabytes) << 20));
                sized.map_err(|error| format!("cannot make {}: {error}", image.display()))?;
                mount::run("mkfs.ext4", &["-q", "-F", text(&image)?])?;
                mount::run("mount", &["-o", "loop", text(&image)?, text(&point)?])?;
            }
            _ => return Ok(directory.join(format!("node-{number}"))),
        }
        Ok(point.join("data"))
    }

    /// Cuts the power of the file systems of these nodes: what was not forced to disk is gone. Their processes must
    /// stand still.
    pub fn cut_power(&self, directory: &Path, numbers: &[usize]) -> Result<(), String> {
        assert!(matches!(self, Place::Loop { .. }), "only a file system of its own can lose its power");
        numbers.iter().try_for_each(|number| shutdown::shut_down(&mount_point(directory, *number)))
    }

    /// Gives the power back. The processes must have ended.
    pub fn restore_power(&self, directory: &Path, number: usize) -> Result<(), String> {
        let point = mount_point(directory, number);
        mount::unmount(&point)?;
        mount::run("mount", &["-o", "loop", text(&image(directory, number))?, text(&point)?])
    }

    /// Unmounts whatever is mounted below the directory of the run.
    pub fn put_away(&self, directory: &Path) {
        for point in mount::below(directory) {
            if let Err(error) = mount::unmount(&point) {
                eprintln!("faults: {error}");
            }
        }
    }
}

/// True if this program may mount a file system of this kind here. Tries it.
pub fn is_permitted(place: &Place, parent: &Path) -> Result<(), String> {
    let directory = tempfile::tempdir_in(parent).map_err(|error| error.to_string())?;
    let tried = place.prepare(directory.path(), 0).and_then(|_| match place {
        Place::Loop { .. } => {
            place.cut_power(directory.path(), &[0]).and_then(|()| place.restore_power(directory.path(), 0))
        }
        _ => Ok(()),
    });
    place.put_away(directory.path());
    tried
}

fn mount_point(directory: &Path, number: usize) -> PathBuf {
    directory.join(format!("node-{number}.mount"))
}

fn image(directory: &Path, number: usize) -> PathBuf {
    directory.join(format!("node-{number}.ext4"))
}

fn make(directory: &Path) -> Result<(), String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}
