//! What keeps a healed cluster from coming to rest, in words: which node, which step of a change, which partition, hint,
//! stream or operator.
//!
//! Refuses to know stores, which `checker::convergence` compares.

use crate::host::{Host, Stage};
use crate::world::World;
use node::proto::{Epoch, Progress, Status};

impl World {
    /// What is still under way on each host; empty if nothing is.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> =
            self.tasks.iter().filter(|task| !task.is_over).map(|task| format!("an operator waits: {task:?}")).collect();
        for host in &self.hosts {
            match (host.stage, host.node.as_ref()) {
                (Stage::Down, _) => missing.push(format!("{} is down", host.id)),
                (Stage::Up, Some(node)) if !node.machine().is_quiet() => missing.extend(self.under_way(host)),
                _ => {}
            }
        }
        missing
    }

    fn under_way(&self, host: &Host) -> Vec<String> {
        let Some(machine) = host.node.as_ref().map(|node| node.machine()) else { return Vec::new() };
        let (status, sizes) = (machine.status(), machine.sizes());
        let mut parts = Vec::new();
        let mut count = |number: u64, what: &str| {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        };
        count(sizes.operations as u64, "operations under way");
        count(u64::from(status.moving), "partitions to hand over");
        count(sizes.streams as u64, "streams being sent");
        count(status.hints.len() as u64, "nodes to give hints to");
        count(sizes.hints as u64, "hints being replayed");
        let mut missing: Vec<String> = status.blocked.iter().map(|why| format!("to {}, {why}", host.id)).collect();
        if status.stable < status.epoch {
            missing.extend(steps(host, &status));
        }
        if !parts.is_empty() {
            missing.push(format!("{} has {}", host.id, parts.join(", ")));
        }
        missing
    }
}

/// Who has not made which step of a change, as a host sees it.
fn steps(host: &Host, status: &Status) -> Vec<String> {
    let of = |(name, part): &(&str, fn(&Progress) -> Epoch)| {
        let late: Vec<String> = status
            .members
            .iter()
            .filter(|member| part(&member.progress) < status.epoch)
            .map(|member| format!("{} ({})", member.member.name, part(&member.progress)))
            .collect();
        let who = late.join(", ");
        (!late.is_empty()).then(|| format!("to {}, epoch {} is not {name} by {who}", host.id, status.epoch))
    };
    let parts: [(&str, fn(&Progress) -> Epoch); 4] = [
        ("acked", |progress| progress.acked),
        ("synced", |progress| progress.synced),
        ("switched", |progress| progress.switched),
        ("settled", |progress| progress.settled),
    ];
    // The first step that somebody has not made explains the later ones.
    parts.iter().filter_map(of).take(1).collect()
}
