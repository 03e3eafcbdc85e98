//! Processes that die, stand still, are restarted, and are replaced.

use super::{Options, QUIET};
use crate::nemesis;
use crate::place::Place;
use crate::report::Report;
use crate::session::Session;
use std::time::Duration;

/// `kill -9` of one node, mostly; now and then of two, and of all at once.
pub fn kills(options: &Options, count: u32) -> Result<Report, String> {
    let mut session = Session::start("kills", options.setup(false, Place::Directory), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for number in 1..=count {
            if !options.has_time() {
                break;
            }
            let several = match session.prng.below(20) {
                0..16 => 1,
                16..18 => 2,
                _ => options.nodes,
            };
            let victims = nemesis::victims(&mut session, several);
            let down = session.some_millis(200, 2_500);
            nemesis::kill(&mut session, &victims, down)?;
            // Mostly the next one comes before the last one is forgotten.
            if number % 4 == 0 {
                session.wait_rest()?;
            }
            let pause = session.some_millis(100, 1_500);
            session.let_run(pause)?;
        }
        Ok(())
    })();
    Ok(session.finish(went))
}

/// SIGSTOP for 1 to 30 s, of one node, at times of two.
pub fn pauses(options: &Options, count: u32) -> Result<Report, String> {
    let mut session = Session::start("pauses", options.setup(false, Place::Directory), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for _ in 0..count {
            if !options.has_time() {
                break;
            }
            let several = if session.prng.below(4) == 0 { 2 } else { 1 };
            let victims = nemesis::victims(&mut session, several);
            let long = session.prng.below(5) == 0;
            let duration = if long { session.some_millis(10_000, 30_000) } else { session.some_millis(1_000, 8_000) };
            nemesis::pause(&mut session, &victims, duration)?;
            session.wait_rest()?;
            let pause = session.some_millis(500, 3_000);
            session.let_run(pause)?;
        }
        Ok(())
    })();
    Ok(session.finish(went))
}

/// All nodes one after the other, in order, so many times.
pub fn rolling(options: &Options, rounds: u32) -> Result<Report, String> {
    let mut session = Session::start("rolling", options.setup(false, Place::Directory), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for _ in 0..rounds {
            if options.has_time() {
                nemesis::rolling_restart(&mut session)?;
                session.let_run(Duration::from_secs(2))?;
            }
        }
        Ok(())
    })();
    Ok(session.finish(went))
}

/// Nodes die for good, one after the other, half of them with their disks, and are replaced by empty ones. The processes of
/// the other half come back later.
pub fn replaced(options: &Options, count: u32) -> Result<Report, String> {
    let mut session = Session::start("replaced", options.setup(false, Place::Directory), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        for number in 0..count {
            if !options.has_time() {
                break;
            }
            let victim = nemesis::victims(&mut session, 1)[0];
            let wiped = number % 2 == 0;
            nemesis::replace(&mut session, victim, wiped)?;
            session.let_run(Duration::from_secs(2))?;
            if !wiped {
                nemesis::return_of_the_dead(&mut session, victim)?;
            }
        }
        Ok(())
    })();
    Ok(session.finish(went))
}
