//! Coverage marks: named places in the code that a test or the simulator can count, to show that a rare branch was
//! really taken. Counting is per thread and costs one map look-up where it is switched on, nothing elsewhere.

use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static COUNTS: RefCell<Option<BTreeMap<&'static str, u64>>> = const { RefCell::new(None) };
}

/// Notes that the place called `name` was reached. Does nothing unless this thread called [`start`].
pub fn hit(name: &'static str) {
    COUNTS.with(|counts| {
        if let Some(counts) = counts.borrow_mut().as_mut() {
            *counts.entry(name).or_insert(0) += 1;
        }
    });
}

/// Starts counting on this thread, from zero.
pub fn start() {
    COUNTS.with(|counts| *counts.borrow_mut() = Some(BTreeMap::new()));
}

/// Stops counting on this thread and returns what was counted.
pub fn stop() -> BTreeMap<&'static str, u64> {
    COUNTS.with(|counts| counts.borrow_mut().take()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_only_between_start_and_stop() {
        super::hit("before");
        super::start();
        super::hit("within");
        super::hit("within");
        let counts = super::stop();
        super::hit("after");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("within", 2)]);
    }
}
