//! Prints `docs/ring-report.md`. With `--quick`, only clusters of up to 100 nodes.
//!
//! Refuses to measure anything itself; see `ring::report`.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use ring::Grid;
use ring::report::{Nodes, Options, run};

const HEAD: &str = "\
# How evenly the ring spreads load

Made by `cargo run --release -p ring --example ring_report > docs/ring-report.md`. Measured, with a fixed seed: the same
command gives the same page.

Clusters grow from nothing, one node at a time, and tokens once chosen never move. *Load* is the number of partition
replicas a node holds, at three copies. *Fair* is a node's share by weight; for equal nodes it is the mean. A node cannot
hold a partition twice, nor can a zone while there are zones enough; what that cuts off from a share falls to the others.
*On the way* means after any of the joins since the row before, from the fourth node on (the first three hold
everything). *Join moved* is what a join moved over the newcomer's fair share, the minimum that any method must move:
1.000 is perfect, and below 1 the newcomer got a little less than its share. The columns *random* show the same for
random tokens, as in the reference.

The target is max/fair at most 1.05 for equal nodes and for weights, from 3 to 1,000 nodes. It is met, on the way too,
with 16 and more tokens for equal nodes. It is missed in these cases:

- weights 1 : 2 : 4 with fewer than about 12 nodes, where a heavy node has to hold nearly everything (worst at 6 nodes);
- 4 tokens per node, and 8 now and then, as the number of equal nodes or of the lightest: too few to be even;
- three zones, and equal nodes with few tokens, when nearly all boundaries are taken.

**How many nodes a grid has room for.** In a crowded ring every token costs its node as many partition replicas as
there are copies, and tokens never move. So loads can be even only while all nodes together have asked for no more
tokens than there are boundaries: nodes × tokens ≤ partitions. With 4096 partitions that is 256 nodes of 16 tokens or
1,000 nodes of 4; with 65,536 it is 1,000 nodes of 64. Towards the end newcomers get at most an eighth of the free boundaries each, at
least one, and with that fewer tokens and less load than is fair; when none is left, a join is refused.
";

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let most = if quick { 100 } else { 1_000 };
    println!("{HEAD}");
    println!("{}", run(&fine(most)));
    print!("{}", run(&coarse(most)));
}

/// The finest grid, which has room for all the sizes.
fn fine(most: usize) -> Options {
    let mut nodes: Vec<Nodes> = [16, 32, 64].map(Nodes::Equal).into();
    nodes.extend([Nodes::Weighted(16), Nodes::Zoned(16), Nodes::Zoned(64)]);
    let sizes = [3, 5, 10, 30, 100, 300, 1_000].into_iter().filter(|size| *size <= most).collect();
    Options { grid: Grid::new(16).unwrap_or_default(), nodes, sizes, ..Options::default() }
}

/// The default grid, up to and beyond what it has room for.
fn coarse(most: usize) -> Options {
    let mut nodes: Vec<Nodes> = [4, 8, 16, 32, 64].map(Nodes::Equal).into();
    nodes.extend([Nodes::Weighted(8), Nodes::Zoned(16)]);
    let sizes = [3, 5, 10, 30, 60, 100, 120, 250, 300, 500, 1_000].into_iter().filter(|size| *size <= most).collect();
    Options { nodes, sizes, ..Options::default() }
}
