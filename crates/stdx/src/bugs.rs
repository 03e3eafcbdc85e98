//! Planted bugs: named places in the code that do the wrong thing on purpose, one at a time, to show that the tests
//! would notice. They exist only in builds with the feature `mutants`, which the tests of the simulator and of the search
//! through small models switch on and nothing else may; everywhere else [`planted`] is `false` at compile time and costs
//! nothing.
//!
//! Invariant: at most one bug is planted on a thread, and only by [`plant`].

use std::cell::Cell;

/// True in builds that can have planted bugs. A release must not be one.
pub const POSSIBLE: bool = cfg!(feature = "mutants");

thread_local! {
    static PLANTED: Cell<&'static str> = const { Cell::new("") };
}

/// True if this bug is planted on this thread.
#[inline]
pub fn planted(name: &str) -> bool {
    POSSIBLE && PLANTED.get() == name
}

/// Plants a bug on this thread in place of the one before; `""` plants none. Does nothing in builds without bugs.
pub fn plant(name: &'static str) {
    PLANTED.set(name);
}

#[cfg(test)]
mod tests {
    use super::{POSSIBLE, plant, planted};

    #[test]
    fn one_bug_at_a_time_and_none_in_other_builds() {
        plant("one");
        assert_eq!((planted("one"), planted("other")), (POSSIBLE, false));
        plant("");
        assert!(!planted("one"));
    }
}
