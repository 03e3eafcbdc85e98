//! The report as Markdown, readable as plain text too.
//!
//! Refuses to measure anything.

use std::fmt;

use super::{Nodes, Report, Row};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (q, copies) = (self.options.grid.count(), self.options.copies);
        writeln!(f, "## {q} partitions, {copies} copies, nodes added one at a time\n")?;
        self.table(f, "Equal nodes", |asked| matches!(asked, Nodes::Equal(_)))?;
        self.table(f, WEIGHTED, |asked| matches!(asked, Nodes::Weighted(_)))?;
        self.table(f, "Equal nodes in three zones in turn", |asked| matches!(asked, Nodes::Zoned(_)))
    }
}

const WEIGHTED: &str = "Weights 1 : 2 : 4 in turn, tokens in proportion (the number is the lightest node's)";

const HEAD: &str = "\
| tokens | nodes | max/fair | min/fair | worst max/fair on the way | join moved, mean | join moved, worst \
| random: max/fair | random: join moved, worst |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

impl Report {
    fn table(&self, f: &mut fmt::Formatter<'_>, title: &str, wanted: impl Fn(Nodes) -> bool) -> fmt::Result {
        let mut rows = self.rows.iter().filter(|row| wanted(row.asked)).peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        writeln!(f, "### {title}\n\n{HEAD}")?;
        rows.try_for_each(|row| line(f, row))?;
        writeln!(f)
    }
}

fn line(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let (Nodes::Equal(asked) | Nodes::Weighted(asked) | Nodes::Zoned(asked)) = row.asked;
    write!(f, "| {asked} | {} ", row.nodes)?;
    let Some(even) = &row.even else {
        return writeln!(f, "| no boundary left | | | | | | |");
    };
    write!(f, "| {:.3} | {:.3} | {:.3} ", even.most, even.least, even.worst)?;
    match &even.moved {
        Some(moved) => write!(f, "| {:.3} | {:.3} ", moved.mean, moved.worst)?,
        None => write!(f, "| | ")?,
    }
    let random = row.random.as_ref();
    cell(f, random.map(|outcome| outcome.most))?;
    cell(f, random.and_then(|outcome| outcome.moved.as_ref()).map(|moved| moved.worst))?;
    writeln!(f, "|")
}

fn cell(f: &mut fmt::Formatter<'_>, value: Option<f64>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "| {value:.3} "),
        None => write!(f, "| "),
    }
}
