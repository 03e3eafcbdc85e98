//! Waking up at a moment between two milliseconds, which waiting for sockets alone cannot.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// A timer among the sockets. Where the system has none, waiting is rounded up to milliseconds.
pub(super) struct Timer {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Timer {
    /// Makes it and has it wake up the poll.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd as _;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut mio::unix::SourceFd(&timer.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Timer { timer })
    }

    /// Wakes up after this time, once. Gives the longest that the poll may wait beside it.
    pub(super) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let after = Timespec { tv_sec: after.as_secs() as _, tv_nsec: after.subsec_nanos().max(1) as _ };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value: after })?;
        Ok(None)
    }
}

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// There is none.
    pub(super) fn new(_: &Registry, _: Token) -> io::Result<Timer> {
        Ok(Timer {})
    }

    /// The poll has to wait by itself.
    pub(super) fn set(&self, after: Duration) -> io::Result<Option<Duration>> {
        Ok(Some(after))
    }
}

/// Processor time that this process has used, in seconds.
pub(super) fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
