//! `alianza ring-report`: how evenly the ring spreads data over growing clusters, against random tokens. Needs no
//! cluster.

use crate::args::RingReport;
use crate::exit::Failure;
use crate::output;
use ring::Grid;
use ring::report::{Nodes, Options, run as measure};

/// Measures and prints.
pub(crate) fn run(args: &RingReport) -> Result<(), Failure> {
    let grid = Grid::new(args.partitions_bits)
        .ok_or_else(|| Failure::usage("--partitions-bits must be a number from 0 to 16"))?;
    let sizes: Vec<usize> = args.sizes.iter().map(|size| usize::from(*size)).collect();
    if sizes.is_empty() || !sizes.is_sorted() || sizes[0] == 0 {
        return Err(Failure::usage("--sizes must be numbers from 1, the smaller ones first, like 3,5,10"));
    }
    if args.tokens.contains(&0) {
        return Err(Failure::usage("--tokens must be numbers from 1, like 16,32"));
    }
    let nodes = args.tokens.iter().map(|tokens| Nodes::Equal(usize::from(*tokens))).collect();
    let options = Options { grid, copies: usize::from(args.copies), nodes, sizes, seed: args.seed };
    output::print(&measure(&options).to_string())
}
