//! Bad links between nodes, and between clients and nodes.

use crate::proxy::{End, Rule};
use crate::session::Session;
use std::time::Duration;

/// Which links are bad, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One node and all others, clients too, do not hear each other.
    Isolated,
    /// One node and the other nodes do not hear each other; clients do.
    Severed,
    /// Two groups of nodes do not hear each other.
    Halves,
    /// One node hears the others, but is not heard.
    Mute,
    /// One node is heard, but hears nobody.
    Deaf,
    /// Only one pair of nodes does not hear each other.
    Pair,
    /// All links of one node are slow.
    Slow,
    /// The links of one node carry a few bytes at a time.
    Trickling,
    /// Between nodes, bits flip, and pieces are repeated and swallowed.
    Damaging,
    /// All connections of one node are reset, again and again.
    Resetting,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 10] = [
        Shape::Isolated,
        Shape::Severed,
        Shape::Halves,
        Shape::Mute,
        Shape::Deaf,
        Shape::Pair,
        Shape::Slow,
        Shape::Trickling,
        Shape::Damaging,
        Shape::Resetting,
    ];

    /// Those in which nothing passes somewhere.
    pub const CUTS: [Shape; 6] =
        [Shape::Isolated, Shape::Severed, Shape::Halves, Shape::Mute, Shape::Deaf, Shape::Pair];

    fn kind(self) -> &'static str {
        match self {
            Shape::Isolated => "cut: isolated",
            Shape::Severed => "cut: severed from nodes",
            Shape::Halves => "cut: halves",
            Shape::Mute => "cut: one way, mute",
            Shape::Deaf => "cut: one way, deaf",
            Shape::Pair => "cut: one pair",
            Shape::Slow => "slow links",
            Shape::Trickling => "trickling links",
            Shape::Damaging => "damaging links",
            Shape::Resetting => "resets",
        }
    }

    fn rule(self) -> Rule {
        match self {
            Shape::Slow => Rule::slow(40),
            Shape::Trickling => Rule::trickle(),
            Shape::Damaging => Rule::damaging(),
            Shape::Resetting => Rule::default(),
            _ => Rule::cut(),
        }
    }
}

/// Makes links bad for a while. The error also if the proxy had nothing to do.
pub fn disturb(session: &mut Session, shape: Shape, duration: Duration) -> Result<(), String> {
    let mut nodes = session.fleet.running();
    session.prng.shuffle(&mut nodes);
    let Some(links) = session.fleet.proxy.as_ref().map(|proxy| std::sync::Arc::clone(proxy.links())) else {
        return Err("this run has no proxy".to_owned());
    };
    let ways = ways(shape, &nodes);
    let detail = format!("around node-{} for {duration:?}", nodes[0]);
    session.begin_act(shape.kind(), detail, ways.len() as u32, false);
    let before = links.counts.all();
    links.set(ways, shape.rule());
    if shape == Shape::Resetting {
        for _ in 0..(duration.as_millis() / 300).max(1) {
            links.reset(|(from, to)| from == End::Node(nodes[0]) || to == End::Node(nodes[0]));
            session.let_run(Duration::from_millis(300))?;
        }
    } else {
        session.let_run(duration)?;
    }
    links.heal();
    session.lift_act();
    session.act_is_ready();
    // What a cut holds is counted when it is let go.
    session.let_run(Duration::from_millis(300))?;
    let is_deed = |what: &str| !matches!(what, "pieces" | "peer bytes" | "connections");
    let after = links.counts.all();
    if after.iter().filter(|(what, _)| is_deed(what)).all(|(what, count)| before.get(what) == Some(count)) {
        return Err(format!("{} did nothing", shape.kind()));
    }
    Ok(())
}

fn ways(shape: Shape, nodes: &[usize]) -> Vec<(End, End)> {
    let ends = |numbers: &[usize]| numbers.iter().map(|number| End::Node(*number)).collect::<Vec<_>>();
    let (one, others) = (End::Node(nodes[0]), ends(&nodes[1..]));
    let out: Vec<_> = others.iter().map(|other| (one, *other)).collect();
    let back: Vec<_> = others.iter().map(|other| (*other, one)).collect();
    let both: Vec<_> = out.iter().chain(&back).copied().collect();
    let clients = [(End::Clients, one), (one, End::Clients)];
    match shape {
        Shape::Isolated | Shape::Slow => both.into_iter().chain(clients).collect(),
        Shape::Severed | Shape::Trickling => both,
        Shape::Halves => {
            let (left, right) = nodes.split_at(nodes.len() / 2);
            let pairs = ends(left).into_iter().flat_map(|l| ends(right).into_iter().map(move |r| (l, r)));
            pairs.flat_map(|(l, r)| [(l, r), (r, l)]).collect()
        }
        Shape::Mute => out,
        Shape::Deaf => back,
        Shape::Pair => others.first().map(|other| vec![(one, *other), (*other, one)]).unwrap_or_default(),
        Shape::Damaging => {
            let all = ends(nodes);
            all.iter().flat_map(|from| all.iter().filter(move |to| *to != from).map(move |to| (*from, *to))).collect()
        }
        Shape::Resetting => vec![(one, one)],
    }
}

#[cfg(test)]
mod tests {
    use super::{Shape, ways};
    use crate::proxy::End;

    #[test]
    fn one_way_cuts_are_one_way() {
        let mute = ways(Shape::Mute, &[2, 0, 1]);
        assert_eq!(mute, [(End::Node(2), End::Node(0)), (End::Node(2), End::Node(1))]);
        assert!(ways(Shape::Deaf, &[2, 0, 1]).iter().all(|(_, to)| *to == End::Node(2)));
        assert_eq!(ways(Shape::Halves, &[0, 1, 2, 3, 4]).len(), 12);
        assert_eq!(ways(Shape::Isolated, &[0, 1, 2]).len(), 6);
    }
}
