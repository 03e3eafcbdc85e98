//! Which `alianza` is tested: the one that is named, or the newest of this workspace's target directory.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The binary under test. The error says what to do.
pub fn find(named: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = named {
        return if path.is_file() { Ok(path.to_owned()) } else { Err(format!("{} is no file", path.display())) };
    }
    let target = target();
    let candidates = ["release", "quick", "debug"].map(|profile| target.join(profile).join("alianza"));
    let newest = candidates.into_iter().filter(|path| path.is_file()).max_by_key(|path| modified(path));
    newest.ok_or_else(|| {
        format!("no alianza in {}; build one with `cargo build -p alianza`, or name it with --bin", target.display())
    })
}

/// The directory that cargo builds into: two above this program, or three above a test.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let holds_profiles = |path: &&Path| path.join("CACHEDIR.TAG").is_file();
    own.ancestors().find(holds_profiles).map_or_else(|| PathBuf::from("target"), Path::to_owned)
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}
