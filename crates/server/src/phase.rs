//! Where a process is in its life, for everybody who must act on its end.
//!
//! Invariant: a phase is only ever followed by a later one, and the first reason to end is the one that stays.
//! Refuses to know what each part does about it.

use tokio::sync::watch;

/// How a server ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The node left the cluster and handed everything over.
    Left,
    /// The process was asked to end; the node stays a member.
    Stopped,
    /// The cluster put the node out as dead, or knows that it is an old copy; the sentence says what to do.
    Ejected(String),
    /// Storage failed; the sentence says how.
    Failed(String),
}

/// Where the process is in its life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// It serves.
    Running,
    /// It finishes what it has begun and takes nothing new.
    Stopping(Ended),
    /// It is over, and the data directory is free.
    Over(Ended),
}

/// The one place that holds the phase.
#[derive(Clone, Debug)]
pub(crate) struct PhaseCell {
    sender: watch::Sender<Phase>,
}

impl PhaseCell {
    pub(crate) fn new() -> PhaseCell {
        PhaseCell { sender: watch::Sender::new(Phase::Running) }
    }

    /// Asks for the end, unless it has been asked for before.
    pub(crate) fn stop(&self, why: Ended) {
        self.sender.send_if_modified(|phase| {
            let running = *phase == Phase::Running;
            if running {
                *phase = Phase::Stopping(why);
            }
            running
        });
    }

    /// Says that everything is put away.
    pub(crate) fn over(&self, how: Ended) {
        self.sender.send_replace(Phase::Over(how));
    }

    pub(crate) fn is_running(&self) -> bool {
        *self.sender.borrow() == Phase::Running
    }

    /// Waits until the process does not take anything new any more, and says why.
    pub(crate) async fn stopping(&self) -> Ended {
        let mut receiver = self.sender.subscribe();
        // The sender is in this very cell, so the channel cannot be closed.
        let phase = receiver.wait_for(|phase| *phase != Phase::Running).await;
        match phase.as_deref() {
            Ok(Phase::Stopping(why) | Phase::Over(why)) => why.clone(),
            _ => Ended::Stopped,
        }
    }

    /// Waits until everything is put away.
    pub(crate) async fn ended(&self) -> Ended {
        let mut receiver = self.sender.subscribe();
        let phase = receiver.wait_for(|phase| matches!(phase, Phase::Over(_))).await;
        match phase.as_deref() {
            Ok(Phase::Over(how)) => how.clone(),
            _ => Ended::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, PhaseCell};

    #[tokio::test]
    async fn the_first_reason_stays() {
        let phase = PhaseCell::new();
        assert!(phase.is_running());
        phase.stop(Ended::Left);
        phase.stop(Ended::Stopped);
        assert_eq!(phase.stopping().await, Ended::Left);
        assert!(!phase.is_running());
        phase.over(Ended::Left);
        assert_eq!(phase.ended().await, Ended::Left);
    }
}
