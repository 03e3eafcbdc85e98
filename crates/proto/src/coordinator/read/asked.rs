//! Which replicas a read asks at once, and when it asks the rest.
//!
//! As many as the level needs: this node if it is one, then whoever is reachable and not slow, in turn, so that each has its
//! share. The rest is asked when one of those asked fails, or is silent for longer than answers usually take (a hedged
//! request; Dean and Barroso 2013, "The Tail at Scale"). While the ring changes everybody is asked: views differ, and what is
//! behind is best seen then.
//!
//! Invariant: a read that lacks answers has asked everybody, or will at a time that is known. Refuses to know what is asked.

use crate::core::Core;
use crate::ids::OpId;
use liveness::is_slow;
use ring::NodeId;
use stdx::{Mono, Span};

/// Answers that take so many times the usual are not waited for alone.
const LONG: u64 = 4;
/// Among more replicas than this, everybody is asked.
const CHOSEN_AMONG: usize = u64::BITS as usize;

/// The replicas that were asked, by their places in the list of replicas.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Asked {
    first: u64,
    at: Mono,
    rest: Rest,
}

#[derive(Clone, Copy, Hash, Debug)]
enum Rest {
    /// Everybody was asked at once.
    Nobody,
    /// They are asked at this time.
    At(Mono),
    /// They were asked at this time.
    Asked(Mono),
}

impl Asked {
    /// Chooses whom to ask when `needed` answers are needed.
    pub(crate) fn choose(core: &Core, id: OpId, replicas: &[NodeId], needed: usize) -> Asked {
        let at = core.now.mono;
        let all = Asked { first: u64::MAX, at, rest: Rest::Nobody };
        let is_moving = core.stable() != core.epoch();
        let is_all = needed >= replicas.len() || replicas.len() > CHOSEN_AMONG;
        if core.config.hedge_after == Span::ZERO || is_all || is_moving {
            return all;
        }
        let (mut first, mut longest) = (0, Span::ZERO);
        for _ in 0..needed {
            let Some(place) = next(core, id, replicas, first) else { return all };
            first |= 1 << place;
            longest = longest.max(core.routes.usual(replicas[place]));
        }
        let patience = longest.times(LONG).max(core.config.hedge_after);
        Asked { first, at, rest: Rest::At(at + patience) }
    }

    /// True if the replica at this place was asked.
    pub(crate) fn has(&self, place: usize) -> bool {
        !matches!(self.rest, Rest::At(_)) || self.first & (1 << place) != 0
    }

    /// When the replica at this place was asked.
    pub(crate) fn since(&self, place: usize) -> Mono {
        match self.rest {
            Rest::Asked(at) if self.first & (1 << place) == 0 => at,
            _ => self.at,
        }
    }

    /// When the rest is to be asked, if it was not yet.
    pub(crate) fn rest_at(&self) -> Option<Mono> {
        match self.rest {
            Rest::At(at) => Some(at),
            _ => None,
        }
    }

    /// The rest is asked now.
    pub(crate) fn ask_rest(&mut self, now: Mono) {
        self.rest = Rest::Asked(now);
    }
}

/// The place of the best replica that is not in `first` and can be reached.
fn next(core: &Core, id: OpId, replicas: &[NodeId], first: u64) -> Option<usize> {
    let open = || (0..replicas.len()).filter(|place| first & (1 << place) == 0 && core.is_usable(replicas[*place]));
    let cost = |place: usize| match replicas[place] {
        node if node == core.node => Span::ZERO,
        node => core.routes.cost(core.now.mono, node),
    };
    let least = open().filter(|place| replicas[*place] != core.node).map(cost).min().unwrap_or_default();
    let turn = (id.0 % replicas.len() as u64) as usize;
    open().min_by_key(|place| {
        (replicas[*place] != core.node, is_slow(cost(*place), least), (*place + turn) % replicas.len())
    })
}
