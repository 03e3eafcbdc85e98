//! Accounts of nodes and explanations.

use super::{bucket, epoch, item_key, node, number, partition, progress, record, text, token};
use causal::Stamp;
use liveness::Condition;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::HintId;
use proto::explain::{Account, Explanation, Held, HintSeen, Inspected, Testimony, ViewUse, Witness};
use stdx::Wall;

pub(crate) fn account() -> BoxedStrategy<Account> {
    let held = prop_oneof![
        Just(Held::Nothing),
        (record(), vec(number(), 0..3)).prop_map(|(record, sizes)| Held::Record { record, sizes }),
        text().prop_map(Held::Failed),
    ];
    let hint = (number(), node(), option::of(number())).prop_map(|(id, target, stamp)| HintSeen {
        id: HintId(id),
        target,
        stamp: stamp.map(Stamp::from_u64),
    });
    let seen = (held, vec(hint, 0..3), any::<bool>(), option::of(any::<u64>()))
        .prop_map(|(held, hints, hints_cut, root)| Inspected { held, hints, hints_cut, root });
    (epoch(), epoch(), epoch(), progress(), any::<bool>(), seen)
        .prop_map(|(epoch, stable, reading, progress, replica, seen)| Account {
            epoch,
            stable,
            reading,
            progress,
            replica,
            seen,
        })
        .boxed()
}

fn witness() -> BoxedStrategy<Witness> {
    let testimony = prop_oneof![
        account().prop_map(|account| Testimony::Answered(Box::new(account))),
        Just(Testimony::Unreachable),
        Just(Testimony::Silent)
    ];
    let conditions = [Condition::Unknown, Condition::Up, Condition::Suspect, Condition::Down];
    (node(), text(), text(), proptest::sample::select(conditions.to_vec()), testimony)
        .prop_map(|(node, name, uri, condition, testimony)| Witness { node, name, uri, condition, testimony })
        .boxed()
}

pub(crate) fn explanation() -> BoxedStrategy<Explanation> {
    let view = (epoch(), vec(node(), 0..3), any::<bool>(), any::<bool>())
        .prop_map(|(epoch, replicas, reads, writes)| ViewUse { epoch, replicas, reads, writes });
    let place = (bucket(), item_key(), token(), partition());
    let lists = (vec(view, 0..3), vec(witness(), 0..3), vec((node(), text()), 0..3));
    (node(), number(), place, lists)
        .prop_map(|(by, at, (bucket, key, token, partition), (views, witnesses, origins))| Explanation {
            by,
            at: Wall(at),
            bucket,
            key,
            token,
            partition,
            views,
            witnesses,
            origins,
        })
        .boxed()
}
