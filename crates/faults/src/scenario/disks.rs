//! Disks that lose their power, are full, or fail.

use super::{Options, QUIET};
use crate::nemesis;
use crate::place::Place;
use crate::report::Report;
use crate::session::Session;
use std::time::Duration;

/// Power cuts: of one node, of a minority, and of all at once.
pub fn power(options: &Options, count: u32) -> Result<Report, String> {
    let place = Place::Loop { megabytes: 512 };
    let mut session = Session::start("power", options.setup(false, place), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for number in 1..=count {
            if !options.has_time() {
                break;
            }
            let several = match session.prng.below(4) {
                0 => options.nodes,
                1 => 2,
                _ => 1,
            };
            let victims = nemesis::victims(&mut session, several);
            let down = session.some_millis(50, 800);
            nemesis::cut_power(&mut session, &victims, down)?;
            if number % 5 == 0 {
                session.wait_rest()?;
            }
            let pause = session.some_millis(300, 1_500);
            session.let_run(pause)?;
        }
        Ok(())
    })();
    Ok(session.finish(went))
}

/// The disk of one node gets full under load, and has room again.
pub fn disk_full(options: &Options, count: u32) -> Result<Report, String> {
    let victim = 1;
    let place = Place::Small { nodes: vec![victim], megabytes: 256 };
    let mut session = Session::start("disk-full", options.setup(false, place), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for _ in 0..count {
            if !options.has_time() {
                break;
            }
            let duration = session.some_millis(4_000, 12_000);
            nemesis::fill(&mut session, victim, duration)?;
            session.wait_rest()?;
            session.let_run(Duration::from_secs(2))?;
        }
        Ok(())
    })();
    Ok(session.finish(went))
}

/// System calls of one node fail: syncs with EIO, writes with ENOSPC.
pub fn injected(options: &Options, count: u32) -> Result<Report, String> {
    let faults = [
        "fdatasync,fsync:error=EIO:when=5",
        "write,pwrite64,writev:error=ENOSPC:when=40+37",
        "fdatasync,fsync:delay_enter=300000:when=1+2",
        "fdatasync,fsync:error=ENOSPC:when=9",
    ];
    let mut session = Session::start("injected", options.setup(false, Place::Directory), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for number in 0..count as usize {
            if !options.has_time() {
                break;
            }
            let victim = nemesis::victims(&mut session, 1)[0];
            nemesis::inject(&mut session, victim, faults[number % faults.len()], Duration::from_secs(6))?;
            session.wait_rest()?;
            session.let_run(Duration::from_secs(2))?;
        }
        Ok(())
    })();
    Ok(session.finish(went))
}
