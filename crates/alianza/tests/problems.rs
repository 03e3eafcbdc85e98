//! Nodes and the client call refusals by the same names.

use api::Kind;
use client::Reason;

#[test]
fn the_client_knows_refusals_by_the_names_that_nodes_give_them() {
    let given: Vec<&str> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
    let unknown: Vec<&&str> = Reason::SLUGS.iter().filter(|slug| !given.contains(slug)).collect();
    assert!(unknown.is_empty(), "no node says {unknown:?}");
}
