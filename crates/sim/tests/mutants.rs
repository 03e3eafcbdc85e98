//! The checkers can fail: each planted bug is found within a few seeds.
