//! What the process takes of its machine.
//!
//! Invariant: reading changes nothing and blocks for no longer than a system call that does no input or output.

use std::path::Path;
use std::time::Duration;

/// What the process takes of its machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Process {
    /// Time on the processors, of all threads, in the kernel and out of it.
    pub cpu: Duration,
    /// Memory that is really there; none where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// Files and sockets that are open; none where the system does not tell.
    pub files: Option<u64>,
}

impl Process {
    /// As it is now.
    pub fn now() -> Process {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let cpu = Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0));
        Process { cpu, resident_bytes: resident_bytes(), files: files() }
    }
}

/// Bytes that are free on the device of a directory, for whoever is not the superuser.
pub(crate) fn free_bytes(directory: &Path) -> Option<u64> {
    let device = rustix::fs::statvfs(directory).ok()?;
    device.f_bavail.checked_mul(device.f_frsize)
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages = statm.split(' ').nth(1)?.parse::<u64>().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

fn files() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::{Process, free_bytes};

    #[test]
    fn the_process_takes_something() {
        let process = Process::now();
        assert!(process.cpu.as_nanos() > 0);
        if cfg!(target_os = "linux") {
            assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000));
            assert!(process.files.is_some_and(|files| files >= 3));
        }
        assert!(free_bytes(std::path::Path::new("/")).is_some());
        assert!(free_bytes(std::path::Path::new("/nowhere at all")).is_none());
    }
}
