//! Time of the hot paths, with Criterion: `cargo bench -p measure`, or `cargo bench -p measure -- node/`.

#![allow(missing_docs, reason = "the macros of Criterion make functions without any")]

use criterion::{Criterion, criterion_group, criterion_main};

fn all(criterion: &mut Criterion) {
    for name in measure::NAMES {
        // Prepared only when it is measured: a cluster takes longer to build than what is not asked for deserves.
        criterion.bench_function(name, |bencher| {
            let mut work = measure::prepare(name).expect("every name is a piece of work");
            bencher.iter(&mut work);
        });
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
