//! The short form: a little of everything that needs no permission, in about a minute also with a debug build.

use super::Options;
use crate::nemesis::{self, Shape};
use crate::place::Place;
use crate::report::Report;
use crate::session::Session;
use std::time::Duration;

/// Kills, pauses, cuts, a restart in order, and a `kill -9` of all nodes at once.
pub fn short(options: &Options) -> Result<Report, String> {
    let mut session = Session::start("short", options.setup(true, Place::Directory), options.plan())?;
    let went = (|| {
        session.wait_for_requests(100)?;
        for _ in 0..2 {
            let one = nemesis::victims(&mut session, 1);
            nemesis::kill(&mut session, &one, Duration::from_millis(500))?;
            session.wait_for_requests(40)?;
        }
        for shape in [Shape::Isolated, Shape::Mute, Shape::Damaging, Shape::Resetting] {
            nemesis::disturb(&mut session, shape, Duration::from_millis(1_500))?;
            session.wait_for_requests(40)?;
        }
        let one = nemesis::victims(&mut session, 1);
        nemesis::pause(&mut session, &one, Duration::from_millis(1_500))?;
        session.wait_for_requests(40)?;
        let all = session.fleet.running();
        nemesis::kill(&mut session, &all, Duration::from_millis(200))?;
        session.wait_for_requests(100)?;
        session.wait_rest()
    })();
    Ok(session.finish(went))
}
