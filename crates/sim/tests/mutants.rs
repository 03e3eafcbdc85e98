//! Planted bugs: each must be found within a few seeds of a plan that aims at its kind, or the checkers cannot fail; and
//! the same seeds find nothing where no bug is planted.
//!
//! `cargo test --profile quick -p sim --features mutants --test mutants`. `docs/testing.md` lists the planted bugs that
//! nothing here finds yet.

#[path = "mutants/plans.rs"]
mod plans;
#[path = "scenarios/plans.rs"]
mod scenarios;

use sim::{Mutant, Plan, run_safely};

/// The first seed that finds the bug.
fn found_by(mutant: Mutant, seeds: u64, plan: impl Fn(u64) -> Plan) -> Option<(u64, &'static str)> {
    (0..seeds).find_map(|seed| {
        let report = run_safely(Plan { mutant, ..plan(seed) });
        report.failures.first().map(|failure| (seed, failure.property))
    })
}

/// Each bug is found within so many seeds, and no seed that was needed finds anything by itself.
fn assert_found(plan: impl Fn(u64) -> Plan, bugs: &[(Mutant, u64)]) {
    let mut needed = 0;
    for (mutant, seeds) in bugs {
        let found = found_by(*mutant, *seeds, &plan);
        eprintln!("{mutant:?}: {found:?}");
        let Some((seed, _)) = found else { panic!("{mutant:?} was not found in {seeds} seeds") };
        needed = needed.max(seed + 1);
    }
    assert_eq!(found_by(Mutant::None, needed, plan), None, "no bug was planted");
}

const fn bug(name: &'static str, seeds: u64) -> (Mutant, u64) {
    (Mutant::Planted(name), seeds)
}

#[test]
fn what_the_swarm_finds() {
    assert_found(
        plans::swarm,
        &[
            (Mutant::EmptyReads, 10),
            bug("a write supersedes what it has not seen", 10),
            bug("an answer covers what its client has not seen", 10),
            bug("merging drops a sibling", 10),
            bug("answers of an old session count", 15),
            bug("hash trees miss changes", 40),
        ],
    );
}

#[test]
fn what_elements_find() {
    assert_found(plans::elements, &[bug("elements follow the rule of their bucket", 10)]);
}

#[test]
fn what_counters_find() {
    assert_found(
        plans::counters,
        &[
            bug("tallies are added when they are merged", 10),
            bug("a tally forgets what it held", 10),
            bug("an increment is put on an old base", 30),
            bug("an amendment is handed to a second node", 40),
            bug("a change that is handed twice is made twice", 10),
            bug("a change for an earlier life is taken", 40),
            bug("what has ended is counted on", 10),
        ],
    );
    assert_found(plans::counters_missed, &[bug("hash trees miss tallies", 20)]);
}

#[test]
fn what_counted_fields_find() {
    assert_found(
        plans::counted_fields,
        &[
            bug("chains are added when they are merged", 10),
            bug("what was taken of a chain comes back", 10),
            bug("what has ended in a field is counted on", 10),
            bug("a chain forgets what it held", 10),
            bug("a new value leaves what was added", 10),
            bug("a field is changed as one replica holds it", 30),
        ],
    );
    assert_found(plans::counted_fields_missed, &[bug("hash trees miss chains", 20)]);
}

#[test]
fn what_dying_in_fsyncs_finds() {
    // A lost incarnation comes with "incarnations are counted": their lot alone keeps dots apart.
    let bugs = [(Mutant::EarlySynced, 40), (Mutant::LostIncarnation, 10), (Mutant::LyingDisk, 10)];
    assert_found(plans::dying, &bugs);
    assert_found(plans::dying, &[bug("a pulse is told before fsync", 10)]);
}

#[test]
fn what_power_cuts_find() {
    assert_found(
        plans::power_cuts,
        &[
            bug("acknowledged before fsync", 10),
            bug("a known record is acknowledged at once", 140),
            bug("reads do not wait for fsync", 20),
        ],
    );
}

#[test]
fn what_replicas_that_miss_writes_find() {
    assert_found(plans::forgetful, &[(Mutant::ForgedAck, 100)]);
    assert_found(plans::forgetful_deleting, &[bug("tombstones filtered before merging", 60)]);
}

#[test]
fn what_a_disk_that_rots_finds() {
    assert_found(plans::recounted, &[bug("hash trees miss changes", 5)]);
    assert_found(plans::rotten, &[bug("a damaged record is healed from one replica", 10)]);
    assert_eq!(found_by(Mutant::None, 5, plans::rotten), None, "no bug was planted");
}

#[test]
fn what_an_old_image_finds() {
    assert_found(plans::old_images, &[bug("an old data directory is taken", 25)]);
    assert_eq!(found_by(Mutant::None, 30, plans::old_images), None, "no bug was planted");
    let bugs = [bug("batches are not counted", 10), bug("batches are not told", 10)];
    assert_found(scenarios::young_images, &bugs);
}

#[test]
fn what_changes_of_registers_find() {
    assert_found(
        plans::registers,
        &[
            bug("a condition is checked against any copy", 10),
            bug("a change is made again when asked again", 10),
            bug("a change under way is refused at once", 15),
            bug("a register is read from one replica", 10),
            bug("a register accepts what it promised not to", 10),
            bug("a list asks one replica", 10),
            bug("a list leaves out what is not clear", 20),
        ],
    );
    assert_found(scenarios::handed, &[bug("a change that was handed on is made although nobody waits", 40)]);
    assert_found(scenarios::rivals, &[bug("ballots follow refusals only", 30)]);
    assert_found(plans::moving_registers, &[bug("promises stay behind when data moves", 15)]);
}

#[test]
fn what_deletions_of_registers_find() {
    assert_found(
        plans::deleted_registers,
        &[
            bug("the floor stays where it is", 10),
            bug("versions begin anew after a collection", 10),
            bug("collected without rounds", 10),
        ],
    );
}

#[test]
fn what_locks_find() {
    assert_found(
        plans::locks,
        &[
            bug("a lock is had by two", 5),
            bug("a lock is let go by whoever asks", 5),
            bug("a lock ends at half its time", 5),
            bug("a lock never ends", 5),
            bug("versions begin anew after a deletion", 5),
            bug("a register is read from one replica", 10),
        ],
    );
}

#[test]
fn what_watchers_find() {
    assert_found(
        plans::watched,
        &[
            bug("a page of changes ends with the newest", 5),
            bug("only new items are told of", 5),
            bug("changes of a new life go on from the old", 20),
        ],
    );
}

#[test]
fn what_an_id_that_comes_back_finds() {
    assert_found(plans::returning, &[bug("an id comes back", 5)]);
}

#[test]
fn what_explanations_and_dumps_find() {
    let bugs = [bug("an account is taken for another's", 10), bug("a dump asks one replica", 20)];
    assert_found(plans::asides, &bugs);
}

#[test]
fn what_a_restore_finds() {
    assert_found(
        plans::restores,
        &[bug("a restore keeps old stamps", 10), bug("a restore looks at nothing that is there", 20)],
    );
    assert_found(
        plans::restored_registers,
        &[
            bug("a restore keeps old stamps", 10),
            bug("a restore takes back what came since", 10),
            bug("a restore replaces what is to stay", 10),
        ],
    );
}

#[test]
fn what_lossy_links_between_five_copies_find() {
    assert_found(plans::echoes, &[bug("a quorum is one less", 10), bug("read repair after the answer", 60)]);
}

#[test]
fn what_scans_of_replicas_with_gaps_find() {
    assert_found(
        plans::gaps,
        &[bug("a page ends where the longest answer ends", 100), bug("scans repair nothing", 40)],
    );
}

#[test]
fn what_links_that_say_everything_twice_find() {
    assert_found(plans::twice, &[bug("an answer counts twice", 60)]);
    assert_found(plans::first_writes, &[bug("a missing copy is not behind", 80)]);
}

#[test]
fn what_two_operators_find() {
    assert_found(
        scenarios::two_operators,
        &[
            (Mutant::ForgottenPromises, 40),
            bug("accept without a look at the promise", 40),
            bug("promise before fsync", 30),
            bug("accept before fsync", 20),
            bug("first value of the promises", 30),
        ],
    );
}

#[test]
fn what_the_other_scenarios_find() {
    assert_found(scenarios::lost_versions, &[bug("incarnation before fsync", 10)]);
    assert_found(scenarios::joins, &[bug("joiner not seeded", 15)]);
    assert_found(scenarios::leaves, &[bug("joiner not seeded", 15)]);
    assert_found(scenarios::leaver_alone, &[bug("leavers give to gainers alone", 8)]);
    let bugs = [bug("a leaver that died is not named", 8), bug("a leaver that died is no member", 8)];
    assert_found(scenarios::dead_leaver, &bugs);
    assert_found(scenarios::fewer_copies, &[bug("leavers give to gainers alone", 5)]);
    assert_found(scenarios::one_way, &[bug("a hint counts for the quorum", 12)]);
    assert_found(scenarios::old_messages, &[bug("request ids come back after a restart", 8)]);
    assert_found(scenarios::no_power, &[bug("acknowledged before fsync", 5)]);
    assert_found(scenarios::stands_still, &[bug("no fence", 12)]);
}

#[test]
fn what_lone_copies_find() {
    assert_found(
        plans::lone_copies,
        // A page is acknowledged with an fsync that others share, so its answer comes later, and seldom twice when it harms.
        &[bug("a page counts before it is acknowledged", 30), bug("an answer about a page counts twice", 400)],
    );
    assert_found(plans::one_is_late, &[bug("views are passed over", 30)]);
    assert_found(plans::back_in_a_change, &[bug("a hint goes to its target alone", 130)]);
}

#[test]
fn what_two_that_leave_find() {
    assert_found(plans::two_leave, &[bug("w plus one over the union", 30)]);
}

#[test]
fn what_a_ring_that_never_rests_finds() {
    assert_found(
        plans::restless,
        &[
            bug("joiner not seeded", 10),
            bug("reads switch without a barrier", 80),
            bug("writes go to the newest replicas alone", 20),
        ],
    );
}

#[test]
fn what_nodes_that_are_cut_off_find() {
    assert_found(
        plans::cut_off,
        &[
            bug("hints forgotten at restart", 10),
            bug("a hint counts for the quorum", 20),
            bug("differing partitions are left", 10),
        ],
    );
}

#[test]
fn what_bad_ways_of_hints_find() {
    assert_found(plans::keepers_start_again, &[bug("a lone dot names its node", 20)]);
    assert_found(plans::leaky, &[bug("a hint is dropped when it is sent", 160)]);
}

#[test]
fn what_clocks_and_times_to_live_find() {
    assert_found(plans::skewed, &[bug("a stamp below what is held", 10)]);
    assert_found(
        plans::short_lived,
        &[bug("expired versions are shown", 5), bug("time to live by the wrong clock", 5)],
    );
}

#[test]
fn what_deletions_while_nodes_are_away_find() {
    assert_found(
        plans::buried,
        &[
            bug("tombstones go by age", 5),
            bug("collected while a replica is down", 80),
            bug("collected when most replicas agree", 20),
            bug("collected without rounds", 60),
        ],
    );
}
