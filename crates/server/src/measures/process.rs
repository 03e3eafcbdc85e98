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

    /// Memory that is really there now, and the most that ever was; none where the system does not tell.
    pub fn memory() -> (Option<u64>, Option<u64>) {
        (resident_bytes(), peak_bytes())
    }

    /// Time on the processors out of the kernel and in it, in hundredths of a second; none where the system does not tell.
    pub fn cpu_parts() -> Option<(Duration, Duration)> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is a name that may hold anything but ends with the last parenthesis; fields 14 and 15 are the times.
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks = |field: &str| field.parse::<u64>().ok().map(|ticks| Duration::from_millis(ticks * TICK_MILLIS));
        let mut fields = fields.split_whitespace().skip(11);
        Some((ticks(fields.next()?)?, ticks(fields.next()?)?))
    }
}

/// Linux counts hundredths of a second for programs, on every machine.
const TICK_MILLIS: u64 = 10;

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

fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

fn files() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::{Process, TICK_MILLIS, free_bytes};
    use std::time::Duration;

    #[test]
    fn the_process_takes_something() {
        let process = Process::now();
        assert!(process.cpu.as_nanos() > 0);
        if cfg!(target_os = "linux") {
            assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000));
            assert!(process.files.is_some_and(|files| files >= 3));
            let (resident, peak) = Process::memory();
            assert!([resident, peak].iter().all(|bytes| bytes.is_some_and(|bytes| bytes > 100_000)));
            let (user, kernel) = Process::cpu_parts().expect("the system tells");
            let whole = Process::now().cpu + Duration::from_millis(2 * TICK_MILLIS);
            assert!(user + kernel <= whole, "{user:?} {kernel:?} {whole:?}");
        }
        assert!(free_bytes(std::path::Path::new("/")).is_some());
        assert!(free_bytes(std::path::Path::new("/nowhere at all")).is_none());
    }
}
