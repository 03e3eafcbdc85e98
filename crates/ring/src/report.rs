//! How evenly the allocator spreads load, against random tokens: measured, not promised.
//!
//! [`run`] grows clusters one node at a time and notes at given sizes the highest load of a node over its fair load,
//! and how much the joins moved over the minimum. [`Report`] prints itself as Markdown.
//!
//! Invariant: the same options give the same report.

mod growth;
mod markdown;

pub use growth::{Growth, Nodes, Step};

use crate::{Allocation, Grid};

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How the token space is cut.
    pub grid: Grid,
    /// The number of copies of each partition.
    pub copies: usize,
    /// The kinds of nodes that join, one cluster for each.
    pub nodes: Vec<Nodes>,
    /// The cluster sizes at which to take note, ascending.
    pub sizes: Vec<usize>,
    /// Seeds every random choice.
    pub seed: u64,
}

impl Default for Options {
    /// The default grid with three copies, and as many nodes as it has room for.
    fn default() -> Options {
        let nodes = vec![Nodes::Equal(16), Nodes::Weighted(8), Nodes::Zoned(16)];
        Options { grid: Grid::default(), copies: 3, nodes, sizes: vec![3, 5, 10, 30, 100], seed: 1 }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// A row for each kind of nodes and each size, up to the first size that the grid has no room for.
    pub rows: Vec<Row>,
}

/// The measurements of one kind of nodes at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The kind of nodes.
    pub asked: Nodes,
    /// The size of the cluster.
    pub nodes: usize,
    /// With the allocator; `None` if boundaries ran out before.
    pub even: Option<Outcome>,
    /// With random tokens.
    pub random: Option<Outcome>,
}

/// The state of a cluster at one size, and the way to it from the size noted before.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The highest load of a node over its fair load, which for equal nodes is the mean.
    pub most: f64,
    /// The lowest load of a node over its fair load.
    pub least: f64,
    /// The highest `most` after any join on the way.
    pub worst: f64,
    /// What the joins on the way moved, over the newcomer's fair share. `None` if each newcomer had to get everything.
    pub moved: Option<Moved>,
}

/// What several joins moved, over what they had to move.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The mean.
    pub mean: f64,
    /// The highest.
    pub worst: f64,
}

/// Measures. With thousands of tokens this takes seconds, with tens of thousands minutes.
pub fn run(options: &Options) -> Report {
    let mut rows = Vec::new();
    for asked in &options.nodes {
        let even = grow(options, *asked, Allocation::Even);
        let random = grow(options, *asked, Allocation::Random);
        for ((nodes, even), random) in options.sizes.iter().zip(even).zip(random) {
            let full = even.is_none();
            rows.push(Row { asked: *asked, nodes: *nodes, even, random });
            if full {
                break;
            }
        }
    }
    Report { options: options.clone(), rows }
}

/// One outcome for each size.
fn grow(options: &Options, nodes: Nodes, how: Allocation) -> Vec<Option<Outcome>> {
    let mut growth = Growth::new(options.grid, nodes, options.copies, how, options.seed);
    options.sizes.iter().map(|size| grow_to(&mut growth, *size)).collect()
}

fn grow_to(growth: &mut Growth, size: usize) -> Option<Outcome> {
    let mut steps: Vec<Step> = Vec::new();
    while growth.ring().len() < size {
        steps.push(growth.join().ok()?);
    }
    let last = *steps.last()?;
    // What the first nodes hold is the same whatever their tokens, so it says nothing of the allocator.
    steps.retain(|step| step.nodes > growth.copies());
    let worst = steps.iter().map(|step| step.most).fold(last.most, f64::max);
    Some(Outcome { most: last.most, least: last.least, worst, moved: moved(&steps) })
}

fn moved(steps: &[Step]) -> Option<Moved> {
    let worst = steps.iter().map(|step| step.moved).reduce(f64::max)?;
    Some(Moved { mean: steps.iter().map(|step| step.moved).sum::<f64>() / steps.len() as f64, worst })
}

#[cfg(test)]
mod tests {
    use super::{Nodes, Options, run};
    use crate::Grid;

    #[test]
    fn a_small_report_keeps_the_promise_and_prints() {
        let nodes = vec![Nodes::Equal(16), Nodes::Weighted(8), Nodes::Zoned(16)];
        let options = Options { grid: Grid::new(10).unwrap(), nodes, sizes: vec![3, 10, 20], ..Options::default() };
        let report = run(&options);
        assert_eq!(report.rows.len(), 9);
        for row in report.rows.iter().filter(|row| row.nodes >= 10) {
            let (even, random) = (row.even.as_ref().unwrap(), row.random.as_ref().unwrap());
            assert!(even.most < random.most, "{row:?}");
        }
        let text = report.to_string();
        assert!(text.starts_with("## 1024 partitions, 3 copies"), "{text}");
        assert_eq!(text.matches("### ").count(), 3);
        assert_eq!(report, run(&options));
    }
}
