//! Links that are cut, slow, broken or damaging.

use super::{Options, QUIET};
use crate::nemesis::{self, Shape};
use crate::place::Place;
use crate::report::Report;
use crate::session::Session;

/// Every shape in turn, in an order of its own each round; so many cuts, and other trouble between them.
pub fn cuts(options: &Options, count: u32) -> Result<Report, String> {
    let mut session = Session::start("cuts", options.setup(true, Place::Directory), options.plan())?;
    let went = (|| {
        session.let_run(QUIET)?;
        let mut cuts = 0;
        while cuts < count && options.has_time() {
            let mut shapes = Shape::ALL;
            session.prng.shuffle(&mut shapes);
            for shape in shapes {
                if cuts >= count || !options.has_time() {
                    break;
                }
                let duration = session.some_millis(1_000, 7_000);
                nemesis::disturb(&mut session, shape, duration)?;
                cuts += u32::from(Shape::CUTS.contains(&shape));
                if session.prng.below(3) == 0 {
                    session.wait_rest()?;
                }
                let pause = session.some_millis(300, 2_000);
                session.let_run(pause)?;
            }
        }
        Ok(())
    })();
    Ok(session.finish(went))
}
