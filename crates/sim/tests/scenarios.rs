//! Scenarios by name: plans written by hand for what went wrong elsewhere, or here. `mutants.rs` plants the bug that each is
//! for, and sees it fail.

#[path = "scenarios/plans.rs"]
mod plans;

use sim::{Plan, run};

/// Runs some seeds of a scenario. What `counts` names must have happened in all of them together.
fn assert_well(counts: &[(&'static str, u64)], plan: impl Fn(u64) -> Plan) {
    assert_well_for(3, counts, plan);
}

fn assert_well_for(seeds: u64, counts: &[(&'static str, u64)], plan: impl Fn(u64) -> Plan) {
    let mut faults = std::collections::BTreeMap::new();
    let mut checked = 0;
    for seed in 0..seeds {
        let report = run(plan(seed));
        assert!(report.is_ok(), "seed {seed}: {:?}", report.failures);
        checked += report.checked[0];
        for (class, count) in report.counts.faults {
            *faults.entry(class).or_insert(0) += count;
        }
    }
    assert!(checked > 0, "no read was checked against anything");
    for (class, least) in counts {
        let count = faults.get(class).copied().unwrap_or(0);
        assert!(count >= *least, "{class} happened only {count} times: {faults:?}");
    }
}

/// riak_kv 679: a coordinator that lost what was not on disk must not name new versions like the lost ones.
#[test]
fn kv679_a_coordinator_that_lost_its_newest_versions_reuses_no_dot() {
    assert_well(&[("crash in fsync", 50), ("crash loop", 60)], plans::lost_versions);
}

#[test]
fn nodes_join_under_load() {
    assert_well(&[("join", 6)], plans::joins);
}

#[test]
fn nodes_leave_under_load() {
    assert_well(&[("leave", 6)], plans::leaves);
}

#[test]
fn what_only_a_leaver_holds_is_not_lost() {
    assert_well(&[("leave", 3)], plans::leaver_alone);
}

/// However far it got: the status names it, an operator gives it up, and what is deleted is collected then.
#[test]
fn a_node_that_leaves_dies_for_good() {
    assert_well_for(8, &[("dead leaver", 8), ("cut", 8), ("crash", 16)], plans::dead_leaver);
}

/// A quorum of four replicas may not include the one that stays when a bucket goes down to one copy.
#[test]
fn a_bucket_gets_fewer_copies_under_load() {
    assert_well(&[("change of n", 3)], plans::fewer_copies);
}

#[test]
fn links_fail_in_one_direction() {
    assert_well(&[("one-way cut", 6)], plans::one_way);
}

/// Answers to an earlier life are no answers to this one.
#[test]
fn old_messages_arrive_after_a_restart() {
    assert_well(&[("clog", 24), ("crash", 24)], plans::old_messages);
}

/// One event for each epoch.
#[test]
fn two_operators_at_once_make_no_epoch_twice() {
    assert_well(&[("change of n", 100), ("crash in fsync", 50)], plans::two_operators);
}

/// Acknowledged is on disk.
#[test]
fn the_power_fails_everywhere() {
    assert_well(&[("crash", 30)], plans::no_power);
}

/// What was acknowledged since the last pulse is counted, so a copy from in between is noticed, too (ADR 25).
#[test]
fn an_image_younger_than_a_pulse_is_noticed() {
    assert_well_for(8, &[("old image", 8)], plans::young_images);
}

#[test]
fn a_node_stands_still_while_the_ring_changes() {
    assert_well(&[("pause", 6), ("join", 3)], plans::stands_still);
}

/// A change of a busy item that was refused waits; the next ballot must be above what the others have reached meanwhile, or it is refused
/// for as long as they go on. These seeds failed for that.
#[test]
fn changes_of_busy_items_get_through() {
    let plans = [255, 306, 522].map(plans::handed).into_iter().chain([9, 27, 47].map(plans::rivals));
    for plan in plans {
        let report = run(plan);
        assert!(report.is_ok(), "seed {}: {:?}", report.seed, report.failures);
        assert!(report.counts.registers[0] > 0, "no order was looked for");
    }
}
